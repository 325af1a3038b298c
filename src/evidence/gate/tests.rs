use super::*;

fn gate(text: &str) -> Gate {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn gates_are_written_as_they_are_read_aloud() {
    let errors = gate("errors: promql sum(rate(x{code=~\"5..\"}[1m])) / (a > 0) <= 0.5");
    assert_eq!(errors.name, "errors");
    assert_eq!(errors.ask, Ask::PromQl("sum(rate(x{code=~\"5..\"}[1m])) / (a > 0)".into()));
    assert_eq!(errors.wanted, Wanted::Bound(BoundSide::AtMost, 0.5));
    for (text, query, wanted) in [
        ("q: promql job:depth:max < 1e3", "job:depth:max", Wanted::Bound(BoundSide::Below, 1e3)),
        ("q: promql a >=-1", "a", Wanted::Bound(BoundSide::AtLeast, -1.0)),
        ("q: promql a > bool 3 > 0", "a > bool 3", Wanted::Bound(BoundSide::Above, 0.0)),
        ("q: promql a in 0.5..1", "a", Wanted::Within(0.5, 1.0)),
    ] {
        assert_eq!((gate(text).ask, gate(text).wanted), (Ask::PromQl(query.into()), wanted), "{text}");
    }
    for (text, field, wanted) in [
        ("load test: http https://judge/x?a=b", None, Wanted::Success),
        ("j: http http://judge /passed == true", Some("/passed"), Wanted::Is("true".into())),
        ("j: http http://judge /a/0 == \"all good\"", Some("/a/0"), Wanted::Is("all good".into())),
        ("j: http http://judge /p99 <= 250", Some("/p99"), Wanted::Bound(BoundSide::AtMost, 250.0)),
    ] {
        let gate = gate(text);
        assert!(matches!(&gate.ask, Ask::Http { field: f, .. } if f.as_deref() == field), "{text}");
        assert_eq!(gate.wanted, wanted);
    }
}

#[test]
fn what_is_no_gate_says_what_is_missing() {
    for (text, wanted) in [
        ("promql x < 1", BadGate::Name("promql x < 1".into())),
        (": promql x < 1", BadGate::Name(": promql x < 1".into())),
        (&format!("a\u{1b}[31m{}", "b".repeat(100)), BadGate::Name(format!("a[31m{}", "b".repeat(55)))),
        ("a{b: promql x < 1", BadGate::Name("a{b: promql x < 1".into())),
        ("a: sql x < 1", BadGate::Kind("a".into())),
        ("a:", BadGate::Kind("a".into())),
        ("a: promql x", BadGate::Bound("a".into())),
        ("a: promql x < y", BadGate::Bound("a".into())),
        ("a: promql < 1", BadGate::Bound("a".into())),
        ("a: promql x < NaN", BadGate::Bound("a".into())),
        ("a: promql x in 2..1", BadGate::Empty("a".into(), 2.0, 1.0)),
        ("a: http judge", BadGate::Address("a".into())),
        ("a: http https:///x", BadGate::Address("a".into())),
        ("a: http https://u:p@judge/x", BadGate::User("a".into())),
        ("a: http http://judge passed == true", BadGate::Field("a".into())),
        ("a: http http://judge /passed", BadGate::Field("a".into())),
    ] {
        assert_eq!(text.parse::<Gate>(), Err(wanted), "{text}");
    }
}

#[test]
fn an_answer_always_comes_with_its_value_and_what_was_wanted() {
    let (most, within) = (gate("g: promql x <= 0.5"), gate("g: promql x in 1..2"));
    let (status, field) = (gate("g: http http://j"), gate("g: http http://j /p == true"));
    let text = |text: &str| Measured::Text(text.into());
    for (gate, measured, wanted) in [
        (&most, Measured::Number(0.5), Judged::Pass("g: 0.5, wanted <= 0.5".into())),
        (&most, Measured::Number(0.51), Judged::Fail("g: 0.51, wanted <= 0.5".into())),
        (&most, Measured::Number(f64::INFINITY), Judged::Fail("g: inf, wanted <= 0.5".into())),
        (&most, Measured::Number(f64::NAN), Judged::NoData("g: not a number (NaN), wanted <= 0.5".into())),
        (&most, Measured::Nothing("no series".into()), Judged::NoData("g: no data (no series), wanted <= 0.5".into())),
        (&most, Measured::Unanswered("timed out".into()), Judged::Error("g: timed out".into())),
        (&most, text("x"), Judged::Error("g: \"x\" is no number, wanted <= 0.5".into())),
        (&within, Measured::Number(2.0), Judged::Pass("g: 2, wanted 1..2".into())),
        (&within, Measured::Number(0.9), Judged::Fail("g: 0.9, wanted 1..2".into())),
        (&status, Measured::Status(204), Judged::Pass("g: status 204, wanted 2xx".into())),
        (&status, Measured::Status(500), Judged::Fail("g: status 500, wanted 2xx".into())),
        (&status, Measured::Status(503), Judged::Error("g: status 503, wanted 2xx".into())),
        (&field, text("true"), Judged::Pass("g: \"true\", wanted \"true\"".into())),
        (&field, text("false"), Judged::Fail("g: \"false\", wanted \"true\"".into())),
        (&field, Measured::Number(1.0), Judged::Fail("g: 1, wanted \"true\"".into())),
    ] {
        assert_eq!(gate.judge(&measured), wanted);
    }
}

#[test]
fn names_are_filled_in_and_braces_of_promql_stay() {
    let arms = Arms {
        namespace: "shop".parse().unwrap(),
        stable: "hello-1".parse().unwrap(),
        candidate: "hello-2".parse().unwrap(),
    };
    let gate = gate("g: promql sum(x{namespace=\"{namespace}\",rev=\"{candidate}\",old=\"{stable}\"}) < 1");
    let asked = "sum(x{namespace=\"shop\",rev=\"hello-2\",old=\"hello-1\"})";
    assert_eq!(gate.ask_of(&arms), Ask::PromQl(asked.into()));
}
