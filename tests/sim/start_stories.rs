//! Hundreds of random stories of two who start, on one Service: each is killed at any call and comes back, calls go wrong, goals come
//! and go. Each declared goal has one run at most, and the last one is not lost.
//!
//! `ANDANTE_SIM_SEED=n` plays one again and prints it.

use super::fault::{Chooser, Crash, Script};
use super::pipeline::{chance, seconds};
use super::seeded::number;
use super::start_cases::{Deed, wrong};
use super::starts::{declared, name_users, named, start, versions};
use super::world::{World, simulate};
use fastrand::Rng;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How many stories `make test` plays.
const SEEDS: u64 = 50;

/// Somebody who starts what is due again and again, until that moment.
async fn follower(world: World, name: &'static str, until: Instant, mut rng: Rng) {
    for life in 0.. {
        let call = rng.usize(1..16);
        let crash = chance(&mut rng, 60).then(|| if rng.bool() { Crash::Before(call) } else { Crash::After(call) });
        let faults = if chance(&mut rng, 50) { 80 } else { 0 };
        // A process has many turns; here each is one of its own, and the last one is killed.
        for turn in 0..rng.usize(1..5) {
            if Instant::now() >= until {
                return;
            }
            let chooser = Some(Chooser::new(rng.u64(..), faults));
            if chance(&mut rng, 50) {
                let chooser = Some(Chooser::new(rng.u64(..), faults));
                let crash = chance(&mut rng, 20).then(|| Crash::After(rng.usize(1..5)));
                let script = Script { crash, chooser, ..Script::default() };
                if name_users(&world, &format!("{name}-{life}-{turn}-names"), script).await.0.is_none() {
                    break;
                }
            }
            let script = Script { crash: crash.filter(|_| turn == 0), chooser, ..Script::default() };
            if start(&world, &format!("{name}-{life}-{turn}"), script, 2).await.came.is_none() {
                break;
            }
            sleep(Duration::from_millis(rng.u64(200..4000))).await;
        }
        sleep(seconds(&mut rng, 0..10)).await;
    }
}

/// What people do meanwhile. True if the last word is that it is suspended.
async fn people(world: &World, mut rng: Rng) -> bool {
    let (notes, words) = (["a", "b", "c"], ["u", "v", "w", "x", "y", "z"]);
    let (mut by_service, mut by_namespace) = (false, false);
    for word in words {
        let deed = match rng.u8(..10) {
            0..5 => Deed::Declare(notes[rng.usize(..3)]),
            5 | 6 => Deed::Ask(word),
            7 => Deed::Suspend(!by_service),
            8 => Deed::SuspendNamespace(!by_namespace),
            _ => Deed::MakeAgain,
        };
        match deed {
            Deed::Suspend(on) => by_service = on,
            Deed::SuspendNamespace(on) => by_namespace = on,
            _ => {}
        }
        deed.done(world, &Script::default()).await;
        sleep(seconds(&mut rng, 0..60)).await;
    }
    if chance(&mut rng, 80) {
        (by_service, by_namespace) = (false, false);
        Deed::Suspend(false).done(world, &Script::default()).await;
        Deed::SuspendNamespace(false).done(world, &Script::default()).await;
    }
    by_service || by_namespace
}

fn story(seed: u64) -> (Vec<String>, String) {
    simulate(async move {
        fastrand::seed(seed);
        let mut rng = Rng::with_seed(seed);
        let world = World::new("hello", seed);
        declared(&world).await;
        let until = Instant::now() + Duration::from_secs(400);
        let mut tasks = tokio::task::JoinSet::new();
        for name in ["one", "two"] {
            tasks.spawn_local(follower(world.clone(), name, until, rng.fork()));
        }
        let suspended = people(&world, rng.fork()).await;
        let ended = timeout(Duration::from_secs(3600), async { while tasks.join_next().await.is_some() {} }).await;
        // Whatever was in the air has landed, and somebody starts what is left.
        for _ in 0..4 {
            sleep(Duration::from_secs(60)).await;
            Deed::Start.done(&world, &Script::default()).await;
        }
        let mut wrong = wrong(&world, suspended);
        wrong.extend(ended.err().map(|_| "somebody never ends".to_owned()));
        let print = versions(&world)
            .iter()
            .map(|(at, version)| {
                let declared = &version["metadata"]["annotations"];
                format!(
                    "{at:?} {} {} {:?}\n",
                    declared["andante.dev/params"],
                    declared["andante.dev/again"],
                    named(version)
                )
            })
            .chain(world.with(|s| s.run_store.made.iter().map(|made| format!("{made:?}\n")).collect::<Vec<_>>()))
            .collect();
        (wrong, print)
    })
}

#[test]
fn random_starts() {
    let one = number("ANDANTE_SIM_SEED");
    let mut bad = vec![];
    for seed in one.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let (wrong, print) = story(seed);
        if !wrong.is_empty() || one.is_some() {
            eprintln!("seed {seed}: {wrong:#?}\n{print}");
        }
        bad.extend(wrong.into_iter().map(|wrong| format!("seed {seed}: {wrong}")));
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
