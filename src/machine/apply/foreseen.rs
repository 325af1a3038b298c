//! What a dry run of a file showed.
//!
//! Decides who would be overruled and who would not (an equal value is no quarrel, whoever owned it), what would change, whether the
//! Service has to be adopted first, and who walks what changed. It may use declarations, records and observed objects.

use super::body::{WantedService, annotation, is_walked};
use super::owned;
use crate::model::observed::{PIPELINE, RECORD, Service};
use crate::model::ready::is_current;
use crate::model::split::Split;
use crate::model::writers::{APPLY_MANAGER, FIELD_MANAGER, OwnedField};
use crate::rollout::declaration::charge::InCharge;
use crate::rollout::declaration::part::{APPLIED_SET, DeclaredPart};
use crate::rollout::declaration::read::Stated;
use crate::rollout::declaration::whose::{Whose, whose};
use crate::rollout::goal_status::{GoalStatus, StatusSeen};
use crate::rollout::record::Record;
use serde_json::{Map, Value};

/// What becomes of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyChange {
    /// There was none.
    Created,
    /// Something is another one.
    Changed,
    /// Nothing is another one; from now on the files own what others did.
    Owned,
    /// Nothing is written.
    Unchanged,
}

impl ApplyChange {
    /// The word for tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Owned => "taken over",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Who brings users to what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walker {
    /// Nobody has to: nothing waits, Knative serves it by itself, or it is suspended.
    Nobody,
    /// Whoever applied the file, by `andante roll-out`.
    RollOut,
    /// The pipeline that is declared, by `andante start`.
    Start,
}

/// What a dry run of a file showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreseen {
    /// What becomes of the Service.
    pub change: ApplyChange,
    /// What would be another one: `template`, `declaration`, `traffic`, `spec`, `labels`, `annotations`.
    pub parts: Vec<&'static str>,
    /// Fields of others that would get another value. Where there is one, nothing is written.
    pub conflicts: Vec<OwnedField>,
    /// Fields of others that would keep their values.
    pub taken: Vec<OwnedField>,
    /// What stands there and the file does not say.
    pub drift: Vec<OwnedField>,
    /// Users follow latest, so the Service is adopted before the file is written.
    pub adopts: bool,
    /// What that declares: nothing where somebody is in charge already. Adopted as it is with what the file says, a commit that
    /// the file names would count as reached, and nobody would build it.
    pub declares: Vec<(DeclaredPart, String)>,
    /// Who walks it.
    pub walker: Walker,
    /// The file names a split that a walk is in charge of.
    pub leaves_split: bool,
    /// What is sent.
    pub body: Value,
    /// It is sent so that it takes fields over.
    pub force: bool,
}

impl Foreseen {
    /// All of it stands there, and nothing is to be written.
    pub fn is_there(&self) -> bool {
        self.change == ApplyChange::Unchanged
    }
}

/// What was heard of a dry run.
#[derive(Debug)]
pub struct DryRun<'a> {
    /// What stands there; none: nothing does.
    pub live: Option<&'a Value>,
    /// What was sent.
    pub body: Value,
    /// What would be stored.
    pub stored: &'a Value,
    /// Fields that were taken over in it.
    pub overruled: Vec<OwnedField>,
}

impl WantedService {
    /// What a dry run of this file showed. `take_over`: managers whose fields may get other values.
    pub fn foreseen(&self, dry: DryRun<'_>, take_over: &[String]) -> Foreseen {
        let DryRun { live, body, stored, overruled } = dry;
        let force = !overruled.is_empty();
        // What `andante declare` wrote is a wish like anybody's, and one that the file may be older than.
        let foreign =
            overruled.into_iter().filter(|field| field.manager != FIELD_MANAGER && field.manager != APPLY_MANAGER);
        let same = |field: &OwnedField| {
            let before = live.and_then(|live| owned::at(live, &field.field));
            // kn's own notes are no wish of anybody's.
            before.is_some() && before == owned::at(stored, &field.field)
                || field.field.contains(".client.knative.dev/")
        };
        let (taken, conflicts): (Vec<_>, Vec<_>) =
            foreign.partition(|field| same(field) || take_over.contains(&field.manager));
        let parts = live.map(|live| parts(live, stored)).unwrap_or_default();
        let change = match live {
            None => ApplyChange::Created,
            Some(_) if !parts.is_empty() => ApplyChange::Changed,
            Some(live) if owned::by_files(live) != owned::by_files(stored) => ApplyChange::Owned,
            Some(_) => ApplyChange::Unchanged,
        };
        let renewed = change == ApplyChange::Created || parts.contains(&"template") || parts.contains(&"declaration");
        let walker = walker(stored);
        let waits = |live: &Value| waits(live) || walker == Walker::Start && is_unstarted(live);
        let walks = renewed || live.is_some_and(waits);
        Foreseen {
            change,
            adopts: renewed && live.is_some_and(|live| meets_unproved(live, stored)),
            declares: if live.is_some_and(is_in_charge) { Vec::new() } else { self.declares() },
            walker: if walks { walker } else { Walker::Nobody },
            drift: owned::drift(stored, is_walked(stored)),
            leaves_split: self.leaves_split(live),
            parts,
            conflicts,
            taken,
            body,
            force,
        }
    }
}

fn object(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// What would be another one.
fn parts(live: &Value, stored: &Value) -> Vec<&'static str> {
    let spec = |of: &Value| {
        let mut spec = object(of.get("spec"));
        spec.remove("template");
        spec.remove("traffic");
        spec
    };
    let annotations = |of: &Value, declaring: bool| {
        let mut all = object(of.pointer("/metadata/annotations"));
        all.retain(|name, _| {
            let owners = whose(name) == Whose::Owners || name == APPLIED_SET;
            owners && DeclaredPart::of_annotation(name).is_some() == declaring
        });
        all
    };
    let differ = [
        ("template", live.pointer("/spec/template") != stored.pointer("/spec/template")),
        ("declaration", annotations(live, true) != annotations(stored, true)),
        ("traffic", live.pointer("/spec/traffic") != stored.pointer("/spec/traffic")),
        ("spec", spec(live) != spec(stored)),
        ("labels", object(live.pointer("/metadata/labels")) != object(stored.pointer("/metadata/labels"))),
        ("annotations", annotations(live, false) != annotations(stored, false)),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
}

/// True if users of a Service in care would meet what stands in the template by themselves.
fn meets_unproved(live: &Value, stored: &Value) -> bool {
    let Ok(service) = Service::from_json(live) else { return false };
    let follows = service.split.as_ref().is_ok_and(|split| !split.latest_share().is_zero());
    // A Service that was never ready has no users. In the middle of a rollout they are by name.
    let open =
        annotation(live, RECORD).is_some_and(|text| Record::parse(text).is_ok_and(|record| record.phase.is_open()));
    annotation(stored, PIPELINE).is_some() && follows && service.latest_ready.is_some() && !open
}

/// True where what stands there names who is in charge, and can be read.
fn is_in_charge(live: &Value) -> bool {
    Stated::of_json(live).read().is_ok_and(|declared| declared.in_charge.is_some())
}

/// True where the newest revision serves nobody and no rollout has begun with it: whoever was to walk it never came to it.
fn waits(live: &Value) -> bool {
    let Ok(service) = Service::from_json(live) else { return false };
    let (Some(newest), Ok(split)) = (&service.latest_created, &service.split) else { return false };
    let record = match annotation(live, RECORD).map(Record::parse) {
        None => None,
        Some(Ok(record)) if !record.phase.is_open() => Some(record),
        // Somebody is at it, or it is not known who.
        Some(_) => return false,
    };
    let begun = record.is_some_and(|record| record.candidate.as_ref() == Some(newest));
    // Where Knative has not taken up what stands there, the newest revision is that of an older template.
    split.latest_share().is_zero() && (!is_current(&service) || split.share(newest).is_zero() && !begun)
}

/// True where no run was made for what is declared, and no revision tells that it waits: a commit that is to be built, a share that
/// is to be walked to. Whoever was to start it never came to it.
fn is_unstarted(live: &Value) -> bool {
    let (Ok(service), Ok(declared)) = (Service::from_json(live), Stated::of_json(live).read()) else { return false };
    let seen = StatusSeen::of(&service);
    let acted_on =
        |status: &GoalStatus| status.goal.as_ref() == Some(&declared.id) && (status.made || status.run.is_none());
    let serves = match (&service.latest_created, &service.split) {
        (Some(newest), Ok(split)) => split.share(newest) >= declared.share,
        _ => true,
    };
    !seen.status().is_some_and(acted_on) && (declared.source.is_some() || !serves)
}

/// Who walks what is stored.
fn walker(stored: &Value) -> Walker {
    let Ok(declared) = Stated::of_json(stored).read() else { return Walker::Nobody };
    let follows = Split::from_json(stored.pointer("/spec/traffic")).is_ok_and(|split| !split.latest_share().is_zero());
    match declared.in_charge {
        _ if declared.suspended.is_some() => Walker::Nobody,
        Some(InCharge::ExternalOperation) => Walker::RollOut,
        Some(_) => Walker::Start,
        None if follows => Walker::Nobody,
        None => Walker::RollOut,
    }
}
