//! Result files of a Tekton step.

use super::script::directory;
use andante::adapter::tekton::{BadResult, LIMIT, Results};

const DECLARED: [(&str, &str); 3] = [("outcome", "unknown"), ("candidate", ""), ("traffic", "")];

#[test]
fn every_declared_result_is_there_from_the_beginning() {
    let directory = directory();
    let mut results = Results::begin(&directory, &DECLARED).unwrap().unwrap();
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    assert_eq!((read("outcome"), read("candidate"), read("traffic")), ("unknown".into(), String::new(), String::new()));
    results.set("outcome", "finished").unwrap();
    results.set("outcome", "done").unwrap();
    assert_eq!(read("outcome"), "done");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 3);
}

#[test]
fn without_the_directory_there_is_no_step() {
    assert!(Results::begin(&directory().join("none"), &DECLARED).unwrap().is_none());
}

#[test]
fn what_does_not_fit_is_refused_or_shortened_but_never_written() {
    let directory = directory();
    let mut results = Results::begin(&directory, &DECLARED).unwrap().unwrap();
    results.set("candidate", "hello-00002").unwrap();
    let long = "ü\"".repeat(LIMIT);
    assert!(matches!(results.set("candidate", &long), Err(BadResult::TooLarge { .. })));
    assert_eq!(std::fs::read_to_string(directory.join("candidate")).unwrap(), "hello-00002");
    results.set_text("traffic", &long).unwrap();
    let short = std::fs::read_to_string(directory.join("traffic")).unwrap();
    assert!(short.starts_with("ü\"ü") && short.ends_with("...") && short.len() > LIMIT / 3, "{}", short.len());
    results.set_text("traffic", "stable=100").unwrap();
    assert_eq!(std::fs::read_to_string(directory.join("traffic")).unwrap(), "stable=100");
    assert!(matches!(results.set("other", ""), Err(BadResult::Undeclared(_))));
}

#[test]
fn values_that_belong_together_are_all_written_or_none() {
    let directory = directory();
    let mut results = Results::begin(&directory, &DECLARED).unwrap().unwrap();
    let long = "x".repeat(LIMIT);
    let error = results.set_all(&[("outcome", "done"), ("candidate", &long), ("traffic", "y")]).unwrap_err();
    assert!(matches!(error, BadResult::TooLarge { name, .. } if name == "candidate"));
    assert!(matches!(results.set_all(&[("outcome", "done"), ("other", "")]), Err(BadResult::Undeclared(_))));
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    assert_eq!((read("outcome"), read("candidate"), read("traffic")), ("unknown".into(), String::new(), String::new()));
    // Only what comes of it counts: one value may make room for another.
    results.set("candidate", &"x".repeat(LIMIT / 2)).unwrap();
    results.set_all(&[("traffic", &"y".repeat(LIMIT / 2)), ("candidate", "")]).unwrap();
    assert_eq!((read("candidate"), read("traffic").len()), (String::new(), LIMIT / 2));
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let directory = directory();
    std::fs::create_dir(directory.join("outcome")).unwrap();
    let error = Results::begin(&directory, &DECLARED).unwrap_err();
    assert!(error.to_string().starts_with("the result outcome cannot be written: "), "{error}");
}
