//! Why a candidate's pods do not come up, in the pods' own words.
//!
//! Decides which states of a pod are trouble. Knative looks at a new revision's pods again only when its Deployment
//! changes, so a container that crashes at its start stays `Deploying` for ten minutes (seen on Knative 1.23). The right to
//! list pods is optional; without it only the Revision's conditions speak. Depends on `serde_json`.

use serde_json::Value;

/// Waiting reasons that do not go away by waiting a little.
// `ContainerCreating` and `PodInitializing` are missing on purpose: every pod passes through them.
const STUCK: [&str; 8] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "ErrImageNeverPull",
];

/// What is wrong with a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodTrouble {
    /// For a person.
    pub words: String,
    /// It only lacks room, which somebody or something may still make.
    pub lacks_room: bool,
}

/// True for reasons that speak of the cluster and not of the candidate: no node takes the pod, or a quota is full.
// A quota that wants a limit which the template does not set (`failed quota`), a policy or a webhook refuse the same pod at
// every time, so they are the candidate's; not so where pods of it serve (`ready::pods`).
pub(crate) fn lacks_room(reason: &str, message: &str) -> bool {
    reason == "Unschedulable" || (makes_no_pods(reason) && message.contains("exceeded quota"))
}

/// True if pods are refused before they begin, by whatever refuses them: a quota, a limit range, an admission webhook that is
/// down. Where others of the same template serve, that template is not to blame.
pub(crate) fn makes_no_pods(reason: &str) -> bool {
    reason == "FailedCreate"
}

/// Reasons that speak of what a candidate needs and does not hold itself: its image in the registry, the right to pull it.
const OUTSIDE: [&str; 5] =
    ["ContainerMissing", "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "RegistryUnavailable"];

/// True if what is said (`Reason: message`) may change without any change of the candidate: an image that is not there yet or
/// cannot be pulled, a Secret or a ConfigMap that is missing.
pub(crate) fn lies_outside(complaint: &str) -> bool {
    let (reason, message) = complaint.split_once(": ").unwrap_or((complaint, ""));
    let missing = message.contains("not found") || message.contains("couldn't find key");
    OUTSIDE.contains(&reason) || (reason == "CreateContainerConfigError" && missing)
}

/// What is wrong with the first pod that has something wrong; none if nothing is known to be. A pod that started and failed
/// tells more than one that found no room.
pub(crate) fn trouble(pods: &[Value]) -> Option<PodTrouble> {
    let words = pods.iter().find_map(of_containers).map(|words| PodTrouble { words, lacks_room: false });
    words.or_else(|| pods.iter().find_map(without_node).map(|words| PodTrouble { words, lacks_room: true }))
}

/// What a container waits for that a node has taken and not made yet. It passes soon, or it is no fault of the container's: its
/// image is still being pulled, or a volume lacks its Secret or ConfigMap, of which nothing but an event tells.
const BEING_MADE: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// That a pod has a node and none of its containers was made yet, in words; none of a pod of which one has started.
pub(crate) fn being_made(pods: &[Value]) -> Option<String> {
    let begun = |status: &Value| {
        let states = ["/state/running", "/state/terminated", "/lastState/terminated"];
        states.iter().any(|state| status.pointer(state).is_some())
    };
    let waits = |pod: &&Value| {
        own(pod).any(|s| text(s, "/state/waiting/reason").is_some_and(|r| BEING_MADE.contains(&r)))
            && !own(pod).any(begun)
    };
    pods.iter().find(waits).map(|_| {
        "ContainerCreating: a node has its pod and cannot make its containers: an image that is long in coming, or a volume whose Secret or ConfigMap is missing (`kubectl get events` tells which)".to_owned()
    })
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty())
}

fn list<'a>(pod: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    pod.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// A pod without a node has no containers' states yet, so only its condition can tell.
fn without_node(pod: &Value) -> Option<String> {
    list(pod, "/status/conditions")
        .find(|c| text(c, "/type") == Some("PodScheduled") && text(c, "/reason") == Some("Unschedulable"))
        .map(|c| format!("Unschedulable: {}", text(c, "/message").unwrap_or("no node fits")))
}

/// The candidate's own containers. Knative's sidecar waits for the user's; its words would hide the cause.
fn own(pod: &Value) -> impl Iterator<Item = &Value> {
    let all = list(pod, "/status/initContainerStatuses").chain(list(pod, "/status/containerStatuses"));
    all.filter(|status| text(status, "/name") != Some("queue-proxy"))
}

fn of_containers(pod: &Value) -> Option<String> {
    own(pod).find_map(of_container)
}

fn of_container(status: &Value) -> Option<String> {
    let ended = ["/state/terminated", "/lastState/terminated"].iter().find_map(|p| status.pointer(p));
    let waiting = text(status, "/state/waiting/reason").filter(|r| STUCK.contains(r));
    match (waiting, ended) {
        (waiting, Some(ended)) => {
            let code = ended.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
            // A container that ended well and runs again is no trouble; one that ends well again and again is in back-off.
            if waiting.is_none() && code == 0 {
                return None;
            }
            let last = text(ended, "/message").or_else(|| text(ended, "/reason")).unwrap_or("no last words");
            Some(format!("{}: exit code {code}: {}", waiting.unwrap_or("Terminated"), shortened(last)))
        }
        (Some(reason), None) => {
            let message = text(status, "/state/waiting/message").unwrap_or_default();
            Some(format!("{reason}: {}", shortened(message)))
        }
        (None, None) => None,
    }
}

/// The last line of a message, at most 300 characters: what a program says last is why it ended.
fn shortened(message: &str) -> String {
    message.lines().next_back().unwrap_or_default().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: &Value) -> Vec<Value> {
        vec![json!({"status": {"containerStatuses": [
            {"name": "queue-proxy", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}, status]}})]
    }

    #[test]
    fn a_crash_is_told_by_its_last_words() {
        let crash = json!({"name": "user-container", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            "lastState": {"terminated": {"exitCode": 3, "message": "starting\ncannot open the ledger\n"}}});
        assert_eq!(trouble(&pod(&crash)).unwrap().words, "CrashLoopBackOff: exit code 3: cannot open the ledger");
    }

    #[test]
    fn an_image_that_cannot_be_pulled_and_a_pod_without_a_node() {
        let pull =
            json!({"name": "c", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}});
        let pull = pod(&pull);
        assert_eq!(trouble(&pull).unwrap().words, "ImagePullBackOff: no such image");
        let unscheduled = json!({"status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "insufficient cpu"}]}});
        let said = trouble(std::slice::from_ref(&unscheduled)).unwrap();
        assert_eq!((said.words.as_str(), said.lacks_room), ("Unschedulable: insufficient cpu", true));
        // One pod that waits for a node does not hide that another one cannot start.
        let said = trouble(&[unscheduled, pull[0].clone()]).unwrap();
        assert_eq!((said.words.as_str(), said.lacks_room), ("ImagePullBackOff: no such image", false));
    }

    #[test]
    fn only_what_room_would_mend_lacks_room() {
        let full = "pods \"x\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1";
        let unset = "pods \"x\" is forbidden: failed quota: few: must specify limits.cpu";
        let refused = "admission webhook \"policy\" denied the request";
        assert!(lacks_room("Unschedulable", "0/1 nodes are available") && lacks_room("FailedCreate", full));
        assert!(!lacks_room("FailedCreate", unset) && !lacks_room("FailedCreate", refused));
        assert!(!lacks_room("ProgressDeadlineExceeded", "") && !lacks_room("ImagePullBackOff", ""));
    }

    #[test]
    fn what_may_change_without_the_candidate_lies_outside() {
        for complaint in [
            "ContainerMissing: Unable to fetch image \"x\": failed to resolve image to digest: 404 Not Found",
            "ImagePullBackOff: Back-off pulling image \"x\": authentication required",
            "ErrImagePull",
            "CreateContainerConfigError: secret \"db\" not found",
            "CreateContainerConfigError: couldn't find key url in ConfigMap demo/db",
        ] {
            assert!(lies_outside(complaint), "{complaint}");
        }
        for complaint in [
            "CrashLoopBackOff: exit code 3: ImagePullBackOff",
            "ExitCode3: Container failed with: file not found",
            "InvalidImageName: not found",
            "CreateContainerConfigError: container has runAsNonRoot and image will run as root",
            "",
        ] {
            assert!(!lies_outside(complaint), "{complaint}");
        }
    }

    #[test]
    fn a_pod_whose_containers_are_not_made_yet_is_told_from_one_that_has_begun() {
        let creating = json!({"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}});
        assert!(being_made(&pod(&creating)).is_some_and(|said| said.contains("Secret or ConfigMap")));
        for begun in [
            json!({"name": "c", "state": {"running": {}}}),
            json!({"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}),
            json!({"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}},
                "lastState": {"terminated": {"exitCode": 3}}}),
        ] {
            assert_eq!(being_made(&pod(&begun)), None, "{begun}");
        }
        // An init container of the candidate's own that hangs keeps the others from being made.
        let hangs = json!([{"status": {
            "initContainerStatuses": [{"name": "migrate", "state": {"running": {}}}],
            "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "PodInitializing"}}}]}}]);
        assert_eq!(being_made(hangs.as_array().unwrap()), None);
        assert_eq!(being_made(&[]), None);
    }

    #[test]
    fn starting_and_running_are_no_trouble() {
        for state in [json!({"waiting": {"reason": "ContainerCreating"}}), json!({"running": {}})] {
            assert_eq!(trouble(&pod(&json!({"name": "c", "state": state}))), None);
        }
        assert_eq!(trouble(&[]), None);
    }
}
