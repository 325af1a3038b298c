//! Gates and counters of the owner's own, asked of a server that answers as scripted.

use super::evidence::{PATIENCE, arms, fetch};
use super::evidence_prometheus::vector;
use super::script::{Reply, Server};
use andante::adapter::source::{CountersFrom, EvidenceSource, Gates, HttpCredentials};
use andante::evidence::compare::{CompareRow, RowTally};
use andante::evidence::gate::{Gate, Judged, Measured};
use andante::run::ports::Source;
use serde_json::json;
use std::time::Duration;

/// No counters, and gates that this server answers.
fn nothing_but_gates(server: &Server) -> EvidenceSource {
    let gates = Gates::new(fetch(HttpCredentials::None), fetch(HttpCredentials::None), Some(&server.url())).unwrap();
    EvidenceSource {
        from: CountersFrom::Nothing,
        gates: Some(Box::new(gates)),
        limit: Duration::from_millis(600),
        patience: PATIENCE,
    }
}

/// One gate asked of a server that gives one answer.
async fn gate(text: &str, reply: Reply) -> Judged {
    let server = Server::start(vec![reply]).await;
    let gate: Gate = text.replace("URL", &server.url()).parse().unwrap();
    let evidence = nothing_but_gates(&server);
    gate.judge(&evidence.measure(&gate, &arms()).await)
}

#[tokio::test]
async fn gates_are_asked_and_judged_by_what_came() {
    let scalar = json!({"status": "success", "data": {"resultType": "scalar", "result": [1.5, "0.25"]}});
    let (query, status) = ("g: promql x{rev=\"{candidate}\"} < 0.5", "g: http URL/verdict");
    let field = "g: http URL/verdict /checks/p95 <= 250";
    let pass = |text: &str| Judged::Pass(text.to_owned());
    for (text, reply, wanted) in [
        (query, Reply::json(200, &scalar), pass("g: 0.25, wanted < 0.5")),
        (query, Reply::json(200, &vector(&[(&[], "0.7")])), Judged::Fail("g: 0.7, wanted < 0.5".into())),
        (
            query,
            Reply::json(200, &vector(&[(&[], "NaN")])),
            Judged::NoData("g: not a number (NaN), wanted < 0.5".into()),
        ),
        (query, Reply::json(200, &vector(&[])), Judged::NoData("g: no data (no series), wanted < 0.5".into())),
        (status, Reply::Answer(204, "", String::new()), pass("g: status 204, wanted 2xx")),
        (status, Reply::Answer(404, "", String::new()), Judged::Fail("g: status 404, wanted 2xx".into())),
        (field, Reply::json(200, &json!({"checks": {"p95": 200}})), pass("g: 200, wanted <= 250")),
        (
            field,
            Reply::json(200, &json!({"checks": {"p95": null}})),
            Judged::NoData("g: no data (no field /checks/p95), wanted <= 250".into()),
        ),
    ] {
        assert_eq!(gate(text, reply).await, wanted, "{text}");
    }
    for (text, reply, wanted) in [
        (query, Reply::json(200, &vector(&[(&[("a", "b")], "1"), (&[("a", "c")], "1")])), "2 series, wanted one"),
        (query, Reply::Hang(String::new()), "no whole answer within 600ms"),
        (status, Reply::Reset, "no answer from 127.0.0.1"),
        (status, Reply::Answer(503, "", String::new()), "status 503"),
        (field, Reply::Answer(500, "", "{}".into()), "answered 500"),
        (field, Reply::Answer(200, "", "<html>".into()), "did not answer with JSON"),
        (field, Reply::json(200, &json!({"checks": {"p95": []}})), "neither a number nor a text"),
        (field, Reply::json(200, &json!({"checks": {"p95": "fast\u{1b}[0m"}})), "\"fast[0m\" is no number"),
    ] {
        let found = gate(text, reply).await;
        assert!(matches!(&found, Judged::Error(t) if t.contains(wanted)), "{text}: {found:?}");
    }
    assert!(matches!(
        EvidenceSource::nothing().measure(&query.parse().unwrap(), &arms()).await,
        Measured::Unanswered(_)
    ));
}

/// The counters of one row, from a server that gives one answer.
async fn compared(reply: Reply) -> (Result<RowTally, String>, Vec<String>) {
    let server = Server::start(vec![reply]).await;
    let row: CompareRow = "orders: bad=bad{rev=\"{revision}\"} total=all{rev=\"{revision}\"}".parse().unwrap();
    let evidence = nothing_but_gates(&server);
    let tally = evidence.count(&row, &arms()).await;
    (tally, server.seen().into_iter().map(|seen| seen.line).collect())
}

#[tokio::test]
async fn counters_of_the_owners_are_read_in_one_query_or_said_to_be_none() {
    let of = |counter: &'static str, pod: &'static str| [("andante_counter", counter), ("pod", pod)];
    let answer = vector(&[
        (&of("stable total count", "a"), "900"),
        (&of("stable total time", "a"), "1699999999"),
        (&of("candidate part count", "b"), "3"),
    ]);
    let (tally, asked) = compared(Reply::json(200, &answer)).await;
    let seen: Vec<_> = tally.unwrap().series.iter().map(|s| (s.candidate, s.total, s.count)).collect();
    assert_eq!(seen, [(false, true, 900), (true, false, 3)]);
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].contains("hello-1") && asked[0].contains("hello-2") && !asked[0].contains("revision"),
        "{asked:?}"
    );
    assert_eq!(compared(Reply::json(200, &vector(&[]))).await.0, Ok(RowTally::default()));
    let scalar = json!({"status": "success", "data": {"resultType": "scalar", "result": [1.5, "0.25"]}});
    let refused = json!({"status": "error", "errorType": "bad_data", "error": "parse error"});
    for (reply, why) in [
        (Reply::json(200, &vector(&[(&of("stable total count", "a"), "0.5")])), "which is no count"),
        (Reply::json(200, &scalar), "a number instead of series"),
        (Reply::json(400, &refused), "the query is refused (bad_data): parse error"),
        (Reply::json(503, &refused), "503"),
    ] {
        let text = compared(reply).await.0.unwrap_err();
        assert!(text.contains(why), "{text}");
    }
}

#[tokio::test]
async fn counters_of_the_owners_that_nobody_scrapes_any_more_are_none() {
    let of = |counter: &'static str| [("andante_counter", counter)];
    let old = vector(&[(&of("stable total count"), "900"), (&of("stable total time"), "1699999799")]);
    let text = compared(Reply::json(200, &old)).await.0.unwrap_err();
    assert!(text.contains("its counters are 3m 21s old: whatever scrapes them stands still"), "{text}");
}
