//! How a rollout ends: at the goal, where it was before, and never on something that is not Ready.

use super::start::{meant, merged};
use super::{Entry, Ours, could_not, entries, ours, part, record, started, went_back, whole};
use crate::sim::story::Story;
use andante::model::outcome::Code;
use andante::rollout::record::Phase;

/// A finished rollout has the owner's shape, with the candidate where stable was, and none of our tags.
pub(crate) fn finished(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    for our in ours(story).iter().filter(|o| o.record.phase == Phase::Finished) {
        let Some(candidate) = our.record.candidate.as_ref().map(ToString::to_string) else { continue };
        // What serves already is only noted.
        if our.write.before.as_deref().is_some_and(|b| entries(b) == entries(&our.write.after)) {
            continue;
        }
        let latest = our.record.start.latest.to_string();
        let (list, main) = started(&our.record);
        if our.record.ended_below().is_some() {
            wrong.extend(below(our, &candidate));
            continue;
        }
        let walked = list.iter().enumerate().filter(|(i, _)| our.record.start.beside != Some(*i));
        let goal = walked.map(|(i, e)| match (i == main, &e.name) {
            (true, _) => Entry { name: Some(candidate.clone()), percent: whole(&our.record), ..e.clone() },
            (false, None) if e.percent == 0 => e.clone(),
            (false, _) => e.resolved(&latest),
        });
        let is = entries(&our.write.after);
        let truth = &our.write.truth;
        let may_follow = list.get(main).is_some_and(|e| e.name.is_none())
            && truth.latest_ready.as_ref() == Some(&candidate)
            && truth.latest_created.as_ref() == Some(&candidate)
            && truth.template.as_ref() == Some(&our.write.after["spec"]["template"]);
        if is.iter().any(|e| e.name.is_none() && e.percent > 0) && !may_follow {
            wrong.push(format!("write {} follows latest, which is {:?}", our.number, truth.latest_ready));
        }
        if is.iter().any(|e| e.name.is_none() && e.percent > 0) && in_care(&our.write.after) {
            wrong.push(format!("write {} follows latest in care", our.number));
        }
        let still_gone = |e: &Entry| e.percent == 0 && e.name.as_ref().is_some_and(|n| !truth.ready.contains(n));
        let goal = merged(goal.filter(|e| !still_gone(e)));
        let named = |e: &Entry| if e.percent > 0 { e.resolved(&candidate) } else { e.clone() };
        let is = merged(is.iter().map(named).filter(|e| !still_gone(e)));
        if is != goal {
            wrong.push(format!("write {}: {is:?}, wanted {goal:?}", our.number));
        }
    }
    wrong
}

/// Somebody is in charge, and nobody outside.
fn in_care(service: &serde_json::Value) -> bool {
    let named = service["metadata"]["annotations"]["andante.dev/pipeline"].as_str();
    named.is_some_and(|text| text != "ExternalOperation")
}

/// One that is over at a share has that, under our tags, and stable has all else.
fn below(our: &Ours, candidate: &str) -> Option<String> {
    let (record, is) = (&our.record, entries(&our.write.after));
    let (list, main) = started(record);
    let plan = record.plan.as_ref().unwrap();
    let share = part(whole(record), i64::from(plan.to().get()));
    let stable = record.start.stable.as_str();
    let tag =
        |name: &str, tag: &str| is.iter().any(|e| e.name.as_deref() == Some(name) && e.tag.as_deref() == Some(tag));
    let main = list.get(main).and_then(|e| e.tag.clone()).unwrap_or_else(|| record.tags.stable.to_string());
    let tagged = tag(candidate, record.tags.candidate.as_str()) && tag(stable, &main);
    let got = (super::share(&is, candidate, None), super::share(&is, stable, None));
    let good = tagged && got.0 >= share && got.1 >= whole(record) - share;
    (!good).then(|| {
        format!("write {} is over at {got:?} of {candidate} and {stable}, wanted {share} %: {is:?}", our.number)
    })
}

/// A rolled-back rollout has the owner's split by name; the candidate's tag may stay. Where its template was put back, that tag is of
/// what comes of it, and latest is followed again once it is that.
pub(crate) fn rolled_back(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    for our in ours(story) {
        let stable = our.record.start.stable.as_str();
        if could_not(&our.record) && our.write.truth.ready.contains(stable) {
            wrong.push(format!("write {} could not restore {stable}, which is Ready", our.number));
        }
        if !went_back(&our.record) {
            continue;
        }
        let is = entries(&our.write.after);
        let ours_tag = our.record.tags.candidate.as_str();
        let (restored, truth) = (our.record.restored, &our.write.truth);
        // What the owner previews on latest under a tag is again what comes of it, too.
        let had = started(&our.record).0;
        let preview = |e: &Entry| {
            let same = |theirs: &Entry| theirs.name.is_none() && theirs.percent == 0 && theirs.tag == e.tag;
            restored && e.percent == 0 && had.iter().any(same)
        };
        let comes = |e: &Entry| restored && e.percent == 0 && e.tag.as_deref() == Some(ours_tag) || preview(e);
        let is_latest = |name: &Option<String>| name.as_deref() == Some(stable);
        let may_follow = restored
            && is_latest(&truth.latest_ready)
            && is_latest(&truth.latest_created)
            && truth.template.as_ref() == Some(&our.write.after["spec"]["template"]);
        if let Some(follows) = is.iter().find(|e| e.name.is_none() && !comes(e) && !may_follow) {
            wrong.push(format!("write {} lets {follows:?} follow latest", our.number));
        }
        if is.iter().any(|e| e.name.is_none() && e.percent > 0) && in_care(&our.write.after) {
            wrong.push(format!("write {} goes back to latest in care", our.number));
        }
        let is_ours = |e: &Entry| restored && e.tag.as_deref() == Some(our.record.tags.stable.as_str());
        let ours_of_stable = |e: Entry| if is_ours(&e) { Entry { tag: None, ..e } } else { e };
        let candidate = our.record.candidate.as_ref().map(andante::model::name::RevisionName::as_str);
        let kept = |e: &Entry| e.percent == 0 && e.tag.as_deref() == Some(ours_tag) && e.name.as_deref() == candidate;
        let gone = |e: &Entry| e.percent == 0 && e.name.as_ref().is_some_and(|n| !our.write.truth.ready.contains(n));
        let is = is.into_iter().filter(|e| !kept(e) && !gone(e) && !comes(e)).map(ours_of_stable);
        let is = merged(is.map(|e| if may_follow { e.resolved(stable) } else { e }));
        let was = merged(meant(&our.record).into_iter().filter(|e| !gone(e) && !preview(e)));
        if is != was {
            wrong.push(format!("write {}: {is:?}, before there was {was:?}", our.number));
        }
    }
    wrong
}

/// At rest, what was written is served, and nobody is on a revision that is not Ready while stable is.
pub(crate) fn rest(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    let (Some(service), Some(served)) = (story.service.as_deref(), story.log.served.last()) else { return wrong };
    let Some(record) = record(service) else { return wrong };
    // Whoever moved it last answers for it.
    if story
        .writes()
        .iter()
        .rev()
        .find(|w| w.before.as_deref().is_none_or(|b| entries(b) != entries(&w.after)))
        .is_none_or(|w| w.who.run.is_none())
    {
        return wrong;
    }
    let stable = record.start.stable.as_str();
    // What somebody deletes when all is over, and nobody is there to see it, is theirs.
    let last = ours(story).last().map(|o| o.write.at).unwrap_or_default();
    let seen_by = |at: std::time::Duration| story.ended.iter().any(|e| e.at > at + std::time::Duration::from_secs(60));
    let theirs = |name: &String| {
        story.log.deleted.iter().any(|(at, n)| n == name && *at >= last && (!record.phase.is_open() || !seen_by(*at)))
    };
    for (name, percent) in served.split.iter().filter(|(name, _)| !theirs(name)) {
        if !story.ready.contains(name) && story.ready.contains(stable) {
            wrong.push(format!("{percent} % of users rest on {name}, which is not Ready, and {stable} is"));
        }
    }
    let all_ready = entries(service).iter().filter_map(|e| e.name.clone()).all(|n| story.ready.contains(&n));
    for entry in entries(service).iter().filter(|e| e.percent > 0 && all_ready) {
        if let Some(name) = &entry.name
            && !served.split.iter().any(|(n, _)| n == name)
        {
            wrong.push(format!("{name} should serve and does not: {:?}", served.split));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::check::fixture::{Fixture, finished as end, walk};
    use serde_json::json;

    fn back(traffic: serde_json::Value) -> Fixture {
        walk().write("w", traffic, |r| r.phase = Phase::RolledBack)
    }

    #[test]
    fn good_ends_pass() {
        for traffic in
            [json!([{"latestRevision": true, "percent": 100}]), json!([{"revisionName": "s2", "percent": 100}])]
        {
            assert_eq!(finished(&end(traffic).serve(&[("s2", 100)]).story()), Vec::<String>::new());
        }
        let story = back(
            json!([{"revisionName": "s1", "percent": 100}, {"revisionName": "s2", "percent": 0, "tag": "candidate"}]),
        );
        assert_eq!(rolled_back(&story.serve(&[("s1", 100)]).story()), Vec::<String>::new());
    }

    #[test]
    fn another_end_is_seen() {
        for traffic in [
            json!([{"revisionName": "s1", "percent": 100}]),
            json!([{"revisionName": "s2", "percent": 100, "tag": "candidate"}]),
            json!([{"revisionName": "s2", "percent": 100}, {"revisionName": "s1", "percent": 0, "tag": "stable"}]),
        ] {
            assert_eq!(finished(&end(traffic).story()).len(), 1);
        }
        let moved = end(json!([{"revisionName": "s2", "percent": 100}]))
            .truth(|t| t.latest_ready = Some("s3".into()))
            .write("w", json!([{"latestRevision": true, "percent": 100}]), |_| {});
        assert_eq!(finished(&moved.story()).len(), 1, "latest is something else");
    }

    #[test]
    fn another_way_back_is_seen() {
        assert_eq!(rolled_back(&back(json!([{"latestRevision": true, "percent": 100}])).story()).len(), 2);
        assert_eq!(
            rolled_back(
                &back(json!([{"revisionName": "s1", "percent": 99}, {"revisionName": "s2", "percent": 1}])).story()
            )
            .len(),
            1
        );
        let given_up = walk().split("w", &[("s1", 0), ("s2", 100)], |r| {
            (r.phase, r.outcome) = (Phase::RolledBack, Some(Code::CouldNotRestore));
        });
        assert_eq!(rolled_back(&given_up.story()).len(), 1, "stable is Ready");
    }

    #[test]
    fn latest_after_a_way_back_is_what_users_are_on_or_it_is_seen() {
        let restored = |latest: &str| {
            let back = back(json!([{"revisionName": "s1", "percent": 100}])).truth(|t| {
                (t.latest_ready, t.latest_created) = (Some(latest.into()), Some(latest.into()));
            });
            let follows = json!([{"latestRevision": true, "percent": 100}]);
            let again = back.write("w", follows, |r| {
                (r.phase, r.restored, r.start.stable) = (Phase::RolledBack, true, "s3".parse().unwrap());
            });
            rolled_back(&again.story()).len()
        };
        assert_eq!((restored("s3"), restored("s2")), (0, 2));
    }

    #[test]
    fn resting_on_something_unready_is_seen() {
        let story = walk().truth(|t| t.ready = ["s1".to_owned()].into()).story();
        assert_eq!(rest(&story).len(), 1);
        assert_eq!(rest(&walk().story()), Vec::<String>::new());
        let mut deleted = end(json!([{"revisionName": "s2", "percent": 100}]))
            .truth(|t| t.ready = ["s1".to_owned()].into())
            .serve(&[("s2", 100)])
            .story();
        assert_eq!(rest(&deleted).len(), 1);
        deleted.log.deleted.push((std::time::Duration::from_secs(900), "s2".into()));
        assert_eq!(rest(&deleted), Vec::<String>::new(), "after the end it is theirs");
        deleted.log.deleted[0].0 = std::time::Duration::from_secs(20);
        assert_eq!(rest(&deleted).len(), 1);
        let unserved = walk().split("w", &[("s1", 0), ("s2", 100)], |_| {}).serve(&[("s1", 100)]);
        assert_eq!(rest(&unserved.story()).len(), 1);
    }
}
