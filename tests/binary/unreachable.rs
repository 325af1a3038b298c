//! No cluster, or one that does not answer: an exit code of its own, and who was asked for what.

use super::server::kubeconfig;
use super::{andante, expect, file};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

/// A kubeconfig of a cluster whose port nobody listens on. Written once: another test may be reading it.
pub(super) fn nobody_there() -> String {
    static FILE: LazyLock<String> = LazyLock::new(|| file("nobody-there", &kubeconfig(1, "demo")));
    FILE.clone()
}

const NO_CLUSTER: &str = "no cluster: give --kubeconfig, set KUBECONFIG, or run in a pod with a service account";

#[test]
fn without_a_kubeconfig_it_says_how_to_name_a_cluster() {
    for arguments in [&["status", "hello"][..], &["watch", "hello"], &["control", "abort", "hello"], &["plan", "hello"]]
    {
        expect(arguments, 2, "", &format!("andante: {NO_CLUSTER}\n"));
    }
    for arguments in [&["stage", "hello", "--image", "i"][..], &["walk", "hello"], &["settle", "hello"]] {
        let ran = andante(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stdout.ends_with(&format!(" end:     {NO_CLUSTER}\n")), "{}", ran.stdout);
    }
}

#[test]
fn a_question_gives_up_soon() {
    let file = nobody_there();
    let refused = "no answer from the API server: get services.serving.knative.dev hello in namespace demo: \
                   Connection refused (os error 111)";
    for command in [&["status"][..], &["control", "pause"], &["plan"]] {
        let mut arguments = command.to_vec();
        arguments.extend(["hello", "--kubeconfig", &file, "--patience", "300ms"]);
        expect(&arguments, 21, "", &format!("andante: {refused}\n"));
    }
    let json = andante(&["status", "hello", "--kubeconfig", &file, "--patience", "300ms", "-o", "json"]);
    assert_eq!((json.code, json.stderr.as_str()), (21, ""));
    let said: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&said["outcome"], &said["code"], &said["text"]), (&"unreachable".into(), &21.into(), &refused.into()));
}

#[test]
fn a_watch_and_a_walk_are_patient_for_as_long_as_told() {
    let file = nobody_there();
    let watch = andante(&["watch", "hello", "--kubeconfig", &file, "--patience", "300ms"]);
    assert_eq!((watch.code, watch.stdout.as_str()), (21, ""));
    assert!(watch.stderr.starts_with("andante: no answer from the API server: "), "{}", watch.stderr);
    let walk = andante(&["walk", "hello", "--kubeconfig", &file, "--patience", "300ms"]);
    assert_eq!((walk.code, walk.stderr.as_str()), (21, ""), "{}", walk.stdout);
}

/// Whoever starts it with `nohup` wants it to outlive the terminal: a SIGHUP that is ignored stays so.
#[test]
fn a_hangup_that_is_ignored_ends_nothing() {
    let file = nobody_there();
    let watch = format!("trap '' HUP; exec \"$0\" watch hello --kubeconfig '{file}' --patience 2s");
    let mut child = Command::new("sh")
        .args(["-c", &watch, env!("CARGO_BIN_EXE_andante")])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let sent = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    // The patience ends it, and not the signal, after which a watch ends with 0.
    assert_eq!(child.wait().unwrap().code(), Some(21));
}

#[test]
fn a_context_that_is_not_there_is_bad_input() {
    let file = nobody_there();
    let ran = andante(&["status", "hello", "--kubeconfig", &file, "--context", "y"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains('y'), "{}", ran.stderr);
}

#[test]
fn the_token_is_never_printed() {
    let file = nobody_there();
    for command in ["status", "watch", "plan", "walk", "settle"] {
        let ran = andante(&[command, "hello", "--kubeconfig", &file, "--patience", "100ms"]);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("not-a-secret"), "{command}");
    }
}

/// No look is needed for it, so that it is said before a build's image waits for anything.
#[test]
fn a_name_without_room_for_a_tag_is_refused_before_anything_is_asked() {
    let (file, name) = (nobody_there(), "a".repeat(62));
    let ran = andante(&["stage", &name, "--image", "i", "--kubeconfig", &file, "--patience", "300ms"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stdout.contains("no tag fits") && ran.stdout.contains("nothing was written"), "{}", ran.stdout);
    assert!(ran.stdout.contains("next: give the Service a name of at most 61 characters"), "{}", ran.stdout);
}
