//! Results of a step: every declared one is there however the step ends.

use super::{andante, andante_with, scratch};
use andante::command::RESULTS;
use std::fs;

/// Runs in an empty directory of results, and tells what is in it then, by name.
fn results(test: &str, arguments: &[&str]) -> (i32, Vec<(String, String)>) {
    let directory = scratch(test);
    for entry in fs::read_dir(&directory).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let place = format!("--results={}/message", directory.display());
    let ran = andante(&[&arguments[..1], &[place.as_str()], &arguments[1..]].concat());
    let mut found: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap()))
        .collect();
    found.sort();
    (ran.code, found)
}

fn expect(test: &str, arguments: &[&str], message: &str) {
    let (code, found) = results(test, arguments);
    assert_eq!(code, 2, "{arguments:?}");
    let mut expected: Vec<(String, String)> =
        RESULTS.iter().map(|(name, _)| ((*name).to_owned(), String::new())).collect();
    expected.sort();
    for (name, value) in &mut expected {
        match name.as_str() {
            "outcome" => "bad-input".clone_into(value),
            "message" => message.clone_into(value),
            _ => {}
        }
    }
    assert_eq!(found, expected, "{arguments:?}");
}

#[test]
fn bad_arguments_write_every_result() {
    for name in ["stage", "check", "walk", "roll-out", "settle"] {
        expect(
            &format!("unknown-{name}"),
            &[name, "hello", "--no-such-flag=1"],
            "unexpected argument '--no-such-flag' found",
        );
    }
    expect(
        "unresolved",
        &["walk", "--dwell=$(params.dwell)", "hello"],
        "`--dwell=$(params.dwell)` holds an unresolved Tekton variable `$(...)`: the parameter or result that it names does \
         not exist",
    );
}

#[test]
fn an_end_before_the_cluster_writes_every_result() {
    expect("no-plan", &["walk", "hello", "--steps=50,5"], "the steps must rise: 5 % comes after 50 %");
    expect("nothing-to-check", &["check", "hello", "--probe="], "there is nothing to check: name a --probe PATH");
}

#[test]
fn a_run_says_what_it_stages() {
    let run = [("ANDANTE_TASK_RUN", "build"), ("ANDANTE_TASK_RUN_UID", "u"), ("ANDANTE_RUN_NAMESPACE", "shop")];
    let nothing = "nothing says what to stage: give an --image (an empty one counts as none)";
    for command in ["stage", "roll-out"] {
        let unsaid = andante_with(&run, &[command, "--image=", "--revision=", "--", "hello"]);
        assert_eq!(unsaid.code, 2, "{unsaid:?}");
        assert!(format!("{unsaid:?}").contains(nothing), "{unsaid:?}");
        let other = andante_with(&run, &[command, "--image=", "--set-env=A=b", "--need-image", "--", "hello"]);
        assert_eq!(other.code, 2, "{other:?}");
        assert!(format!("{other:?}").contains("--need-image, and there is no --image"), "{other:?}");
        // Said, it gets as far as looking for a cluster; at a terminal there is nothing to say.
        for other in [
            andante_with(&run, &[command, "--image=", "--revision=newest", "--", "hello"]),
            andante(&[command, "hello"]),
        ] {
            assert!(other.code != 0 && !format!("{other:?}").contains(nothing), "{other:?}");
        }
    }
}
