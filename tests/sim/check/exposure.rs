//! Nobody meets a revision that no accepted split sent anybody to.

use super::start::merged;
use super::{Entry, entries, record};
use crate::sim::story::{Story, Write};
use andante::rollout::record::Phase;
use std::collections::BTreeSet;

/// What may be met at a moment.
struct Allowed {
    names: BTreeSet<String>,
    /// The owner follows latest and nobody has pinned it: whatever becomes Ready is meant.
    anything: bool,
}

impl Allowed {
    fn take(&mut self, write: &Write) -> Option<String> {
        let list = entries(&write.after);
        // A write that moves nobody exposes nobody: a record that is closed over somebody else's split, an approval.
        if write.who.run.is_some() && write.before.as_deref().is_some_and(|b| entries(b) == list) {
            let template = |o: &serde_json::Value| o["spec"]["template"].clone();
            if write.before.as_deref().map(template) == Some(template(&write.after)) {
                return None;
            }
        }
        let follows = list.iter().any(|e| e.name.is_none() && e.percent > 0);
        self.names.extend(list.iter().filter(|e| e.percent > 0).filter_map(|e: &Entry| e.name.clone()));
        if self.anything {
            // What was Ready while everything was meant may still be on its way to the gateways.
            self.names.extend(write.truth.ready.iter().cloned());
        }
        if write.who.run.is_none() {
            self.anything = follows;
            return None;
        }
        self.anything = false;
        if !follows {
            return None;
        }
        match record(&write.after) {
            Some(record) if record.phase == Phase::Finished => {
                self.names.extend(record.candidate.map(|c| c.to_string()));
                None
            }
            // The template was put back, and latest is what users were on.
            Some(record) if record.phase == Phase::RolledBack && record.restored => {
                self.names.insert(record.start.stable.to_string());
                None
            }
            // Out of care: latest is the owner's again, and means what users had by name.
            None if moves_nobody(write) => {
                self.anything = true;
                None
            }
            // A first deployment: there is nobody yet who could meet anything by accident.
            _ if write.before.is_none() || write.truth.ready.is_empty() => {
                self.anything = true;
                None
            }
            _ => Some(format!("a write at {:?} follows latest with users before the end", write.at)),
        }
    }
}

/// A rollout's record goes, and everybody has what they had.
fn moves_nobody(write: &Write) -> bool {
    let Some(before) = write.before.as_deref().filter(|before| record(before).is_some()) else { return false };
    let truth = &write.truth;
    let Some(latest) = truth.latest_ready.as_ref().filter(|_| truth.latest_created == truth.latest_ready) else {
        return false;
    };
    let users = |o: &serde_json::Value| {
        merged(entries(o).iter().map(|e| Entry { tag: None, ..e.resolved(latest) }).filter(|e| e.percent > 0))
    };
    users(before) == users(&write.after)
}

/// Users meet only what the owner had, what a split named with a share, and what a person let them follow.
pub(crate) fn exposure(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    let first = story.writes().first();
    let follows =
        |w: &Write| w.before.as_deref().is_some_and(|b| entries(b).iter().any(|e| e.name.is_none() && e.percent > 0));
    let names = story.served().next().map(|s| s.split.iter().map(|(n, _)| n.clone()).collect()).unwrap_or_default();
    let mut allowed = Allowed { names, anything: first.is_none_or(|w| w.before.is_none() || follows(w)) };
    let mut writes = story.writes().iter().peekable();
    for served in story.served() {
        while let Some(write) = writes.next_if(|w| w.at <= served.at) {
            wrong.extend(allowed.take(write));
        }
        for (name, percent) in &served.split {
            if !allowed.anything && !allowed.names.contains(name) {
                wrong.push(format!("users get {percent} % of {name} at {:?}, and nobody sent them there", served.at));
            }
        }
    }
    writes.for_each(|w| wrong.extend(allowed.take(w)));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::check::fixture::{Fixture, finished, walk};
    use serde_json::json;

    #[test]
    fn good_walks_pass() {
        assert_eq!(exposure(&walk().story()), Vec::<String>::new());
        let end = finished(json!([{"latestRevision": true, "percent": 100}])).serve(&[("s2", 100)]);
        assert_eq!(exposure(&end.story()), Vec::<String>::new());
    }

    #[test]
    fn new_code_before_the_first_step_is_seen() {
        let story = Fixture::plain().split("w", &[("s1", 100), ("s2", 0)], |_| {}).serve(&[("s2", 100)]).story();
        // `s2` was Ready while the owner followed latest: the fixture says so; take that away.
        let mut late = story.clone();
        late.log.writes[0].truth.ready = ["s1".to_owned()].into();
        assert_eq!(exposure(&late).len(), 1);
    }

    #[test]
    fn following_latest_before_the_end_is_seen() {
        let story = walk().write("w", json!([{"latestRevision": true, "percent": 100}]), |_| {}).story();
        assert_eq!(exposure(&story).len(), 1);
    }

    #[test]
    fn following_latest_without_a_record_is_seen_where_it_moves_somebody() {
        let leaves = |created: &str| {
            finished(json!([{"revisionName": "s2", "percent": 100}]))
                .truth(|t| t.latest_created = Some(created.into()))
                .accept(Some("kim"), |o| {
                    o["spec"]["traffic"] = json!([{"latestRevision": true, "percent": 100}]);
                    o["metadata"]["annotations"] = json!({});
                })
                .serve(&[("s2", 100)])
                .story()
        };
        assert_eq!(exposure(&leaves("s2")), Vec::<String>::new());
        assert_eq!(exposure(&leaves("s3")).len(), 1, "latest is about to be something else");
    }

    #[test]
    fn a_person_may_follow_latest() {
        let story = walk().human(|o| o["spec"]["traffic"] = json!([{"percent": 100}])).serve(&[("s9", 100)]).story();
        assert_eq!(exposure(&story), Vec::<String>::new());
    }
}
