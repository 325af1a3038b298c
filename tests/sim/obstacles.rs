//! What stands in a rollout's way and is not its candidate's fault: no room, a name that is taken, a stable that serves nobody.

use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::state::State;
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::{Code, Outcome};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What came of staging: the end, how long it took, the split that is left, what users get, and the lines.
struct Staged {
    outcome: Outcome,
    took: Duration,
    split: String,
    served: Vec<(String, i64)>,
    lines: String,
    writes: usize,
}

/// Stages each image, one after the other, on a Service that runs `before`; the last end counts.
fn stage(before: &'static str, traffic: Value, scene: fn(&mut State), images: &'static [&'static str]) -> Staged {
    simulate(async move {
        let theatre = Theatre::new(11);
        let world = theatre.world.clone();
        world.deploy(&world.plain(before)).await;
        world.move_traffic(&traffic).unwrap();
        sleep(Duration::from_secs(20)).await;
        world.with(scene);
        let mut last = None;
        for (i, image) in images.iter().enumerate() {
            let begun = Instant::now();
            let label = format!("run{i}");
            let job = Job::Stage { image: (*image).into(), again: false };
            let asker = asker(&label, 100 + i as u64, IfBusy::Supersede);
            let outcome = theatre.process(&label, &asker, &job, Script::default()).await.unwrap();
            last = Some((outcome, begun.elapsed(), theatre.writes(&label)));
        }
        assert_eq!(theatre.complaints(), Vec::<String>::new());
        let (outcome, took, writes) = last.unwrap();
        let split = brief(&world.service().unwrap());
        Staged { outcome, took, split, served: world.served_now(), lines: theatre.sink.lines().join("\n"), writes }
    })
}

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

fn everyone(name: &str) -> Vec<(String, i64)> {
    vec![(name.to_owned(), 100)]
}

#[test]
fn a_candidate_that_finds_room_in_time_is_staged() {
    for image in ["no-room:2-60", "no-quota:2-60"] {
        let images: &'static [&'static str] =
            if image.starts_with("no-room") { &["no-room:2-60"] } else { &["no-quota:2-60"] };
        let staged = stage("ok:1", latest(), |_| (), images);
        assert_eq!(staged.outcome.code, Code::Done, "{image}: {}\n{}", staged.outcome.line(), staged.lines);
        assert!(staged.lines.contains("hello-00002 lacks room"), "{image}: {}", staged.lines);
        assert_eq!(staged.split, "hello-00001#stable=100 hello-00002#candidate=0");
    }
}

#[test]
fn without_room_it_ends_at_the_deadline_and_may_be_tried_again() {
    let staged = stage("ok:1", latest(), |_| (), &["no-room:2-999"]);
    assert_eq!(staged.outcome.code, Code::NeverReady, "{}", staged.outcome.line());
    assert!(staged.outcome.what.contains("found no room within 2m"), "{}", staged.outcome.what);
    assert!(!staged.outcome.next.contains("mended"), "{}", staged.outcome.next);
    assert!(staged.took >= Duration::from_secs(120), "{:?}", staged.took);
    assert_eq!(staged.split, "hello-00001=100");
    // Room comes while nobody tries; the same image is then no rejected one.
    let again = stage("ok:1", latest(), |_| (), &["no-room:2-150", "no-room:2-150"]);
    assert_eq!(again.outcome.code, Code::Done, "{}", again.outcome.line());
    assert_eq!(again.split, "hello-00001#stable=100 hello-00002#candidate=0");
}

#[test]
fn containers_that_a_node_cannot_make_are_no_fault_of_the_candidates() {
    let staged = stage("ok:1", latest(), |_| (), &["unmounted:2"]);
    assert_eq!(staged.outcome.code, Code::NeverReady, "{}", staged.outcome.line());
    assert!(staged.outcome.what.contains("ContainerCreating: a node has its pod"), "{}", staged.outcome.what);
    assert!(!staged.outcome.next.contains("mended"), "{}", staged.outcome.next);
    let again = stage("ok:1", latest(), |_| (), &["unmounted:2", "unmounted:2"]);
    assert_eq!(again.outcome.code, Code::NeverReady, "it is tried, not refused: {}", again.outcome.line());
    // Where pods cannot be listed nothing tells the one from the other.
    let blind = stage("ok:1", latest(), |s| s.pods_readable = false, &["unmounted:2", "unmounted:2"]);
    assert_eq!(blind.outcome.code, Code::RejectedBefore, "{}", blind.outcome.line());
}

#[test]
fn a_first_deployment_waits_for_room_too() {
    simulate(async {
        let theatre = Theatre::new(5);
        let job = Job::Stage { image: "no-room:1-60".into(), again: false };
        let asker = asker("a", 100, IfBusy::Supersede);
        let outcome = theatre.process("a", &asker, &job, Script::default()).await.unwrap();
        assert_eq!(outcome.code, Code::Done, "{}", outcome.line());
    });
}

/// Tekton tries a task once more, and the run was told to try what was rejected.
#[test]
fn a_retry_walks_nobody_to_what_its_own_run_found_bad() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let again = |image: &str| Job::Stage { image: image.into(), again: true };
        let run = asker("a", 100, IfBusy::Supersede);
        theatre.process("stage", &run, &again("crash-later:2-10"), Script::default()).await;
        let walk = Job::Walk(plan(&[50, 100], 60, 60, None), Looks::default());
        let walked = theatre.process("a", &run, &walk, Script::default()).await.unwrap();
        assert_eq!(walked.code, Code::RolledBack, "{}", walked.line());
        let named = Job::TakeUp(Some("hello-00002".parse().unwrap()));
        let retry = theatre.process("a-2", &run, &again("crash-later:2-10"), Script::default()).await.unwrap();
        assert_eq!((retry.code, theatre.writes("a-2")), (Code::RolledBack, 0), "{}", retry.line());
        // Of a run that was not told to, it is known as before.
        let retry = theatre.process("a-4", &run, &named, Script::default()).await.unwrap();
        assert_eq!((retry.code, theatre.writes("a-4")), (Code::RejectedBefore, 0), "{}", retry.line());
        // Another run may try it again.
        let next = asker("b", 200, IfBusy::Supersede);
        let other = theatre.process("b", &next, &again("crash-later:2-10"), Script::default()).await.unwrap();
        assert_eq!(other.code, Code::Done, "{}", other.line());
    });
}

#[test]
fn a_candidate_that_somebody_deletes_is_not_rejected_for_it() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let (run, stage) = (asker("a", 100, IfBusy::Supersede), Job::Stage { image: "ok:2".into(), again: false });
        theatre.process("stage", &run, &stage, Script::default()).await;
        let walk = Job::Walk(plan(&[50, 100], 30, 30, None), Looks::default());
        let (walked, ()) = tokio::join!(theatre.process("a", &run, &walk, Script::default()), async {
            sleep(Duration::from_secs(10)).await;
            theatre.world.delete_revision("hello-00002");
        });
        let walked = walked.unwrap();
        assert_eq!(walked.code, Code::RolledBack, "{}", walked.line());
        assert!(!walked.next.contains("mended"), "{}", walked.line());
        let next = asker("b", 200, IfBusy::Supersede);
        let again = theatre.process("b", &next, &stage, Script::default()).await.unwrap();
        assert_ne!(again.code, Code::RejectedBefore, "{}", again.line());
    });
}

#[test]
fn a_service_that_exists_and_cannot_be_seen_is_not_created_for_ever() {
    simulate(async {
        let theatre = Theatre::new(5);
        theatre.world.with(|s| s.exists_unseen = true);
        let (asker, job) = (asker("a", 100, IfBusy::Supersede), Job::Stage { image: "ok:1".into(), again: false });
        let outcome = theatre.process("a", &asker, &job, Script::default()).await.unwrap();
        assert_eq!(outcome.code, Code::Unreachable, "{}", outcome.line());
        assert!(outcome.what.contains("exists, and yet none can be read"), "{}", outcome.line());
        assert!(theatre.calls("a") < 100, "{} calls", theatre.calls("a"));
    });
}

fn taken(state: &mut State) {
    state.foreign.insert("candidate-hello".into());
}

fn taken_and_hidden(state: &mut State) {
    state.foreign.insert("stable-hello".into());
    state.names_readable = false;
}

#[test]
fn a_name_that_is_taken_is_seen_before_the_first_write() {
    let staged = stage("ok:1", latest(), taken, &["ok:2"]);
    assert_eq!((staged.outcome.code, staged.writes), (Code::BadState, 0), "{}", staged.outcome.line());
    let line = staged.outcome.line();
    assert!(line.contains("`candidate-hello`") && line.contains("--candidate-tag"), "{line}");
    assert_eq!(staged.split, "latest=100");
}

#[test]
fn a_taken_name_that_cannot_be_read_takes_the_tag_back_at_once() {
    let staged = stage("ok:1", latest(), taken_and_hidden, &["slow:2-60"]);
    assert_eq!(staged.outcome.code, Code::BadState, "{}", staged.outcome.line());
    let line = staged.outcome.line();
    assert!(line.contains("`stable-hello`") && line.contains("--stable-tag"), "{line}");
    assert!(staged.took < Duration::from_secs(10), "{:?}", staged.took);
    // No tag of ours is left, so Knative serves the split again.
    assert_eq!((staged.split.as_str(), staged.served), ("hello-00001=100", everyone("hello-00001")));
    // The same image is not blamed.
    let again = stage("ok:1", latest(), taken_and_hidden, &["ok:2", "ok:2"]);
    assert_eq!(again.outcome.code, Code::BadState, "{}", again.outcome.line());
}

#[test]
fn what_mends_a_stable_that_serves_nobody_gets_everyone_at_once() {
    let pinned = json!([{"revisionName": "hello-00001", "percent": 100}]);
    for (traffic, left) in [(latest(), "latest=100"), (pinned, "hello-00002=100")] {
        let staged = stage("breaks:1-5", traffic, |_| (), &["ok:2"]);
        assert_eq!((staged.outcome.code, staged.outcome.word), (Code::Done, "finished"), "{}", staged.outcome.line());
        assert!(staged.lines.contains("hello-00001 serves nobody (ExitCode3"), "{}", staged.lines);
        assert_eq!((staged.split.as_str(), staged.served), (left, everyone("hello-00002")));
    }
}

#[test]
fn what_is_there_already_and_serves_nobody_is_no_success() {
    let staged = stage("breaks:1-5", latest(), |_| (), &["breaks:1-5"]);
    assert_eq!((staged.outcome.code, staged.writes), (Code::BadState, 0), "{}", staged.outcome.line());
    assert!(staged.outcome.what.contains("hello-00001 serves nobody (ExitCode3"), "{}", staged.outcome.what);
    assert!(staged.outcome.next.contains("--again"), "{}", staged.outcome.next);
}

#[test]
fn a_stable_that_is_up_for_a_moment_now_and_then_serves_nobody_either() {
    let images: [&'static [&'static str]; 5] =
        [&["slow:2-9"], &["slow:2-13"], &["slow:2-17"], &["slow:2-21"], &["slow:2-25"]];
    for image in images {
        let staged = stage("wavers:1-5", latest(), |_| (), image);
        assert_eq!((staged.outcome.code, staged.outcome.word), (Code::Done, "finished"), "{}", staged.outcome.line());
        assert_eq!((staged.split.as_str(), staged.served), ("latest=100", everyone("hello-00002")));
    }
}

#[test]
fn a_mending_release_that_does_not_start_moves_nobody_and_the_next_one_may() {
    let failed = stage("breaks:1-5", latest(), |_| (), &["crash-start:2"]);
    assert_eq!(failed.outcome.code, Code::NeverReady, "{}", failed.outcome.line());
    assert_eq!(failed.split, "hello-00001=100");
    let mended = stage("breaks:1-5", latest(), |_| (), &["crash-start:2", "ok:3"]);
    assert_eq!(mended.outcome.code, Code::Done, "{}", mended.outcome.line());
    assert_eq!((mended.split.as_str(), mended.served), ("latest=100", everyone("hello-00003")));
}

/// A release of everyone at once, whose stable breaks at some moment around the end of staging; the end, and what users get.
fn roll_out_while(breaks: &'static str, candidate: &'static str) -> (Outcome, Vec<(String, i64)>, String) {
    simulate(async move {
        let theatre = Theatre::serving(11, breaks, true).await;
        let world = theatre.world.clone();
        let asker = asker("run", 100, IfBusy::Supersede);
        let job = Job::Stage { image: candidate.into(), again: false };
        let mut outcome = theatre.process("stage", &asker, &job, Script::default()).await.unwrap();
        if outcome.word == "staged" {
            let job = Job::Walk(plan(&[100], 0, 5, None), Looks::default());
            outcome = theatre.process("walk", &asker, &job, Script::default()).await.unwrap();
        }
        sleep(Duration::from_secs(30)).await;
        assert_eq!(theatre.complaints(), Vec::<String>::new());
        (outcome, world.served_now(), theatre.print(0))
    })
}

#[test]
fn a_stable_that_breaks_at_whatever_moment_keeps_no_release_back() {
    let mut bad = vec![];
    for kind in ["breaks", "wavers"] {
        for second in 18..32 {
            let stable: &'static str = format!("{kind}:1-{second}").leak();
            let (outcome, served, print) = roll_out_while(stable, "ok:2");
            if outcome.code != Code::Done || served != everyone("hello-00002") {
                bad.push(format!("{stable}: {} {served:?}", outcome.line()));
                eprintln!("--- {stable}\n{print}");
            }
        }
    }
    assert!(bad.is_empty(), "{} of 28:\n{}", bad.len(), bad.join("\n"));
}

/// Stages an image, lets something happen, and stages the same again, by another run and without `--again`.
fn twice(image: &'static str, first: bool, meanwhile: fn(&mut State), rest: u64) -> (Outcome, Outcome, String) {
    simulate(async move {
        let theatre = if first { Theatre::new(7) } else { Theatre::serving(7, "ok:1", true).await };
        let world = theatre.world.clone();
        let job = Job::Stage { image: image.into(), again: false };
        let one = theatre.process("a", &asker("a", 100, IfBusy::Supersede), &job, Script::default()).await.unwrap();
        world.with(meanwhile);
        sleep(Duration::from_secs(rest)).await;
        let two = theatre.process("b", &asker("b", 200, IfBusy::Supersede), &job, Script::default()).await.unwrap();
        (one, two, brief(&world.service().unwrap()))
    })
}

/// A registry's 404: the image is pushed after the first try.
#[test]
fn an_image_that_was_missing_may_be_tried_again_once_it_is_there() {
    let (one, two, split) = twice("never:2", false, |s| s.push_again("never:2"), 5);
    assert_eq!(one.code, Code::NeverReady, "{}", one.line());
    assert!(one.what.contains("ContainerMissing") && one.what.contains("may be tried again"), "{}", one.what);
    assert_eq!(two.code, Code::Done, "{}", two.line());
    // A revision of its own, because the first one would be asked after for a quarter of an hour more.
    assert_eq!(split, "hello-00001#stable=100 hello-00003#candidate=0");
    // While it is missing the same ends as before, and is no rejected candidate.
    let (_, two, split) = twice("never:2", false, |_| (), 5);
    assert_eq!((two.code, split.as_str()), (Code::NeverReady, "hello-00001=100"), "{}", two.line());
}

#[test]
fn a_first_deployment_whose_image_was_missing_may_be_tried_again_too() {
    let (one, two, split) = twice("never:1", true, |s| s.push_again("never:1"), 5);
    assert_eq!(one.code, Code::NeverReady, "{}", one.line());
    assert_eq!((two.code, split.as_str()), (Code::Done, "latest=100"), "{}", two.line());
}

/// All that was said against it is that it was not ready, and now it is.
#[test]
fn one_that_became_ready_later_is_not_rejected_any_more() {
    let (one, two, split) = twice("slow:2-150", false, |_| (), 60);
    assert_eq!(one.code, Code::NeverReady, "{}", one.line());
    assert_eq!(two.code, Code::Done, "{}", two.line());
    assert_eq!(split, "hello-00001#stable=100 hello-00002#candidate=0");
    // Its own fault stays one, as long as it lasts.
    let (one, two, _) = twice("crash-start:2", false, |_| (), 60);
    assert_eq!((one.code, two.code), (Code::NeverReady, Code::RejectedBefore), "{}", two.line());
}
