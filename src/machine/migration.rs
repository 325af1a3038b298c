//! What keeps Knative from migrating traffic although the split that was asked for is right.
//!
//! Decides which of it a write that must take effect takes out of the way itself, and what is said of the rest: cause and
//! remedy. It may use observed objects, the record and the world.

use crate::machine::standing::{Moved, moved};
use crate::machine::world::World;
use crate::model::name::{RevisionName, Tag};
use crate::model::observed::{MAX_ANNOTATIONS, Service, Truth};
use crate::model::ready::{Serving, is_current, serving};
use crate::model::split::{Split, TrafficTarget};
use crate::model::template::fingerprint;
use crate::rollout::record::Record;
use crate::rollout::splits::Tags;

/// Where a template's own name stands, as a JSON pointer.
pub(super) const TEMPLATE_NAME: &str = "/metadata/name";
/// How many bytes of annotations Knative adds to those that it copies from a Service, at most.
const COPIES: usize = 2048;
/// Knative's word for a template whose name another revision has.
const NAME_TAKEN: &str = "RevisionNameTaken";
/// Knative's word for a target whose revision is another Service's.
const NOT_THEIRS: &str = "RevisionNotOwned";
/// Knative's word for a Service `TAG-NAME` that is somebody else's.
const NOT_OWNED: &str = "NotOwned";

/// The template's own name, where a revision of another template has it: Knative then migrates no traffic at all, a way
/// back included (rule 3).
pub(super) fn taken_name<'a>(world: &World, service: &'a Service, record: &Record) -> Option<&'a str> {
    let name = name_of(service)?;
    if service.observed_generation >= service.generation && is_refused(service) {
        return Some(name);
    }
    let revision: RevisionName = name.parse().ok()?;
    world.revision(&revision)?;
    // Without the name Knative makes one more revision of the template, so a name stays where it does no harm: the
    // revision was made of this template, as Knative or our own record tells.
    let made_of_it = is_current(service) && service.latest_created.as_ref() == Some(&revision);
    let staged_by_us = record.template.as_ref() == Some(&fingerprint(&service.template))
        || (record.candidate.as_ref() == Some(&revision) && moved(record, service) == Moved::No);
    (!made_of_it && !staged_by_us).then_some(name)
}

/// The template's own name, as far as it has one.
fn name_of(service: &Service) -> Option<&str> {
    service.template.pointer(TEMPLATE_NAME)?.as_str().filter(|name| !name.is_empty())
}

/// Knative says, of whatever generation, that another revision has the template's name.
fn is_refused(service: &Service) -> bool {
    // The Configuration says it first, in a sentence; a moment later the Service does, in a word.
    let by_configuration = service.conditions.get("ConfigurationsReady").is_some_and(|c| {
        c.truth == Truth::False && c.message.contains("creation failed") && c.message.contains("already exists")
    });
    by_configuration || service.conditions.get("RoutesReady").is_some_and(|c| c.reason == NAME_TAKEN)
}

/// The template's own name, once Knative has refused the present template for it: it makes no revision, and migrates no
/// traffic, until another name or none stands there.
pub(super) fn refused_name(service: &Service) -> Option<&str> {
    // While the Configuration is out of date the condition is that of a template before.
    name_of(service).filter(|_| is_current(service) && is_refused(service))
}

/// What is said of a name that is taken out of the template.
pub(super) fn unnamed_words(name: &str) -> String {
    format!(
        "the template's name {name} is taken out of it, because a revision has it already and Knative migrates no traffic while it stands there"
    )
}

/// The tag of this split for which Knative finds a Service of somebody else's under the name that it needs.
pub(super) fn taken_tag<'a>(service: &Service, split: &'a Split) -> Option<&'a Tag> {
    let observed = service.observed_generation >= service.generation;
    let said = service.conditions.get("RoutesReady").filter(|c| observed && c.reason == NOT_OWNED)?;
    split.targets().iter().filter_map(|t| t.tag.as_ref()).find(|tag| said.message.contains(&placeholder(service, tag)))
}

/// True if this entry is one of our own tags.
pub(super) fn is_ours(target: &TrafficTarget, tags: &Tags) -> bool {
    target.tag.as_ref().is_some_and(|tag| [&tags.candidate, &tags.stable].contains(&tag))
}

fn placeholder(service: &Service, tag: &Tag) -> String {
    format!("\"{tag}-{}\"", service.name)
}

/// True if users get something else of the main address than this split says. Tags do not count: a tag that is not served
/// yet keeps nobody from where he belongs.
pub(super) fn misplaced(service: &Service, split: &Split) -> bool {
    let latest = service.latest_ready.as_ref();
    let split = latest.map_or_else(|| split.clone(), |latest| split.pinned(latest));
    let served = |name: &RevisionName| -> i64 {
        let of = |t: &&crate::model::observed::Served| t.revision_name.as_deref() == Some(name.as_str());
        service.served.iter().filter(of).map(|t| t.percent).sum()
    };
    split.revisions().into_iter().any(|name| served(name) != i64::from(split.share(name)))
}

/// Why the split is not served, and what a person can do about it; empty where nothing but time is missing.
pub(super) fn cause_and_remedy(world: &World, service: &Service) -> (String, String) {
    let cause = match serving(service) {
        Serving::Yes => return (String::new(), String::new()),
        Serving::NotYet(why) | Serving::Blocked(why) => why,
    };
    let reason = service.conditions.get("RoutesReady").map(|c| c.reason.as_str()).unwrap_or_default();
    let split = service.split.as_ref().ok();
    let unready = split.into_iter().flat_map(Split::revisions).find(|name| !world.serves(name));
    let again = format!("then `andante settle {}` again", service.called());
    let bytes = service.annotation_bytes();
    let remedy = if bytes + COPIES > MAX_ANNOTATIONS {
        format!(
            "the annotations of {} have {bytes} bytes, and Knative copies them, with some of its own, to objects that take {MAX_ANNOTATIONS}: remove some, {again}",
            service.name
        )
    } else if reason == NAME_TAKEN {
        format!("take spec.template.metadata.name out of {} (and of the file that brings it), {again}", service.name)
    } else if let Some(tag) = split.and_then(|split| taken_tag(service, split)) {
        format!(
            "the Service {}-{} is somebody else's: remove it or the tag `{tag}` from spec.traffic, {again}",
            tag, service.name
        )
    } else if reason == NOT_THEIRS {
        format!("remove the target that names a revision of another Service from spec.traffic, {again}")
    } else if service.observed_generation < service.generation {
        format!("Knative has not looked at it: are its controllers up (namespace knative-serving)? {again}")
    } else if let Some(name) = unready {
        format!("{}: mend it or remove its target from spec.traffic, {again}", state_of(world, name))
    } else {
        String::new()
    };
    (cause, remedy)
}

/// What is wrong with a revision that does not serve, in a few words.
pub(super) fn state_of(world: &World, name: &RevisionName) -> String {
    match world.revision(name) {
        None => format!("{name} is gone (deleted, or collected by Knative)"),
        Some(revision) if revision.deleting => format!("{name} is being deleted"),
        Some(revision) => format!("{name} is not Ready ({})", revision.complaint()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observed::Revision;
    use crate::rollout::record::tests::record;
    use serde_json::{Value, json};

    fn service(name: Option<&str>, created: &str, observed: i64, routes: Value) -> Service {
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 3},
            "spec": {"template": {"metadata": {"name": name}, "spec": {"containers": [{"image": "i:1"}]}},
                "traffic": [{"revisionName": "s-1", "percent": 100}, {"revisionName": "s-2", "percent": 0, "tag": "candidate"}]},
            "status": {"observedGeneration": observed, "latestCreatedRevisionName": created,
                "latestReadyRevisionName": "s-2", "conditions": [routes],
                "traffic": [{"revisionName": "s-1", "percent": 50}, {"revisionName": "s-2", "percent": 50}]}
        }))
        .unwrap()
    }

    fn world() -> World {
        let mut world = World::default();
        world.see_revisions(
            ["s-1", "s-2"].map(|name| Revision::from_json(&json!({"metadata": {"name": name}})).unwrap()),
        );
        world
    }

    fn ready() -> Value {
        json!({"type": "RoutesReady", "status": "True"})
    }

    #[test]
    fn a_name_that_a_revision_of_another_template_has_is_taken() {
        let (world, record) = (world(), record());
        let taken = |s: &Service| taken_name(&world, s, &record).map(str::to_owned);
        assert_eq!(taken(&service(Some("s-1"), "s-2", 3, ready())).as_deref(), Some("s-1"));
        assert_eq!(taken(&service(Some("s-1"), "s-2", 2, ready())).as_deref(), Some("s-1"), "not observed yet");
        assert_eq!(taken(&service(Some("s-9"), "s-2", 2, ready())), None, "a new name");
        assert_eq!(taken(&service(None, "s-2", 3, ready())), None);
        assert_eq!(taken(&service(Some("s-2"), "s-2", 3, ready())), None, "the revision is this template's");
        let said = json!({"type": "RoutesReady", "status": "False", "reason": "RevisionNameTaken"});
        assert_eq!(taken(&service(Some("s-2"), "s-2", 3, said)).as_deref(), Some("s-2"));
        // Each of the two conditions tells, and neither before the Configuration has caught up.
        let refused = |name, observed, condition: Value| {
            refused_name(&service(name, "s-1", observed, condition)).map(str::to_owned)
        };
        let exists = json!({"type": "ConfigurationsReady", "status": "False", "reason": "RevisionFailed",
            "message": "Revision creation failed with message: revisions.serving.knative.dev \"s-2\" already exists."});
        assert_eq!(refused(Some("s-2"), 3, exists.clone()).as_deref(), Some("s-2"));
        assert_eq!(refused(Some("s-2"), 2, exists.clone()), None, "of the generation before");
        assert_eq!(refused(None, 3, exists), None, "no name, no clash");
        assert_eq!(refused(Some("s-2"), 3, ready()), None);
        // What we staged ourselves under a name that was free is ours, though the status lags.
        let ours = service(Some("s-2"), "s-1", 2, ready());
        let mut staged = record.clone();
        staged.template = Some(fingerprint(&ours.template));
        assert_eq!(taken_name(&world, &ours, &staged), None);
    }

    #[test]
    fn each_condition_has_its_words() {
        let words = |reason: &str, message: &str| {
            let routes = json!({"type": "RoutesReady", "status": "False", "reason": reason, "message": message});
            cause_and_remedy(&world(), &service(Some("s-1"), "s-2", 3, routes))
        };
        let (cause, remedy) = words("RevisionNameTaken", "taken");
        assert!(cause.contains("RevisionNameTaken") && remedy.contains("spec.template.metadata.name"), "{remedy}");
        let (_, remedy) =
            words("NotOwned", "There is an existing placeholder Service \"candidate-s\" that we do not own.");
        assert!(remedy.contains("the Service candidate-s is somebody else's"), "{remedy}");
        let (_, remedy) = words("RevisionNotOwned", "Revision \"a-1\" belongs to Service \"a\", not Service \"s\".");
        assert!(remedy.contains("a revision of another Service"), "{remedy}");
        let (cause, remedy) = cause_and_remedy(&world(), &service(None, "s-2", 2, ready()));
        assert!(cause.contains("not observed") && remedy.contains("are its controllers up"), "{cause}; {remedy}");
        let mut full = service(None, "s-2", 2, ready());
        full.annotations.insert("a".into(), "x".repeat(MAX_ANNOTATIONS));
        assert!(cause_and_remedy(&world(), &full).1.contains("remove some"));
        let (_, remedy) = words("RevisionMissing", "Revision \"s-1\" failed to become ready.");
        assert!(remedy.contains("s-1 is not Ready"), "{remedy}");
        assert_eq!(state_of(&world(), &"s-7".parse().unwrap()), "s-7 is gone (deleted, or collected by Knative)");
    }

    #[test]
    fn users_who_are_elsewhere_are_seen_and_tags_do_not_count() {
        let mut service = service(None, "s-2", 3, ready());
        let split = service.split.clone().unwrap();
        assert!(misplaced(&service, &split));
        service
            .served
            .iter_mut()
            .for_each(|t| t.percent = if t.revision_name.as_deref() == Some("s-1") { 100 } else { 0 });
        assert!(!misplaced(&service, &split));
        assert!(misplaced(&service, &Split::all_latest()), "latest is s-2");
    }
}
