//! Results of a step: every declared one is there however the step ends.

use super::{andante, andante_with, scratch};
use andante::cli::{IMAGE_RESULTS, RESULTS};
use std::fs;
use std::path::{Path, PathBuf};

/// Runs in an empty directory of results, and tells what is in it then, by name.
fn results(test: &str, arguments: &[&str]) -> (i32, Vec<(String, String)>) {
    let directory = empty(test);
    let place = format!("--results={}/message", directory.display());
    let ran = andante(&[&arguments[..1], &[place.as_str()], &arguments[1..]].concat());
    (ran.code, written(&directory))
}

/// An empty directory.
fn empty(test: &str) -> PathBuf {
    let directory = scratch(test);
    for entry in fs::read_dir(&directory).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    directory
}

/// The files of a directory by name, and what is in them.
fn written(directory: &Path) -> Vec<(String, String)> {
    let mut found: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap()))
        .collect();
    found.sort();
    found
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
fn bad_arguments_write_every_result_however_their_place_is_named() {
    let directory = empty("apart");
    let place = directory.to_str().unwrap();
    for (arguments, written_there) in [
        (vec!["image", "--results", place, "hello", "--no-such-flag"], true),
        (vec!["image", "hello", "--no-such-flag", "--results", place], true),
        (vec!["image", "--no-such-flag", "--", "hello", "--results", place], false),
        (vec!["image", "hello", "--no-such-flag", "--results"], false),
    ] {
        empty("apart");
        assert_eq!(andante(&arguments).code, 2);
        let found = written(&directory);
        assert_eq!(found.len(), if written_there { IMAGE_RESULTS.len() } else { 0 }, "{arguments:?}");
        for (name, text) in found {
            let said = "unexpected argument '--no-such-flag' found";
            let expected = match name.as_str() {
                "message" => said,
                "exists" => "unknown",
                _ => "",
            };
            assert_eq!(text, expected, "{name} of {arguments:?}");
        }
    }
}

#[test]
fn a_place_for_results_that_is_not_there_ends_it_before_anything_is_asked() {
    let place = scratch("nowhere").join("none");
    let ran = andante(&["image", "hello", "--results", &format!("{}/message", place.display())]);
    let said = format!("andante: --results: there is no directory {}\n", place.display());
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr), (2, "", said));
}

#[test]
fn results_that_do_not_fit_are_not_half_written() {
    let directory = empty("too-large");
    let repository = format!("gcr.io/{}", "x".repeat(200));
    let digest = format!("sha256:{}", "0".repeat(64));
    let place = directory.to_str().unwrap();
    let tag = "t".repeat(128);
    let ran = andante(&[
        "image",
        "hello",
        "--results",
        place,
        "--repository",
        &repository,
        "--digest",
        &digest,
        "--tag",
        &tag,
    ]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("bytes too many for the 1024 that all results share"), "{}", ran.stderr);
    for (name, text) in written(&directory) {
        match name.as_str() {
            "message" => assert!(text.starts_with("the result image has "), "{text}"),
            "exists" => assert_eq!(text, "unknown"),
            _ => assert_eq!(text, "", "{name}"),
        }
    }
}

#[test]
fn an_end_before_the_cluster_writes_every_result() {
    expect("no-plan", &["walk", "hello", "--steps=50,5"], "the steps must rise: 5 % comes after 50 %");
    expect(
        "nothing-to-check",
        &["check", "hello", "--probe="],
        "there is nothing to check: name a --probe PATH, or a --replay FILE",
    );
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
