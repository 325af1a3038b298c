//! What belongs to others stays as it is: their targets, tags and annotations, and the template outside staging.

use super::{Entry, Ours, closed, entries, ours, started};
use crate::sim::story::Story;
use andante::rollout::record::Phase;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Annotations that are neither ours nor the webhook's.
fn annotations(service: &Value) -> BTreeMap<String, String> {
    let map = service.pointer("/metadata/annotations").and_then(Value::as_object);
    let theirs = |k: &&String| !k.starts_with("andante.dev/") && !k.ends_with("/lastModifier");
    let map = map.into_iter().flatten().map(|(k, v)| (k.clone(), v.to_string()));
    map.filter(|(k, _)| theirs(&k)).collect()
}

fn targets(our: &Ours) -> Vec<String> {
    let (list, main) = started(&our.record);
    let now = entries(&our.write.after);
    let latest = our.record.start.latest.as_str();
    let mut wrong = vec![];
    for (_, theirs) in list.iter().enumerate().filter(|(i, _)| *i != main && our.record.start.beside != Some(*i)) {
        let pinned = theirs.resolved(latest);
        let same = |e: &Entry| match &theirs.tag {
            Some(_) => e == theirs || *e == pinned,
            // Untagged entries of one revision may be one.
            None => e.tag.is_none() && (e.name == theirs.name || e.name == pinned.name) && e.percent >= theirs.percent,
        };
        let gone = |e: &Entry| e.percent == 0 && e.name.as_ref().is_some_and(|n| !our.write.truth.ready.contains(n));
        if !now.iter().any(same) && !gone(theirs) && !gone(&pinned) {
            wrong.push(format!("write {} loses {theirs:?}", our.number));
        }
    }
    let tag = list.get(main).and_then(|e| e.tag.clone());
    if tag.is_some() && !now.iter().any(|e| e.tag == tag) {
        wrong.push(format!("write {} loses the owner's tag {tag:?}", our.number));
    }
    wrong
}

/// Knative said of this object that another revision has its template's name.
fn says_taken(service: &Value) -> bool {
    let conditions = service.pointer("/status/conditions").and_then(Value::as_array);
    let said = |c: &Value| {
        c["reason"] == "RevisionNameTaken" || c["message"].as_str().is_some_and(|m| m.contains("already exists"))
    };
    conditions.into_iter().flatten().any(said)
}

/// Targets, tags, annotations, labels; and the template, unless it is being staged.
pub(crate) fn owners(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    for our in ours(story) {
        let Some(before) = our.write.before.as_deref() else { continue };
        if !closed(&our.record) {
            wrong.extend(targets(our));
        } else if entries(before) != entries(&our.write.after) {
            wrong.push(format!("write {} moves traffic that somebody else had moved", our.number));
        }
        if annotations(before) != annotations(&our.write.after) {
            wrong.push(format!("write {} changes somebody's annotations", our.number));
        }
        if before["metadata"]["labels"] != our.write.after["metadata"]["labels"] {
            wrong.push(format!("write {} changes labels", our.number));
        }
        let template = before["spec"]["template"] != our.write.after["spec"]["template"];
        // A way back takes a name away that keeps Knative from migrating traffic, and nothing else of the template.
        let unnamed = |o: &Value| {
            let mut template = o["spec"]["template"].clone();
            if let Some(metadata) = template["metadata"].as_object_mut() {
                metadata.remove("name");
            }
            if template["metadata"] == json!({}) || template["metadata"].is_null() {
                template.as_object_mut().map(|t| t.remove("metadata"));
            }
            template
        };
        let name = before["spec"]["template"]["metadata"]["name"].as_str().unwrap_or_default();
        let taken = story.log.writes.iter().any(|w| entries(&w.after).iter().any(|e| e.name.as_deref() == Some(name)))
            || our.write.truth.ready.contains(name)
            || says_taken(before);
        let is_gone = our.write.after["spec"]["template"]["metadata"]["name"].is_null();
        let only_name = taken && is_gone && unnamed(before) == unnamed(&our.write.after);
        // After a way back it may become that of what serves again.
        let image = |template: &Value| template["spec"]["containers"][0]["image"].clone();
        let of_stable = |w: &crate::sim::story::Write| {
            w.truth.latest_created.as_deref() == Some(our.record.start.stable.as_str())
                && w.truth.template.as_ref().map(image) == Some(image(&our.write.after["spec"]["template"]))
        };
        let put_back = our.record.phase == Phase::RolledBack && our.record.restored;
        let put_back = put_back && story.log.writes.iter().any(of_stable);
        if template && our.record.phase != Phase::Staging && !only_name && !put_back {
            wrong.push(format!("write {} changes the template while {:?}", our.number, our.record.phase));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::check::fixture::{Fixture, walk};
    use andante::rollout::record::Record;

    fn third(record: &mut Record) {
        record.start.split = serde_json::from_value(json!([{"latestRevision": true, "percent": 80},
            {"revisionName": "s0", "percent": 20, "tag": "old"}, {"revisionName": "s1", "percent": 0, "tag": "qa"}]))
        .unwrap();
    }

    #[test]
    fn a_good_walk_passes() {
        assert_eq!(owners(&walk().story()), Vec::<String>::new());
    }

    #[test]
    fn lost_targets_are_seen() {
        let kept = json!([{"revisionName": "s1", "percent": 80, "tag": "stable"},
            {"revisionName": "s0", "percent": 20, "tag": "old"}, {"revisionName": "s1", "percent": 0, "tag": "qa"}]);
        assert_eq!(owners(&Fixture::plain().write("w", kept.clone(), third).story()), Vec::<String>::new());
        let mut moved = kept.clone();
        moved[1]["percent"] = json!(10);
        moved[0]["percent"] = json!(90);
        assert_eq!(owners(&Fixture::plain().write("w", moved, third).story()).len(), 1);
        let mut lost = kept.clone();
        lost.as_array_mut().unwrap().pop();
        assert_eq!(owners(&Fixture::plain().write("w", lost.clone(), third).story()).len(), 1);
        let unready = Fixture::plain().truth(|t| t.ready.clear()).write("w", lost, third);
        assert_eq!(owners(&unready.story()), Vec::<String>::new(), "what is not Ready may be left out");
    }

    #[test]
    fn changed_annotations_and_templates_are_seen() {
        let mut story = walk().story();
        let mut object = Value::clone(&story.log.writes[2].after);
        object["metadata"]["annotations"]["example.com/team"] = json!("red");
        object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("ok:9");
        story.log.writes[2].after = std::rc::Rc::new(object);
        assert_eq!(owners(&story).len(), 2);
        // A name that no revision has is not ours to take away.
        let with_name = |name: &str| {
            let mut story = walk().story();
            let mut object = Value::clone(story.log.writes[2].before.as_ref().unwrap());
            object["spec"]["template"]["metadata"]["name"] = json!(name);
            story.log.writes[2].before = Some(std::rc::Rc::new(object));
            story
        };
        assert_eq!(owners(&with_name("s9")).len(), 1);
        assert_eq!(owners(&with_name("s1")), Vec::<String>::new());
    }
}
