//! A walk whose namespace is suspended: it takes no step, whether it may read that only sometimes or not at all.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::{Code, Outcome};
use std::time::Duration;
use tokio::time::sleep;

/// A walk in a namespace with this word, which is taken away after a minute; how it ended, when, and what users had in between.
fn walked(in_care: bool, readable: bool) -> (Option<Outcome>, Duration, i64, String) {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        if in_care {
            world.declare("pipeline", Some("slow-walk"));
        }
        let asker = asker("a", 1, IfBusy::Supersede);
        let prologue = world.scene_is_set();
        theatre.process("stage", &asker, &Job::Stage { image: "ok:2".into(), again: false }, Script::default()).await;
        world.with(|s| s.namespace_readable = readable);
        world.suspend_namespace(Some("a sale"));
        let began = world.start.elapsed();
        let walk = Job::Walk(plan(&[50, 100], 2, 2, None), Looks::default());
        let (ended, there) =
            futures_util::future::join(theatre.process("walk", &asker, &walk, Script::default()), async {
                sleep(Duration::from_secs(60)).await;
                let there =
                    world.served_now().iter().find(|(name, _)| name == "hello-00002").map_or(0, |(_, share)| *share);
                world.suspend_namespace(None);
                there
            })
            .await;
        let took = world.start.elapsed().saturating_sub(began);
        sleep(Duration::from_secs(30)).await;
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
        assert!(theatre.complaints().is_empty(), "{:?}", theatre.complaints());
        (ended, took, there, theatre.sink.lines().join("\n"))
    })
}

#[test]
fn a_namespace_that_is_suspended_holds_a_walk_in_care() {
    let (ended, took, there, said) = walked(true, true);
    assert_eq!(ended.map(|end| end.code), Some(Code::Done), "{said}");
    assert_eq!(there, 0, "no step was taken: {said}");
    assert!(took > Duration::from_secs(60) && took < Duration::from_secs(100), "{took:?}");
    assert!(said.contains("suspended: a sale: no step until andante.dev/suspend is taken off namespace"), "{said}");
    assert!(said.contains("resumed; the dwell begins anew"), "{said}");
}

#[test]
fn where_nobody_is_in_charge_or_the_right_is_missing_it_holds_nothing() {
    for (in_care, readable) in [(false, true), (true, false)] {
        let (ended, _, there, said) = walked(in_care, readable);
        assert_eq!((ended.map(|end| end.code), there), (Some(Code::Done), 100), "{said}");
        assert_eq!(
            said.matches("whether the namespace is suspended cannot be read here").count(),
            usize::from(in_care),
            "{said}"
        );
    }
}
