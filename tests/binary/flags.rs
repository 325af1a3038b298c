//! Bad input of every flag ends with 2 before anything is asked of a cluster.

use super::{andante, expect};
use andante::cli::Cli;
use clap::{ArgAction, CommandFactory};

const UNRESOLVED: &str =
    "holds an unresolved Tekton variable `$(...)`: the parameter or result that it names does not exist";

/// Every flag that takes a value, and every positional, by subcommand.
fn all() -> Vec<(String, Option<String>)> {
    let command = Cli::command();
    let mut found = Vec::new();
    for sub in command.get_subcommands() {
        for arg in sub.get_arguments() {
            let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
            if takes {
                found.push((sub.get_name().to_owned(), arg.get_long().map(str::to_owned)));
            }
        }
    }
    found
}

/// A call of a subcommand that lacks nothing.
fn call(name: &str) -> Vec<&str> {
    if name == "control" { vec![name, "pause", "hello"] } else { vec![name, "hello"] }
}

#[test]
fn an_unresolved_variable_is_refused_by_every_flag() {
    let all = all();
    assert!(all.len() > 60, "only {} flags were found", all.len());
    for (name, long) in all {
        let Some(long) = long else { continue };
        let flag = format!("--{long}");
        let mut apart = call(&name);
        apart.extend([flag.as_str(), "$(params.x)"]);
        let ran = andante(&apart);
        let message = format!("error: `{flag} $(params.x)` {UNRESOLVED}\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{name} {flag}");
        assert!(ran.stderr.starts_with(&message), "{name} {flag}: {}", ran.stderr);
        let joined = format!("{flag}=a$(params.x)");
        let mut together = call(&name);
        together.push(&joined);
        let ran = andante(&together);
        assert_eq!(ran.code, 2, "{name} {joined}");
        assert!(ran.stderr.contains(UNRESOLVED), "{name} {joined}: {}", ran.stderr);
    }
}

#[test]
fn an_unresolved_service_is_refused_exactly() {
    let expected = format!(
        "error: `$(params.service)` {UNRESOLVED}\n\nUsage: andante <COMMAND>\n\nFor more information, try '--help'.\n"
    );
    expect(&["walk", "$(params.service)"], 2, "", &expected);
}

/// A value that each flag must refuse; flags that take any text are not here.
const BAD: [(&str, &str, &str); 48] = [
    ("stage", "namespace", "Prod"),
    ("stage", "output", "yaml"),
    ("stage", "request-timeout", "5"),
    ("stage", "patience", "1M 1M"),
    ("stage", "if-busy", "ask"),
    ("stage", "intent-at", "yesterday"),
    ("stage", "image", "two words"),
    ("stage", "set-env", "no-value"),
    ("stage", "revision-name", "Hello_1"),
    ("stage", "revision", "Hello_1"),
    ("stage", "stable", "Hello_1"),
    ("stage", "candidate-tag", "1a"),
    ("stage", "stable-tag", "a.b"),
    ("stage", "deadline", "soon"),
    ("stage", "grace", "-1s"),
    ("stage", "capacity", "some"),
    ("stage", "capacity-within", "soon"),
    ("stage", "hold-for", "1 hour and"),
    ("walk", "style", "blue"),
    ("walk", "steps", "1,101"),
    ("walk", "dwell", "2 M"),
    ("walk", "bake", "2"),
    ("walk", "to", "half"),
    ("walk", "approve", "x"),
    ("walk", "approval-timeout", "40d"),
    ("walk", "probe", "health"),
    ("walk", "probe-status", "99"),
    ("walk", "probe-header", "no colon"),
    ("walk", "probe-latency", "fast"),
    ("walk", "probe-passes", "0"),
    ("walk", "probe-failures", "1001"),
    ("walk", "probe-interval", "1"),
    ("walk", "probe-timeout", "1"),
    ("walk", "address", "private"),
    ("walk", "deadline", "1"),
    ("walk", "grace", "1"),
    ("walk", "serve-within", "1"),
    ("walk", "on-term", "wait"),
    ("control", "rollout", "R 1"),
    ("control", "step", "0"),
    ("control", "step", "two"),
    ("check", "replay-pairs", "0"),
    ("check", "replay-rate", "1000"),
    ("check", "replay-methods", "get"),
    ("check", "replay-tolerated", "100%"),
    ("check", "replay-slower", "0.5"),
    ("plan", "stable", "Hello_1"),
    ("plan", "style", "blue"),
];

#[test]
fn a_bad_value_names_its_flag() {
    for (name, long, value) in BAD {
        let mut arguments = call(name);
        let flag = format!("--{long}={value}");
        arguments.push(&flag);
        let ran = andante(&arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{name} {flag}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("--{long}")), "{name} {flag}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{name} {flag}: {}", ran.stderr);
    }
}

#[test]
fn exact_words_of_common_mistakes() {
    let help = "\nFor more information, try '--help'.\n";
    expect(
        &["walk", "Hello"],
        2,
        "",
        &format!(
            "error: invalid value 'Hello' for '<SERVICE>': `Hello` is not a Service name: lower-case letters, digits and `-`, starting with a letter, at most 63 characters\n{help}"
        ),
    );
    expect(
        &["walk", "hello", "--dwell", "2M"],
        2,
        "",
        &format!(
            "error: invalid value '2M' for '--dwell <TIME>': more than 31 days (`M` is a month, `m` a minute)\n{help}"
        ),
    );
    expect(
        &["control", "approve", "hello", "--step", "0"],
        2,
        "",
        &format!("error: invalid value '0' for '--step <N>': the number of a step, counted from 1\n{help}"),
    );
    expect(
        &["control", "stop", "hello"],
        2,
        "",
        &format!(
            "error: invalid value 'stop' for '<ACTION>'\n  [possible values: pause, resume, approve, abort, promote]\n{help}"
        ),
    );
    expect(&["control", "pause", "hello", "--step", "2"], 2, "", "andante: --step belongs to `approve` alone\n");
}

#[test]
fn a_plan_that_cannot_be_is_refused_before_any_cluster() {
    for (flags, why) in [
        (&["--steps", "50,5"][..], "the steps must rise: 5 % comes after 50 %"),
        (&["--steps", "0,5"], "a step of 0 % moves nobody: the first step is at least 1 %"),
        (&["--to", "0"], "--to must be between 1 and 100"),
        (&["--approve", "7"], "there is no step of 7 % to approve; the steps are 1 %, 5 %, 25 %, 50 %, 100 %"),
        (
            &["--style", "blue-green", "--steps", "5"],
            "--style blue-green switches everyone at once and takes no --steps and no --to below 100",
        ),
    ] {
        let mut arguments = vec!["plan", "hello"];
        arguments.extend(flags);
        expect(&arguments, 2, "", &format!("andante: {why}\n"));
        arguments[0] = "walk";
        let ran = andante(&arguments);
        assert_eq!(ran.code, 2, "{flags:?}");
        assert!(ran.stdout.ends_with(&format!("end:     {why}\n")), "{flags:?}: {}", ran.stdout);
    }
}

/// A template is put back to what serves, so users have to go there, too.
#[test]
fn a_template_is_put_back_on_a_way_back_alone() {
    for to in ["candidate", "hello-00002"] {
        let ran = andante(&["settle", "hello", "--to", to, "--restore-template=true"]);
        assert_eq!(ran.code, 2, "{to}");
        assert!(ran.stdout.contains("end:     --restore-template is for a way back"), "{}{}", ran.stdout, ran.stderr);
    }
    // A run that says no means it, and one that says nothing leaves it to the Service: neither is at fault.
    for says in ["--restore-template=false", "--restore-template="] {
        let ran = andante(&["settle", "hello", "--to", "candidate", "--declared", says]);
        assert!(ran.stdout.contains("no cluster") || ran.stdout.contains("kubeconfig"), "{says}: {}", ran.stdout);
    }
}

/// Several Services are settled for the run that rolled them out, and never by a slip of somebody at a terminal.
#[test]
fn all_that_is_settled_is_a_runs() {
    let ran = andante(&["settle", "--all", "--kubeconfig", &super::unreachable::nobody_there()]);
    assert_eq!(ran.code, 2);
    assert!(ran.stdout.contains("end:     --all is for a run that rolled several Services out"), "{}", ran.stdout);
    for arguments in [&["settle"][..], &["settle", "--all", "hello"], &["settle", "--all", "--to=stable"]] {
        let ran = andante(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.stderr.contains("error: "), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_flag_without_a_value_is_one_that_was_not_given() {
    // What a Task writes for parameters that nobody set; the first complaint is about the plan, not about a flag.
    let ran = andante(&[
        "roll-out",
        "--namespace=",
        "--image=registry/hello:1",
        "--set-env",
        "--again=false",
        "--restore-template=false",
        "--revision=",
        "--steps=50,5",
        "--dwell=",
        "--once=",
        "--probe=",
        "--if-busy=",
        "--",
        "hello",
    ]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stdout.ends_with("end:     the steps must rise: 5 % comes after 50 %\n"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn rows_of_values_reach_a_repeatable_flag() {
    let help = "\nFor more information, try '--help'.\n";
    expect(
        &["stage", "--set-env", "A=1", "B", "--", "hello"],
        2,
        "",
        &format!("error: invalid value 'B' for '--set-env [<K=V>...]': not of the form KEY=VALUE\n{help}"),
    );
}

#[test]
fn a_replay_that_could_say_nothing_is_refused_before_anything_is_asked() {
    let file = std::env::temp_dir().join(format!("andante-replay-{}", std::process::id()));
    let path = file.to_str().unwrap();
    let end = |more: &[&str]| {
        let ran = andante(&[&["check", "hello", "--replay", path], more].concat());
        assert_eq!(ran.code, 2, "{}{}", ran.stdout, ran.stderr);
        ran.stdout.split_once("end:     ").unwrap().1.to_owned()
    };
    let missing = end(&[]);
    assert!(missing.starts_with(&format!("the requests of {path}: No such file")), "{missing}");
    std::fs::write(&file, "/\nDELETE /all\n").unwrap();
    let changes =
        "line 2: DELETE is not sent, since it may change something; --replay-methods GET,HEAD,DELETE sends it\n";
    assert_eq!(end(&[]), format!("the requests of {path}: {changes}"));
    std::fs::write(&file, "/\n").unwrap();
    for (more, why) in [
        (
            &["--replay-pairs=73"][..],
            "--replay-pairs 73 can never show that at most 5 % are answered worse: that takes 74 pairs at least\n",
        ),
        (&["--deadline=30s"], "--replay-pairs 200 at --replay-rate 5 take 40 s or more, and --deadline is 30s\n"),
        (&["--tag=green"], "--replay compares the open rollout's candidate with stable, so it takes no --tag\n"),
    ] {
        assert_eq!(end(more), why);
    }
    std::fs::remove_file(&file).unwrap();
}
