//! Checks played against a world that does not change.

use super::*;
use crate::evidence::probe::Answer;
use crate::machine::world::Signal;
use crate::model::observed::{RECORD, Revision};
use crate::rollout::record::Phase;
use crate::rollout::record::tests::record;
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn probe() -> Probe {
    Probe {
        path: "/healthz".into(),
        status: None,
        body: Some("v2".into()),
        header: None,
        max_latency: None,
        passes: 2,
        failures: 2,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        patience: Duration::from_secs(60),
    }
}

fn check(kind: OwnerKind, uid: &str, tag: Option<&str>) -> Check {
    let owner = Owner { kind, name: uid.into(), uid: uid.into() };
    let goal = CheckGoal {
        service: "hello".parse().unwrap(),
        tag: tag.map(|t| t.parse().unwrap()),
        probe: Some(probe()),
        replay: None,
        address: Address::Public,
        deadline: Duration::from_secs(60),
        grace: Duration::from_secs(10),
    };
    Check::new(goal, owner)
}

/// A staged candidate `hello-2` of the record's own owner, with this many pods.
fn world(actual: i64) -> World {
    let mut staged = record();
    staged.phase = Phase::Staged;
    staged.candidate = Some("hello-2".parse().unwrap());
    let traffic = json!([
        {"revisionName": "hello-1", "percent": 100, "tag": "stable"},
        {"revisionName": "hello-2", "percent": 0, "tag": "candidate", "url": "http://candidate-hello"}
    ]);
    let mut world = World::default();
    world.see_service(
        Service::from_json(&json!({
            "metadata": {"name": "hello", "uid": "u", "generation": 2,
                "annotations": {RECORD: staged.to_text().unwrap()}},
            "spec": {"template": {}, "traffic": [
                {"revisionName": "hello-1", "percent": 100, "tag": "stable"},
                {"revisionName": "hello-2", "percent": 0, "tag": "candidate"}]},
            "status": {"observedGeneration": 2, "traffic": traffic,
                "conditions": [{"type": "RoutesReady", "status": "True"}]}
        }))
        .unwrap(),
    );
    let revision = |name: &str| {
        Revision::from_json(&json!({"metadata": {"name": name}, "status": {"actualReplicas": actual,
            "desiredReplicas": 1, "conditions": [{"type": "Ready", "status": "True"},
                {"type": "Active", "status": if actual > 0 { "True" } else { "Unknown" }, "reason": "Queued"}]}}))
        .unwrap()
    };
    world.see_revisions([revision("hello-1"), revision("hello-2")]);
    world
}

fn answer(body: &str) -> Answer {
    Answer::Http { status: 200, headers: vec![], body: body.into(), latency: Duration::ZERO }
}

/// Asks and answers until the end; at most for two minutes.
fn end(check: &mut Check, world: &World, body: &str) -> Outcome {
    let mut log = Log::default();
    for second in 0..120 {
        match check.decide(world, at(second), &mut log) {
            Next::End(outcome) => return *outcome,
            Next::Wait { ask, .. } => {
                for question in ask {
                    let Question::Probe(request) = &question else { panic!("a check asks {question:?}") };
                    let asked = (request.url.as_str(), request.path.as_str());
                    assert_eq!(asked, ("http://candidate-hello", "/healthz"));
                    check.asked(&question, at(second));
                    check.heard(Heard::Probe(answer(body)), at(second), &mut log);
                }
            }
            other => panic!("a check neither writes nor looks further: {other:?}"),
        }
    }
    panic!("no end");
}

#[test]
fn good_answers_pass_and_bad_ones_fail() {
    let good = end(&mut check(OwnerKind::Person, "me", None), &world(1), "v2");
    assert_eq!((good.code, good.word), (Code::Done, "passed"));
    assert_eq!(good.candidate.as_ref().map(RevisionName::as_str), Some("hello-2"));
    let bad = end(&mut check(OwnerKind::Person, "me", None), &world(1), "v1");
    assert_eq!(bad.code, Code::GateFailed);
    assert!(bad.what.contains("the body does not contain \"v2\""), "{}", bad.what);
}

#[test]
fn pods_that_are_gone_fail_after_the_grace() {
    let mut check = check(OwnerKind::Person, "me", None);
    check.probing = Probing::new(Some(Probe { interval: Duration::from_secs(90), ..probe() }));
    let gone = end(&mut check, &world(0), "v2");
    assert_eq!(gone.code, Code::GateFailed);
    assert!(gone.what.contains("0 of 1 pods"), "{}", gone.what);
}

#[test]
fn no_answer_by_the_deadline_is_no_verdict() {
    let mut check = check(OwnerKind::Person, "me", None);
    check.probing = Probing::new(Some(Probe { interval: Duration::from_secs(90), ..probe() }));
    let end = end(&mut check, &world(1), "v2");
    assert_eq!(end.code, Code::Inconclusive);
}

#[test]
fn a_run_does_not_pass_by_the_candidate_of_another() {
    let other = end(&mut check(OwnerKind::PipelineRun, "other", None), &world(1), "v2");
    assert_eq!(other.code, Code::Superseded);
    let own = record().owner.uid;
    assert_eq!(end(&mut check(OwnerKind::PipelineRun, &own, None), &world(1), "v2").code, Code::Done);
}

#[test]
fn a_tag_names_another_target_and_must_exist() {
    let none = end(&mut check(OwnerKind::Person, "me", Some("green")), &world(1), "v2");
    assert_eq!((none.code, none.what.as_str()), (Code::BadState, "no target of hello has the tag `green`"));
    assert_eq!(end(&mut check(OwnerKind::Person, "me", Some("candidate")), &world(1), "v2").code, Code::Done);
}

#[test]
fn a_tag_of_an_older_generation_is_not_asked() {
    let mut older = world(1);
    let Presence::Seen(service) = &mut older.target else { unreachable!("it was seen") };
    service.generation += 1;
    let mut check = check(OwnerKind::Person, "me", Some("candidate"));
    let next = check.decide(&older, at(0), &mut Log::default());
    assert_eq!(next, Next::wait(Some(at(60))), "neither asked nor called missing");
    assert_eq!(end(&mut check, &world(1), "v2").code, Code::Done);
}

#[test]
fn a_signal_ends_it() {
    let mut world = world(1);
    world.signal = Some(Signal::Terminate);
    assert_eq!(end(&mut check(OwnerKind::Person, "me", None), &world, "v2").code, Code::Interrupted);
}

/// The same requests for both, in so many pairs.
fn replaying(pairs: u64) -> Check {
    let mut goal = check(OwnerKind::Person, "me", None).goal;
    goal.probe = None;
    goal.replay = Some(Replay {
        requests: crate::evidence::replay::read("/items\n", &["GET".to_owned()]).unwrap().requests,
        pairs,
        every: Duration::from_millis(100),
        timeout: Duration::from_secs(5),
        patience: Duration::from_secs(10),
        rules: crate::evidence::replay::ReplayRules::default(),
        seed: 1,
    });
    Check::new(goal, Owner { kind: OwnerKind::Person, name: "me".into(), uid: "me".into() })
}

/// [`world`], in which stable has an address, too, and the record this phase.
fn both(phase: Phase) -> World {
    both_of(phase, "hello-2")
}

/// The same with this candidate.
fn both_of(phase: Phase, candidate: &str) -> World {
    let mut world = world(1);
    let mut record = record();
    (record.phase, record.candidate) = (phase, Some(candidate.parse().unwrap()));
    let traffic = json!([
        {"revisionName": "hello-1", "percent": 100, "tag": "stable", "url": "http://stable-hello"},
        {"revisionName": candidate, "percent": 0, "tag": "candidate", "url": "http://candidate-hello"}
    ]);
    let service = json!({"metadata": {"name": "hello", "uid": "u", "generation": 2,
            "annotations": {RECORD: record.to_text().unwrap()}},
        "spec": {"template": {}, "traffic": traffic},
        "status": {"observedGeneration": 2, "traffic": traffic,
            "conditions": [{"type": "RoutesReady", "status": "True"}]}});
    world.see_service(Service::from_json(&service).unwrap());
    world
}

/// Asks and answers until the end, and how many requests that took; each answer takes 10 ms.
fn replayed(check: &mut Check, world: &World, answer: impl Fn(&str) -> Answer) -> (Outcome, usize) {
    let (mut log, mut asked, mut now) = (Log::default(), 0, at(0));
    while now < at(120) {
        match check.decide(world, now, &mut log) {
            Next::End(outcome) => return (*outcome, asked),
            Next::Wait { ask, until } => {
                for question in &ask {
                    let Question::Probe(request) = question else { panic!("a check asks {question:?}") };
                    check.asked(question, now);
                    now += jiff::SignedDuration::from_millis(10);
                    check.heard(Heard::Probe(answer(&request.url)), now, &mut log);
                    asked += 1;
                }
                if ask.is_empty() {
                    now = until.unwrap();
                }
            }
            other => panic!("a check neither writes nor looks further: {other:?}"),
        }
    }
    panic!("no end after {asked} requests");
}

fn status(status: u16) -> Answer {
    Answer::Http { status, headers: vec![], body: String::new(), latency: Duration::from_millis(10) }
}

#[test]
fn a_candidate_that_answers_as_stable_does_passes_the_replay() {
    let (end, asked) = replayed(&mut replaying(80), &both(Phase::Staged), |_| status(200));
    assert_eq!((end.code, end.word, asked), (Code::Done, "passed", 162));
    let what = "hello-2 answers as stable does: failed 0 of 80 requests, stable 0; the candidate alone answers at most 4.7 % worse";
    assert_eq!(end.what, what);
}

#[test]
fn one_that_answers_404_where_stable_does_not_fails_it_soon() {
    let answer = |url: &str| status(if url == "http://candidate-hello" { 404 } else { 200 });
    let (end, asked) = replayed(&mut replaying(400), &both(Phase::Staged), answer);
    assert_eq!(end.code, Code::GateFailed);
    assert!(
        asked <= 30 && end.what.contains("GET /items: 2xx of stable, 4xx of the candidate"),
        "{asked}: {}",
        end.what
    );
}

#[test]
fn probes_come_before_the_replay() {
    let mut check = replaying(80);
    (check.goal.probe, check.probing) = (Some(probe()), Probing::new(Some(probe())));
    let stable = std::cell::Cell::new(0);
    let (end, _) = replayed(&mut check, &both(Phase::Staged), |url| {
        stable.set(stable.get() + usize::from(url == "http://stable-hello"));
        answer("v1")
    });
    assert_eq!((end.code, stable.get()), (Code::GateFailed, 0), "{}", end.what);
}

#[test]
fn nothing_is_replayed_once_users_are_on_the_way() {
    for phase in [Phase::Walking, Phase::Baking, Phase::Held] {
        let (end, asked) = replayed(&mut replaying(80), &both(phase), |_| status(200));
        assert_eq!((end.code, asked), (Code::BadState, 0));
        assert!(end.what.contains("requests are replayed before the walk begins"), "{}", end.what);
    }
}

/// The address stays the same, so that what the one answered would be counted for the other.
#[test]
fn a_candidate_that_is_staged_while_requests_are_replayed_is_not_passed_by_what_the_one_before_answered() {
    for probes in [false, true] {
        let mut check = replaying(80);
        if probes {
            (check.goal.probe, check.probing) = (Some(probe()), Probing::new(Some(probe())));
        }
        let next = check.decide(&both(Phase::Staged), at(0), &mut Log::default());
        assert!(matches!(next, Next::Wait { ask, .. } if ask.len() == 1), "the first question is out");
        let (end, asked) = replayed(&mut check, &both_of(Phase::Staged, "hello-3"), |_| answer("v2"));
        assert_eq!((end.code, asked), (Code::Superseded, 0), "{}", end.what);
        assert_eq!(end.what, "hello-3 came in its place meanwhile: what was asked says nothing of that");
    }
}

#[test]
fn a_replay_that_is_not_through_by_the_deadline_says_how_far_it_is() {
    let (end, _) = replayed(&mut replaying(5000), &both(Phase::Staged), |_| status(200));
    assert_eq!(end.code, Code::Inconclusive);
    assert!(end.what.ends_with("of 5000 pairs were asked"), "{}", end.what);
}
