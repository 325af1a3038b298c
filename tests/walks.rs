//! Golden walks: a script of what happens goes in, the walk's lines come out. They double as a description of behaviour:
//! read `tests/walks/*.txt`. `ANDANTE_BLESS=1 cargo test --test walks` rewrites what comes out.
//!
//! The machine is stepped by hand here: no runtime, no clock, no cluster. What Knative does is the rehearsal's stand-in;
//! proving Knative is the cluster tests' work. Nor is there chance: of 100 requests at 1 % exactly one fails.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, clippy::too_many_lines)]

use andante::cli::{Cli, Command};
use andante::machine::standing::Claimant;
use andante::machine::walk::{Walk, WalkGoal};
use andante::model::event::Log;
use andante::model::name::GoalId;
use andante::model::observed::Service;
use andante::rollout::declaration::read::Stated;
use andante::rollout::goal::{Goal, GoalOptions};
use clap::Parser;
use std::fmt::Write as _;

#[path = "walks/stage.rs"]
mod stage;
#[path = "walks/users.rs"]
mod users;

use stage::{Stage, walker};

/// The id of what a Service declares.
fn declared(service: &Service) -> GoalId {
    Stated::of_service(service).read().unwrap().id
}

fn walk(command: &str, claimant: Claimant) -> Walk {
    // What stands between apostrophes is one argument.
    let parts = command.split('\'').enumerate();
    let words = parts.flat_map(|(i, part)| if i % 2 == 1 { vec![part] } else { part.split_whitespace().collect() });
    let words = ["andante", "walk", "hello"].into_iter().chain(words);
    let Command::Walk(args) = Cli::try_parse_from(words).unwrap().command else { panic!("not a walk") };
    let service = args.cluster.service.clone();
    let options = GoalOptions { service, candidate: None, walk: Some(args.options().unwrap()) };
    let goal = WalkGoal::of(&Goal::new(options).unwrap(), &"shop".parse().unwrap(), false).unwrap();
    Walk::new(goal, claimant.against(args.owner.goal()))
}

/// Plays a script: lines that begin with `$` start a walk, `>` lets time pass or something happen; the rest is remark.
/// What comes out stands, indented, below.
fn play(script: &str) -> String {
    let mut stage = Stage::new();
    let mut machine = None;
    let mut text = String::new();
    for line in script.lines().filter(|line| !line.starts_with("  ")) {
        writeln!(text, "{line}").unwrap();
        if let Some(command) = line.strip_prefix("$ andante walk hello") {
            stage.walks += 1;
            let mut claimant = walker(&format!("process-{}", stage.walks));
            if let Some(newer) = &stage.newer {
                (claimant.asker.owner, claimant.asker.intent) = (newer.clone(), stage.now);
            }
            let world = stage.knative.world(stage.now);
            // The goal that is declared when the walk begins, and the one that the walk before was for.
            if command.contains("PRESENT") {
                stage.goal = Some(declared(world.service().unwrap()));
            }
            let goal = stage.goal.as_ref().map(ToString::to_string).unwrap_or_default();
            machine = Some(walk(&command.replace("PRESENT", &goal).replace("AS-BEFORE", &goal), claimant));
            stage.log = Log::default();
            stage.done = false;
            stage.signal(None);
        } else if let Some(what) = line.strip_prefix("> ") {
            match what.strip_suffix(" pass") {
                Some(time) => {
                    let time = humantime::parse_duration(time).unwrap();
                    let until = stage.now.checked_add(time).unwrap();
                    stage.run(machine.as_mut().unwrap(), until);
                }
                None => stage.happen(what),
            }
        }
        if let (Some(machine), false) = (&mut machine, line.starts_with('#')) {
            let now = stage.now;
            stage.run(machine, now);
        }
        text.push_str(&std::mem::take(&mut stage.out));
    }
    text
}

#[test]
fn every_script_ends_as_it_is_written() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/walks");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "txt") {
            continue;
        }
        let script = std::fs::read_to_string(&path).unwrap();
        let text = play(&script);
        if std::env::var_os("ANDANTE_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let now = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, now, "{}: if this is meant, ANDANTE_BLESS=1 cargo test --test walks", path.display());
        played += 1;
    }
    assert!(played >= 10, "{played} scripts");
}
