//! What people see who follow a run with Tekton's own `tkn pipelinerun logs -f`.

use super::pipelines::{CRASH, V2, place, quick};
use super::support::*;
use std::process::{Child, Command, Stdio};

/// `tkn pipelinerun logs -f`, from the run's beginning to its end.
fn follow(space: &Space, run: &str) -> Child {
    let tkn = std::env::var("ANDANTE_TKN").unwrap_or_else(|_| "tkn".into());
    let mut follow = Command::new(&tkn);
    follow.args(["pipelinerun", "logs", "-f", run, "-n", &space.namespace]);
    follow.env("KUBECONFIG", &space.cluster.kubeconfig).stdout(Stdio::piped()).stderr(Stdio::piped());
    follow.spawn().unwrap_or_else(|e| panic!("{tkn} (tests/testbed/cluster env names it): {e}"))
}

/// What it showed of a task: each line must say when, and of what it speaks.
fn lines(shown: &str, task: &str) -> Vec<String> {
    let begin = format!("[{task} : {task}] ");
    let lines: Vec<String> = shown.lines().filter_map(|l| l.strip_prefix(&begin)).map(str::to_owned).collect();
    for line in &lines {
        // `10:01:43 stage:  hello-00002 is ready`
        let (time, rest) = line.split_once(' ').unwrap_or_default();
        let digits: Vec<&str> = time.split(':').collect();
        assert!(digits.len() == 3 && digits.iter().all(|d| d.len() == 2 && d.parse::<u8>().is_ok()), "{line}");
        let (topic, said) = rest.split_once(':').unwrap_or_else(|| panic!("of what does it speak? {line}"));
        assert!(topic.chars().all(|c| c.is_ascii_lowercase()) && said.trim().len() > 5, "{line}");
        assert!(!line.chars().any(char::is_control) && !line.contains('{') && line.len() < 500, "not plain: {line}");
    }
    lines
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn tkn_shows_a_plain_line_an_event_and_an_end_that_says_what_next() {
    let space = place("pipe-logs", "pipelines/roll-out-image");
    for (name, image, end) in [
        ("good", V2, ["finished: hello-00002", "traffic now: latest 100 %", ""]),
        ("bad", CRASH, ["hello-00003 does not become ready", "traffic now: hello-00002 100 %", "next: "]),
    ] {
        let run = quick(image).start(&space, name);
        let following = follow(&space, name);
        run.over();
        let shown = following.wait_with_output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        eprintln!("{shown}");
        let (walk, settled) = (lines(&shown, "roll-out"), lines(&shown, "settle"));
        // One line an event: nothing is said twice.
        let said: std::collections::BTreeSet<_> = walk.iter().map(|l| l.split_once(' ').unwrap().1).collect();
        assert_eq!(said.len(), walk.len(), "{walk:#?}");
        for lines in [&walk, &settled] {
            assert!(lines.last().unwrap().contains(" end: "), "{lines:#?}");
        }
        for part in end {
            assert!(walk.last().unwrap().contains(part), "no `{part}` in {:?}", walk.last());
        }
        if name == "good" {
            for event in ["staged", "step 1 of 2 is served", "step 2 of 2 is served"] {
                assert!(walk.iter().any(|l| l.contains(event)), "no `{event}` in {walk:#?}");
            }
        }
    }
}
