//! The revisions of a status: what each is to the rollout, what users it gets, how its pods are.
//!
//! Decides which revisions are worth naming. It may use the record and the world.

use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::observed::{Revision, Service};
use crate::model::ready::{Pods, pods};
use crate::model::split::Split;
use crate::rollout::record::Record;
use serde::Serialize;

/// What a revision is to the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Users are walked away from it.
    Stable,
    /// Users are walked to it.
    Candidate,
    /// Somebody else's entry.
    Other,
}

/// One revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RevisionStatus {
    /// What it is to the rollout.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// What users it gets, in percent, as served.
    pub percent: i64,
    /// What it is asked to get, in percent.
    pub asked: i64,
    /// `up`, `asleep`, `coming`, `no-room`, `down` or `missing`.
    pub pods: &'static str,
    /// Its own words about what is wrong.
    pub why: Option<String>,
    /// Ready pods.
    pub actual: i64,
    /// Pods that are wanted; -1 where that is not known.
    pub desired: i64,
    /// What its own annotations tell the autoscaler: so many pods at least; 0 where nothing is said.
    pub min_scale: u32,
    /// So many pods at most; none where nothing is said.
    pub max_scale: Option<u32>,
    /// Which of the two this rollout set, and has not put back yet.
    pub set_by_rollout: Vec<&'static str>,
    /// The image, as its template says.
    pub image: Option<String>,
    /// The digest that runs.
    pub digest: Option<String>,
}

/// Stable, candidate, then every other revision that serves or is asked to.
pub(super) fn sides(world: &World, service: &Service, record: Option<&Record>) -> Vec<RevisionStatus> {
    let mut names: Vec<(Role, RevisionName)> = Vec::new();
    if let Some(record) = record {
        names.push((Role::Stable, record.start.stable.clone()));
        // After a first deployment both are one revision.
        let candidate = record.candidate.clone().filter(|name| *name != record.start.stable);
        names.extend(candidate.map(|name| (Role::Candidate, name)));
    }
    let served = service.served.iter().filter_map(|t| t.revision_name.as_ref()?.parse().ok());
    let asked = service.split.iter().flat_map(Split::revisions).cloned();
    for name in served.chain(asked) {
        if !names.iter().any(|(_, known)| *known == name) {
            names.push((Role::Other, name));
        }
    }
    names.into_iter().map(|(role, name)| side(role, &name, world, service, record)).collect()
}

fn side(role: Role, name: &RevisionName, world: &World, service: &Service, record: Option<&Record>) -> RevisionStatus {
    let of = |t: &&crate::model::observed::Served| t.revision_name.as_deref() == Some(name.as_str());
    let revision = world.revision(name);
    let (pods, why) = pods_in_words(revision);
    let latest = service.latest_ready.as_ref().unwrap_or(name);
    let asked = service.split.as_ref().map_or(0, |split| i64::from(split.pinned(latest).share(name)));
    RevisionStatus {
        role,
        name: name.to_string(),
        percent: service.served.iter().filter(of).map(|t| t.percent).sum(),
        asked,
        pods,
        why,
        actual: revision.map_or(0, |r| r.actual),
        desired: revision.map_or(0, |r| r.desired),
        min_scale: revision.map_or(0, |r| r.scaling.min),
        max_scale: revision.and_then(|r| r.scaling.max),
        set_by_rollout: revision.map(|r| set_by(record, r)).unwrap_or_default(),
        image: revision.and_then(|r| r.image.clone()),
        digest: revision.and_then(|r| r.digest.clone()),
    }
}

/// The bounds of a Revision that are the rollout's.
fn set_by(record: Option<&Record>, revision: &Revision) -> Vec<&'static str> {
    let bounds = record.and_then(|r| r.capacity.as_ref()).into_iter().flat_map(|capacity| &capacity.bounds);
    bounds.filter(|bound| bound.stands_on(revision)).map(|bound| bound.bound.word()).collect()
}

fn pods_in_words(revision: Option<&Revision>) -> (&'static str, Option<String>) {
    match revision.map(pods) {
        Some(Pods::Up) => ("up", None),
        Some(Pods::Asleep) => ("asleep", None),
        Some(Pods::Coming(why)) => ("coming", Some(why)),
        Some(Pods::NoRoom(why)) => ("no-room", Some(why)),
        Some(Pods::Down(why)) => ("down", Some(why)),
        None => ("missing", None),
    }
}
