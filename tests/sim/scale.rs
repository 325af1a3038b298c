//! Pods: the autoscaler gives a Revision what its users and its bounds want, as far as there is room, and follows its
//! annotations at any time. Measured: four pods 2.7 s after the annotation.

use super::condition::Cond;
use super::patch;
use super::revision::Revision;
use super::state::{Due, Life, State};
use andante::model::api_error::ApiError;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the autoscaler and new pods take.
const SCALES: Duration = Duration::from_millis(2700);
/// What counts as a bound of a Revision.
const GROUP: &str = "autoscaling.knative.dev/";

/// What becomes of bounds that are written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    /// An admission policy leaves no more than this of a min-scale, and of 0 nothing.
    pub(crate) most: Option<i64>,
    /// The autoscaler looks at no min-scale.
    pub(crate) ignored: bool,
    /// Every PATCH that was taken: of which Revision, and the bounds it left there before any policy.
    pub(crate) patched: Vec<(String, Value)>,
}

impl State {
    /// PATCH of a Revision. Whatever is not a bound would replace all its pods, so no test ever may write it.
    pub(crate) fn patch_revision(&mut self, name: &str, patch: &Value) -> Result<Value, ApiError> {
        if !self.revisions_writable {
            return Err(ApiError::Forbidden(format!("patch revisions {name}")));
        }
        let revision = self.revisions.get_mut(name).ok_or_else(|| ApiError::NotFound(format!("revisions {name}")))?;
        let new = patch::apply(&revision.object, patch).map_err(ApiError::Refused)?;
        let annotations = |object: &Value| object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
        let (old, new) = (annotations(&revision.object), annotations(&new));
        for key in old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)) {
            assert!(key.starts_with(GROUP), "{key} of {name} was written, which replaces its pods");
        }
        let bound =
            |word: &str| new.get(&format!("{GROUP}{word}")).map(|text| text.as_str().unwrap_or("").parse::<u32>());
        match (bound("min-scale"), bound("max-scale")) {
            (Some(Ok(min)), Some(Ok(max))) if max > 0 && min > max => {
                return Err(ApiError::Invalid("expected 0 <= min-scale <= max-scale".into()));
            }
            (Some(Err(_)), _) | (_, Some(Err(_))) => return Err(ApiError::Invalid("expected a number".into())),
            _ => {}
        }
        self.bounds.patched.push((name.to_owned(), Value::Object(new.clone())));
        let mut new = new;
        let min = format!("{GROUP}min-scale");
        let asked = new.get(&min).and_then(|text| text.as_str()?.parse::<i64>().ok());
        match self.bounds.most.filter(|most| asked.is_some_and(|asked| asked > *most)) {
            Some(0) => drop(new.remove(&min)),
            Some(most) => drop(new.insert(min, json!(most.to_string()))),
            None => {}
        }
        revision.annotations = Value::Object(new);
        let uid = revision.uid;
        self.show_revision(name);
        self.after(SCALES, Due::Revision(name.to_owned(), uid, Life::Scale));
        Ok(self.revisions[name].object.clone())
    }

    /// The autoscaler looks at everyone a while after users came or went.
    pub(crate) fn scale_soon(&mut self) {
        let all: Vec<_> = self.revisions.values().map(|r| (r.name.clone(), r.uid)).collect();
        for (name, uid) in all {
            self.after(SCALES, Due::Revision(name, uid, Life::Scale));
        }
    }

    /// The autoscaler looks at one Revision that is up, or is to be.
    pub(crate) fn scale(&mut self, name: &str) {
        let percent =
            self.ingress.served().iter().find(|(served, _)| served == name).map_or(0, |(_, percent)| *percent);
        let others: i64 = self.revisions.values().filter(|r| r.name != name).map(|r| r.actual).sum();
        let room = self.room.map_or(i64::MAX, |room| (room - others).max(0));
        let by_users = (self.pods_wanted * percent + 99) / 100;
        let Some(r) = self.revisions.get_mut(name).filter(|r| r.ready_at.is_some() && !r.dead) else { return };
        let (min, max) = (if self.bounds.ignored { 0 } else { r.min_scale() }, r.max_scale());
        if r.actual == 0 && min == 0 {
            return;
        }
        let wanted = by_users.max(1).max(min).min(max);
        if (r.actual, r.desired) == (0, 0) && !self.cold_start.is_zero() {
            let what = "Requests to the target are being buffered as resources are provisioned.";
            (r.desired, r.active) = (wanted, Cond::maybe("Queued", what));
            let uid = r.uid;
            self.show_revision(name);
            self.after(self.cold_start, Due::Revision(name.to_owned(), uid, Life::Scale));
            return;
        }
        let actual = if wanted > r.actual { wanted.min(room.max(r.actual)) } else { wanted };
        let resources = if actual < wanted {
            Cond::no("FailedCreate", "pods are forbidden: exceeded quota: few, requested: pods=1")
        } else {
            Cond::yes()
        };
        if (r.desired, r.actual) != (wanted, actual) || r.resources != resources {
            (r.desired, r.actual, r.active, r.resources) = (wanted, actual, Cond::yes(), resources);
            self.show_revision(name);
        }
    }

    /// Revisions whose bounds are not as their owner had them.
    pub(crate) fn bounds_left(&self) -> Vec<String> {
        let had = |r: &Revision| r.template.pointer("/metadata/annotations").cloned().unwrap_or_else(|| json!({}));
        let left = self.revisions.values().filter(|r| had(r) != r.annotations);
        left.map(|r| format!("{} was left with {}", r.name, r.annotations)).collect()
    }

    /// Revisions whose bounds nobody could put back, because no record names them.
    pub(crate) fn bounds_lost(&self) -> Vec<String> {
        let record = self.service.as_deref().and_then(super::check::record);
        // Without a record, or with a damaged one, nobody can know.
        let Some(record) = record else { return vec![] };
        let known = |text: &&String| {
            let bounds = record.capacity.iter().flat_map(|capacity| &capacity.bounds);
            bounds.into_iter().any(|bound| text.starts_with(bound.revision.as_str()))
        };
        self.bounds_left().into_iter().filter(|text| !known(&text)).collect()
    }
}
