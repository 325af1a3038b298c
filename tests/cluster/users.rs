//! What users meet while a good version is staged and walked to: nothing but good answers, in the planned shares.

use super::support::*;
use jiff::Timestamp;
use std::time::Duration;

/// Every split in order, users counted, latest restored at the end.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn alone_a_good_release_costs_no_user_an_error_and_keeps_to_the_plan() {
    let space = Space::new("users");
    space.apply(&sample("control", "v1").object);
    space.serve(&sample("hello", "v1"));
    space.settled("control");
    let watch = space.watch("hello");
    let load = Load::start(&space, &["hello", "control"], 50, Duration::from_secs(120));

    space.stage("hello", "v2");
    space.answers("candidate-hello", "v2", 3);
    let walk = space.start(&["walk", "hello", "--steps", "5,20,50,80,100", "--dwell", "3s", "--bake", "2s"]);
    let lines = walk_lines(walk);
    let finished = Timestamp::now();
    std::thread::sleep(Duration::from_secs(1));
    let hits = load.stop();

    no_error_of_ours(&hits, "hello", "control");
    let first = first_move(&watch);
    nobody_saw(&between(&hits, "hello", Timestamp::MIN, first), "v2");
    for (step, percent) in [(1, 5), (2, 20), (3, 50), (4, 80)] {
        let from = time_of(&lines, &format!("step {step} of 5 is served"));
        let to = time_of(&lines, &format!("(step {} of 5)", step + 1));
        // The line is printed after the write; requests that were sent while it was made are nobody's.
        let share = between(&hits, "hello", from, to - jiff::SignedDuration::from_millis(300));
        assert!(share.len() > 60, "{} requests at step {step}", share.len());
        share_is(&share, "v2", percent);
    }
    let last = time_of(&lines, "step 5 of 5 is served");
    nobody_saw(&between(&hits, "hello", last, Timestamp::MAX), "v1");
    assert!(!between(&hits, "hello", finished, Timestamp::MAX).is_empty(), "nobody asked after the end");

    let wanted = [
        "latest 100",
        "hello-00001 100 #stable, latest 0 #candidate",
        "hello-00001 100 #stable, hello-00002 0 #candidate",
        "hello-00001 95 #stable, hello-00002 5 #candidate",
        "hello-00001 80 #stable, hello-00002 20 #candidate",
        "hello-00001 50 #stable, hello-00002 50 #candidate",
        "hello-00001 20 #stable, hello-00002 80 #candidate",
        "hello-00001 0 #stable, hello-00002 100 #candidate",
        "latest 100",
    ];
    assert_eq!(watch.values(|service| split(&service["spec"]["traffic"])), wanted);
    // Each split that moved somebody was really served, one after the other.
    let mut served = watch.values(|service| split(&service["status"]["traffic"])).into_iter();
    for split in &wanted[2..8] {
        assert!(served.any(|s| s == *split), "{split} was never served, or out of order");
    }
    assert_eq!(space.served("hello"), "latest=hello-00002 100");
    assert_eq!(space.version("stable-hello"), None, "our tags are gone");
}

/// Waits for a good end; its lines with their times.
#[track_caller]
fn walk_lines(mut walk: Running) -> Vec<(Timestamp, String)> {
    walk.line("end:", LONG);
    let lines = walk.lines();
    walk.wait(LONG).ended(0).ends_with("finished");
    lines
}

#[track_caller]
fn time_of(lines: &[(Timestamp, String)], text: &str) -> Timestamp {
    lines.iter().find(|(_, line)| line.contains(text)).unwrap_or_else(|| panic!("no line has `{text}`: {lines:#?}")).0
}

/// When the write that moved the first users was made.
fn first_move(watch: &Watch) -> Timestamp {
    let records = watch.seen().into_iter().filter_map(|seen| record(&seen.object));
    let moved = records.into_iter().find(|record| record["step"] == 1).expect("a first step");
    moved["step_at"].as_str().unwrap().parse().unwrap()
}

/// Release after release under load, as on a busy day: no user meets an error, and every end is in order.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_release_after_release_costs_no_user_an_error() {
    let space = Space::new("busy-day");
    space.apply(&sample("control", "v1").object);
    space.serve(&sample("hello", "v1"));
    space.settled("control");
    let load = Load::start(&space, &["hello", "control"], 40, Duration::from_secs(120));
    let began = std::time::Instant::now();
    let mut releases = 0;
    while began.elapsed() < Duration::from_secs(75) {
        let version = if releases % 2 == 0 { "v2" } else { "v3" };
        space.stage("hello", version);
        let walk = ["walk", "hello", "--style", "linear", "--dwell", "500ms", "--bake", "500ms"];
        space.andante(&walk).ended(0).ends_with("finished");
        assert_eq!(space.split("hello"), "latest 100");
        releases += 1;
    }
    let hits = load.stop();
    assert!(releases >= 2, "only {releases} releases");
    no_error_of_ours(&hits, "hello", "control");
}
