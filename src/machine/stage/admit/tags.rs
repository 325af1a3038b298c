//! Tags when a rollout begins: whose those in the split are, and whether ours can be had.
//!
//! Decides what is refused about them before the first write (docs/protocol.md, rules 4 and 6). It may use the record, splits and
//! observed objects.

use crate::machine::standing::outcome_of;
use crate::model::name::{ServiceName, Tag};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::split::{Split, TrafficTarget};
use crate::rollout::record::Record;
use crate::rollout::splits::{Start, Tags, room_for_tags};

/// The split without what an earlier rollout of ours left: its 0 % entries go, its tags come off.
pub(crate) fn without_our_tags(split: &Split, record: &Record) -> Split {
    // A tag is ours if our last write put it there, on the same revision; one that was set since is the owner's.
    let ours = |t: &TrafficTarget, tag: &Tag| {
        let written = record.split.tagged(tag).is_some_and(|w| w.follow == t.follow);
        written && (*tag == record.tags.candidate || *tag == record.tags.stable)
    };
    let was_owners = |tag: &Tag| record.start.split.tagged(tag).is_some();
    let targets: Vec<TrafficTarget> = split
        .targets()
        .iter()
        .filter_map(|t| match &t.tag {
            Some(tag) if ours(t, tag) && !was_owners(tag) => {
                if t.percent.is_zero() {
                    None
                } else {
                    Some(TrafficTarget { tag: None, ..t.clone() })
                }
            }
            _ => Some(t.clone()),
        })
        .collect();
    Split::new(targets).unwrap_or_else(|_| split.clone())
}

/// Refused before anything is looked at: the Service's name leaves no room for a tag, and a rollout needs two. Stable's keeps
/// the way back, the candidate's makes its address, by which it is proved before anyone is sent to it.
pub(crate) fn no_tag_fits(service: &ServiceName) -> Option<Outcome> {
    let length = service.as_str().len();
    (room_for_tags(service) == 0).then(|| {
        let what = format!(
            "no tag fits beside a Service name of {length} characters: Knative makes the host name `TAG-{service}` of a tag, of at most 63 characters; nothing was written"
        );
        Outcome::new(Code::BadInput, what).next("give the Service a name of at most 61 characters (a name is for good: a new Service)")
    })
}

/// Refused before the first write: a tag of ours that is the owner's already, or that makes no host name.
pub(crate) fn tags_are_free(tags: &Tags, start: &Start, service: &Service) -> Result<(), Box<Outcome>> {
    if let Some(end) = no_tag_fits(&service.name) {
        return Err(Box::new(end));
    }
    let bad = |what: String, next: String| Err(Box::new(outcome_of(Code::BadState, what, service).next(next)));
    let room = room_for_tags(&service.name);
    for tag in [&tags.candidate, &tags.stable] {
        if let Some(target) = start.split.tagged(tag) {
            let most = if tags.are_shortened(&service.name) {
                format!(" (of at most {room} characters, since the Service's name is long)")
            } else {
                String::new()
            };
            return bad(
                format!("the tag `{tag}` is the owner's already ({target}); nothing was written"),
                format!("choose other names: --candidate-tag, --stable-tag{most}"),
            );
        }
    }
    for tag in [&tags.candidate, &tags.stable] {
        if tag.as_str().len() > room {
            return bad(
                format!("the host name `{tag}-{}` would be longer than 63 characters", service.name),
                format!("choose names of at most {room} characters: --candidate-tag, --stable-tag"),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{pinned, split, start};
    use super::*;
    use serde_json::json;

    /// What is said of the usual tags of a Service whose name is so long, with this traffic.
    fn of_length(length: usize, traffic: serde_json::Value) -> Option<(Code, String)> {
        let name = "a".repeat(length);
        let object = json!({"metadata": {"name": name, "uid": "u", "generation": 1}, "spec": {"traffic": traffic}});
        let service = Service::from_json(&object).unwrap();
        let tags = Tags::usual(&service.name);
        tags_are_free(&tags, &start(traffic, "s1"), &service).err().map(|end| (end.code, end.line()))
    }

    #[test]
    fn a_long_name_leaves_room_for_short_tags_or_for_none() {
        let plain = json!([{"latestRevision": true, "percent": 100}]);
        for length in [1, 53, 54, 61] {
            assert_eq!(of_length(length, plain.clone()), None, "{length}");
        }
        for length in [62, 63] {
            let (code, line) = of_length(length, plain.clone()).unwrap();
            assert_eq!(code, Code::BadInput);
            assert!(line.contains("no tag fits") && line.contains("at most 61 characters"), "{line}");
        }
        let theirs =
            json!([{"latestRevision": true, "percent": 100}, {"revisionName": "s0", "percent": 0, "tag": "c"}]);
        assert_eq!(of_length(53, theirs.clone()), None, "ours are longer");
        let (code, line) = of_length(60, theirs).unwrap();
        assert_eq!(code, Code::BadState);
        assert!(line.contains("the tag `c` is the owner's already") && line.contains("at most 2 characters"), "{line}");
    }

    #[test]
    fn a_tag_of_our_name_that_was_set_since_is_the_owners() {
        let mut record = pinned();
        let tagged =
            json!([{"revisionName": "s2", "percent": 100}, {"revisionName": "s1", "percent": 0, "tag": "candidate"}]);
        assert_eq!(without_our_tags(&split(tagged.clone()), &record), split(tagged.clone()));
        record.split = split(tagged.clone());
        assert_eq!(without_our_tags(&split(tagged), &record).to_string(), "s2 100 %");
    }
}
