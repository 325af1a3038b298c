use super::*;
use crate::machine::next::PodsOfBoth;
use serde_json::json;

fn pod(name: &str, restarts: u64, state: Value, last: Value) -> Value {
    json!({"metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"}, "status": {"containerStatuses": [
        {"name": "queue-proxy", "restartCount": 0, "state": {"running": {}}, "lastState": {}},
        {"name": "user-container", "restartCount": restarts, "state": state, "lastState": last}]}})
}

fn well(name: &str) -> Value {
    pod(name, 0, json!({"running": {}}), json!({}))
}

fn crashed(name: &str, restarts: u64) -> Value {
    pod(name, restarts, json!({"running": {}}), json!({"terminated": {"exitCode": 3, "reason": "Error"}}))
}

/// A gate that has looked once at pods that are well, and then at these.
fn after_looks(looks: &[(Vec<Value>, Vec<Value>)]) -> (Restarts, Vec<String>) {
    let (mut gate, mut log) = (Restarts::new(2), Log::default());
    for (stable, candidate) in looks {
        let pods = PodsOfBoth { stable: stable.clone(), candidate: candidate.clone() };
        gate.heard(&Heard::Pods(Ok(pods)), Timestamp::UNIX_EPOCH, &mut log);
    }
    (gate, log.take().into_iter().map(|event| event.text).collect())
}

fn failed(looks: &[(Vec<Value>, Vec<Value>)]) -> Option<String> {
    after_looks(looks).0.failed().map(|why| why.reason)
}

#[test]
fn two_crashes_of_one_pod_of_three_send_users_back_and_one_does_not() {
    let stable = || vec![well("s1"), well("s2"), well("s3")];
    let candidate = |restarts| vec![well("c1"), well("c2"), crashed("c3", restarts)];
    let first = (stable(), vec![well("c1"), well("c2"), well("c3")]);
    assert_eq!(failed(&[first.clone(), (stable(), candidate(1))]), None);
    assert_eq!(
        failed(&[first.clone(), (stable(), candidate(1)), (stable(), candidate(2))]).unwrap(),
        "2 containers of the candidate ended with an error in 3 pods (the last: user-container, exit code 3, Error), of stable 0 in 3 pods"
    );
    let (_, lines) = after_looks(&[first, (stable(), candidate(1)), (stable(), candidate(1))]);
    assert_eq!(lines, ["a container of the candidate ended: user-container, exit code 3, Error"], "each end once");
}

#[test]
fn what_ended_before_the_first_look_does_not_count_and_a_new_pod_does() {
    assert_eq!(failed(&[(vec![well("s1")], vec![crashed("c1", 7)]), (vec![well("s1")], vec![crashed("c1", 8)])]), None);
    let mut young = crashed("c2", 2);
    young["metadata"]["creationTimestamp"] = json!("2026-01-01T00:05:00Z");
    let first = (vec![well("s1")], vec![well("c1")]);
    assert!(failed(&[first.clone(), (vec![well("s1")], vec![well("c1"), young])]).is_some());
    // A list is cut: an old pod that turns up late brings its past with it.
    assert_eq!(failed(&[first, (vec![well("s1")], vec![well("c1"), crashed("c2", 9)])]), None);
}

/// What is known of the past is the number of ends and how the last one was: only ends that came since count, by how they were.
#[test]
fn good_ends_of_the_past_are_not_counted_with_a_bad_one() {
    let ended = |restarts, code: i64| {
        let reason = if code == 0 { "Completed" } else { "Error" };
        let last = json!({"terminated": {"exitCode": code, "reason": reason}});
        (vec![well("s1")], vec![pod("c1", restarts, json!({"running": {}}), last)])
    };
    assert_eq!(failed(&[ended(10, 0), ended(11, 3)]), None, "ten good ends before");
    assert_eq!(failed(&[ended(0, 0), ended(1, 3), ended(2, 0)]), None);
    assert!(failed(&[ended(0, 0), ended(1, 3), ended(2, 0), ended(3, 3)]).is_some());
    // The kubelet forgets a container that is gone: its count stays, how it ended does not.
    let forgotten = (vec![well("s1")], vec![pod("c1", 7, json!({"running": {}}), json!({}))]);
    assert_eq!(failed(&[ended(7, 3), forgotten, ended(8, 3)]), None);
}

#[test]
fn a_node_that_went_away_is_no_fault_of_the_program() {
    let lost = |restarts| {
        let last = json!({"terminated": {"exitCode": 255, "reason": "Unknown"}});
        pod("c1", restarts, json!({"running": {}}), last)
    };
    assert_eq!(failed(&[(vec![well("s1")], vec![well("c1")]), (vec![well("s1")], vec![lost(3)])]), None);
}

#[test]
fn stable_that_goes_to_sleep_later_predicts_no_more_than_it_did() {
    let many: Vec<Value> = (0..10).map(|n| well(&format!("s{n}"))).collect();
    let mut ill = many.clone();
    ill[0] = crashed("s0", 1);
    let ten =
        |restarts| (0..10).map(|n| if n == 0 { crashed("c0", restarts) } else { well(&format!("c{n}")) }).collect();
    let looks = [(many, ten(0)), (ill, ten(0)), (vec![], ten(3))];
    assert!(failed(&looks).is_some(), "one end in ten pods predicts one in ten, also once they sleep");
}

#[test]
fn one_that_waits_to_be_started_again_has_ended_once_more() {
    let back_off = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let last = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    let waits = pod("c1", 1, back_off, last);
    let reason = failed(&[(vec![well("s1")], vec![well("c1")]), (vec![well("s1")], vec![waits])]).unwrap();
    assert!(reason.contains("exit code 137, OOMKilled"), "{reason}");
}

#[test]
fn what_befalls_stable_as_well_is_not_the_candidates_fault() {
    let first = (vec![well("s1"), well("s2")], vec![well("c1")]);
    // Two ends in two pods of stable predict one in the candidate's one.
    assert_eq!(failed(&[first.clone(), (vec![crashed("s1", 1), crashed("s2", 1)], vec![crashed("c1", 2)])]), None);
    assert!(failed(&[first, (vec![crashed("s1", 1), crashed("s2", 1)], vec![crashed("c1", 3)])]).is_some());
}

#[test]
fn a_scale_down_a_preemption_and_a_good_end_are_no_faults() {
    let mut going = crashed("c2", 3);
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut evicted = crashed("c3", 3);
    evicted["status"]["reason"] = json!("Preempting");
    let done = pod("c4", 3, json!({"running": {}}), json!({"terminated": {"exitCode": 0, "reason": "Completed"}}));
    let first = (vec![well("s1")], vec![well("c1"), well("c2"), well("c3"), well("c4")]);
    assert_eq!(failed(&[first, (vec![well("s1")], vec![well("c1"), going, evicted, done])]), None);
}

#[test]
fn without_the_right_it_says_so_once_and_asks_seldom() {
    let (mut gate, mut log) = (Restarts::new(2), Log::default());
    for _ in 0..2 {
        gate.heard(&Heard::Pods(Err(ApiError::Forbidden("list pods".into()))), Timestamp::UNIX_EPOCH, &mut log);
    }
    assert_eq!(log.take().len(), 1);
    gate.asked = Some(Timestamp::UNIX_EPOCH);
    assert_eq!(gate.moment(), Some(Timestamp::from_second(300).unwrap()), "a token may be renewed");
    assert!(gate.failed().is_none());
}

#[test]
fn pods_are_asked_at_once_when_their_number_moves() {
    let mut gate = Restarts::new(2);
    assert_eq!(gate.moment(), None, "at once at first");
    gate.ready = (3, 1);
    gate.asked(
        &Question::Pods { stable: "s-1".parse().unwrap(), candidate: "s-2".parse().unwrap() },
        Timestamp::UNIX_EPOCH,
    );
    assert_eq!(gate.moment(), Some(Timestamp::from_second(30).unwrap()));
    gate.ready = (3, 0);
    assert_eq!(gate.moment(), Some(Timestamp::from_second(3).unwrap()));
}
