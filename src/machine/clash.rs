//! A tag's name that somebody else has. For each tag Knative makes a placeholder Service of Kubernetes, `TAG-SERVICE`; where
//! one of that name is there already and not its own, it makes nothing of the whole split (`NotOwned`).
//!
//! Decides which of our tags clashes: ahead of the first write where such names can be read, and afterwards by what the
//! Route says. It may use the record's tags and observed objects.

use crate::machine::next::{Look, Next};
use crate::machine::standing::outcome_of;
use crate::machine::world::{NameHolder, World};
use crate::model::name::Tag;
use crate::model::observed::{Service, Truth};
use crate::model::outcome::{Code, Outcome};
use crate::model::split::Split;
use crate::rollout::splits::Tags;

/// What else can be called.
const OTHER_NAMES: &str = "choose other names: --candidate-tag, --stable-tag";

/// One of our tags whose name is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clash {
    /// The tag.
    tag: Tag,
    /// The placeholder's name.
    name: String,
}

impl Clash {
    /// What clashes, in a sentence without a full stop.
    pub(super) fn words(&self) -> String {
        format!(
            "Knative needs the name `{}` for the tag `{}`, and another Service has it (NotOwned), so it serves no split with this tag; {OTHER_NAMES}",
            self.name, self.tag
        )
    }
}

/// The placeholder's name, as Knative makes it where nobody changed its `tag-template`.
fn placeholder(tag: &Tag, service: &Service) -> String {
    format!("{tag}-{}", service.name)
}

/// The clash ahead of the write of `split`, or what must be asked to know of one. Nothing where names cannot be read.
pub(crate) fn ahead(split: &Split, tags: &Tags, world: &World, service: &Service) -> Option<Next> {
    for tag in [&tags.candidate, &tags.stable] {
        let here = service.split.as_ref().is_ok_and(|s| s.tagged(tag).is_some());
        // A tag that stands already has its placeholder, or clashes visibly.
        if split.tagged(tag).is_none() || here {
            continue;
        }
        let name = placeholder(tag, service);
        match world.names.get(&name) {
            None => return Some(Next::Look(Look::Name(name))),
            Some(NameHolder::Other(kind)) => {
                let what = format!(
                    "the tag `{tag}` needs the name `{name}`, which {kind} of that name has already; nothing was written"
                );
                return Some(Next::end(outcome_of(Code::BadState, what, service).next(OTHER_NAMES)));
            }
            Some(NameHolder::Nobody | NameHolder::Unknown) => {}
        }
    }
    None
}

/// The name that the Route wants and cannot have, if that is what keeps it from serving.
fn not_owned(service: &Service) -> Option<&str> {
    let routes = service.conditions.get("RoutesReady")?;
    let now = service.observed_generation >= service.generation;
    let refused = now && routes.truth == Truth::False && routes.reason == "NotOwned";
    refused.then(|| routes.message.split('"').nth(1)).flatten()
}

/// The tag of ours that keeps the split from being served, if one does.
pub(super) fn seen(service: &Service, tags: &Tags) -> Option<Clash> {
    let name = not_owned(service)?;
    let split = service.split.as_ref().ok()?;
    let ours = |tag: &&Tag| split.tagged(tag).is_some();
    let tags = || [&tags.candidate, &tags.stable].into_iter().filter(ours);
    // An operator may have changed Knative's template of such names; no other entry of the split has this one then.
    let exact = tags().find(|tag| placeholder(tag, service) == name);
    let others = split.targets().iter().filter_map(|t| t.tag.as_ref());
    let other = others.filter(|tag| !tags().any(|ours| ours == *tag)).any(|tag| placeholder(tag, service) == name);
    // A tag may have one letter, which many a name has: what counts is the tag as a word of its own beside the Service's name.
    let beside = format!("-{}-", name.replacen(service.name.as_str(), "", 1));
    let alike = || tags().find(|tag| !other && beside.contains(&format!("-{tag}-")));
    exact.or_else(alike).map(|tag| Clash { tag: tag.clone(), name: name.to_owned() })
}

/// True if `tag` is what clashes.
pub(super) fn is_taken(service: &Service, tags: &Tags, tag: &Tag) -> bool {
    seen(service, tags).is_some_and(|clash| clash.tag == *tag)
}

/// Refused before the first write: the owner's own split clashes already, so that Knative would serve no other one.
pub(super) fn owner_clashes(start: &Split, service: &Service) -> Result<(), Box<Outcome>> {
    let Some(name) = not_owned(service) else { return Ok(()) };
    let tagged = start.targets().iter().filter_map(|t| t.tag.as_ref()).any(|tag| placeholder(tag, service) == name);
    if name != service.name.as_str() && !tagged {
        return Ok(());
    }
    let what = format!(
        "Knative serves no split of {}: it needs the name `{name}`, and another Service has it (NotOwned); nothing was written",
        service.name
    );
    Err(Box::new(outcome_of(Code::BadState, what, service).next("rename one of the two, or remove the tag")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(reason: &str, name: &str) -> Service {
        Service::from_json(&json!({
            "metadata": {"name": "hello", "uid": "u", "generation": 2},
            "spec": {"traffic": [{"revisionName": "hello-1", "percent": 100, "tag": "stable"},
                {"latestRevision": true, "percent": 0, "tag": "candidate"},
                {"revisionName": "hello-1", "percent": 0, "tag": "old-candidate"}]},
            "status": {"observedGeneration": 2, "conditions": [{"type": "RoutesReady", "status": "False", "reason": reason,
                "message": format!("There is an existing placeholder Service {name:?} that we do not own.")}]}
        }))
        .unwrap()
    }

    fn clashing(name: &str) -> Option<String> {
        seen(&service("NotOwned", name), &Tags::default()).map(|clash| clash.tag.to_string())
    }

    #[test]
    fn the_route_names_the_placeholder_and_that_names_our_tag() {
        assert_eq!(clashing("candidate-hello").as_deref(), Some("candidate"));
        assert_eq!(clashing("stable-hello").as_deref(), Some("stable"));
        assert_eq!(clashing("hello-candidate").as_deref(), Some("candidate"), "another tag-template");
        assert_eq!(clashing("old-candidate-hello"), None, "the owner's own tag");
        assert_eq!(clashing("hello"), None, "the Service's own name");
        assert_eq!(clashing("uncandidate-hello"), None, "a name that only holds the tag's letters");
        assert_eq!(seen(&service("RevisionMissing", "candidate-hello"), &Tags::default()), None);
    }

    #[test]
    fn a_tag_of_one_letter_is_not_found_in_every_name() {
        let clash = |name: &str| {
            let mut service = service("NotOwned", name);
            let traffic = json!([{"revisionName": "hello-1", "percent": 100, "tag": "s"},
                {"latestRevision": true, "percent": 0, "tag": "c"}]);
            service.split = Split::from_json(Some(&traffic));
            let tags = Tags { candidate: "c".parse().unwrap(), stable: "s".parse().unwrap() };
            seen(&service, &tags).map(|clash| clash.tag.to_string())
        };
        assert_eq!(clash("c-hello").as_deref(), Some("c"));
        assert_eq!(clash("hello-s").as_deref(), Some("s"), "another tag-template");
        assert_eq!(clash("hello-classic"), None);
        assert_eq!(clash("hello"), None);
    }

    #[test]
    fn a_status_of_the_split_before_says_nothing_of_this_one() {
        let mut late = service("NotOwned", "candidate-hello");
        late.generation = 3;
        assert_eq!(seen(&late, &Tags::default()), None);
    }

    #[test]
    fn what_the_owner_has_already_clashes_or_not() {
        let start = service("", "").split.unwrap();
        assert!(owner_clashes(&start, &service("NotOwned", "hello")).is_err());
        assert!(owner_clashes(&start, &service("NotOwned", "old-candidate-hello")).is_err());
        let plain = Split::all_latest();
        assert!(owner_clashes(&plain, &service("NotOwned", "candidate-hello")).is_ok(), "it goes with our tag");
        assert!(owner_clashes(&start, &service("RevisionMissing", "hello")).is_ok());
    }

    #[test]
    fn names_are_asked_for_before_a_tag_is_written_first() {
        let mut plain = service("", "");
        plain.split = Ok(Split::all_latest());
        let (split, tags) = (service("", "").split.unwrap(), Tags::default());
        let mut world = World::default();
        let asked = ahead(&split, &tags, &world, &plain);
        assert_eq!(asked, Some(Next::Look(Look::Name("candidate-hello".into()))));
        world.names.insert("candidate-hello".into(), NameHolder::Unknown);
        world.names.insert("stable-hello".into(), NameHolder::Other("a Knative Service"));
        let Some(Next::End(end)) = ahead(&split, &tags, &world, &plain) else { panic!("an end") };
        assert_eq!(end.code, Code::BadState);
        assert!(end.line().contains("`stable-hello`") && end.line().contains("--stable-tag"), "{}", end.line());
        world.names.insert("stable-hello".into(), NameHolder::Nobody);
        assert_eq!(ahead(&split, &tags, &world, &plain), None);
        assert_eq!(ahead(&split, &tags, &World::default(), &service("", "")), None, "the tags stand already");
    }
}
