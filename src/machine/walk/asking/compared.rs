//! The owner's own counters in a walk, compared: when they are looked at, and what becomes of what they say.
//!
//! [`crate::evidence::compare`] decides what counters mean; this file decides that windows are open while a split of both
//! revisions is served, that a row which is worse sends users back as the built-in comparison does, that the last step of a
//! comparison waits until each row has compared anything, and that counters which cannot be read send users back as a gate does
//! that cannot be asked.

use super::super::goal::CompareGoal;
use super::super::scene::Scene;
use super::AskingGate;
use crate::evidence::compare::{KeptRows, RowEvidence, RowHeard, RowTally, row_at};
use crate::evidence::reading::Arms;
use crate::machine::judge::words;
use crate::machine::next::{Heard, Question};
use crate::machine::rollback::Why;
use crate::model::event::{Log, Topic};
use crate::model::outcome::Code;
use crate::model::ready::{Serving, serving};
use crate::model::time::after;
use crate::rollout::plan::Plan;
use crate::rollout::record::Record;
use jiff::Timestamp;
use std::time::Duration;

/// Time between two saves within a step.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// One row, and how asking for it goes.
#[derive(Debug)]
struct RowPlace {
    evidence: RowEvidence,
    asked: Option<Timestamp>,
    /// How many looks in a row came to nothing.
    errors: u32,
    /// Why the last one did.
    trouble: Option<String>,
    /// It was looked at by this process.
    heard: bool,
}

impl RowPlace {
    fn new(evidence: RowEvidence) -> Self {
        Self { evidence, asked: None, errors: 0, trouble: None, heard: false }
    }
}

/// The rows and what they were told.
#[derive(Debug)]
pub(super) struct ComparedRows {
    goal: CompareGoal,
    places: Vec<RowPlace>,
    /// Whom they are about, once that is known.
    arms: Option<Arms>,
    /// Which row is out, and since when.
    out: Option<(usize, Timestamp)>,
    /// The step at which windows are open, or may be.
    step: Option<usize>,
    /// Since when they may.
    from: Option<Timestamp>,
    /// What was taken up stands at this step.
    resumed: Option<usize>,
    /// The next step, or the end, needs something compared.
    waits: bool,
    /// When what is known was put into the record last.
    saved_at: Option<Timestamp>,
    unsaved: bool,
}

impl ComparedRows {
    pub(super) fn new(goal: &CompareGoal) -> Self {
        let rows = goal.rows.iter().cloned().map(|row| RowEvidence::new(row).together(goal.together));
        let places = rows.map(RowPlace::new).collect();
        Self {
            goal: goal.clone(),
            places,
            arms: None,
            out: None,
            step: None,
            from: None,
            resumed: None,
            waits: false,
            saved_at: None,
            unsaved: false,
        }
    }

    fn decides_at(&self) -> f64 {
        row_at(self.goal.alpha, self.places.len(), self.goal.alone)
    }

    /// Whom the rows are about. With it comes what another process left in the record.
    fn meet(&mut self, scene: &Scene<'_>) {
        if self.arms.is_some() {
            return;
        }
        self.arms = Some(Arms {
            namespace: self.goal.namespace.clone(),
            stable: scene.record.start.stable.clone(),
            candidate: scene.candidate.clone(),
        });
        let kept = scene.record.compared.as_deref();
        if let Some((kept, rows)) =
            kept.and_then(|kept| Some((kept, kept.take_up(&self.goal.rows, self.goal.together)?)))
        {
            self.places = rows.into_iter().map(RowPlace::new).collect();
            self.resumed = Some(kept.step());
        }
    }

    /// Opens and shuts windows.
    fn place(&mut self, scene: &Scene<'_>) {
        let record = scene.record;
        let shares = [scene.candidate, &record.start.stable].map(|name| record.split.share(name));
        let both = record.step > 0 && shares.iter().all(|share| !share.is_zero());
        if !both || !matches!(serving(scene.service), Serving::Yes) {
            if self.from.take().is_some() {
                self.places.iter_mut().for_each(|place| place.evidence.shut());
            }
            self.step = None;
        } else if self.step != Some(record.step) {
            // What came since another process saved its counters at this very step is one window.
            if self.resumed.take() != Some(record.step) {
                self.places.iter_mut().for_each(|place| place.evidence.shut());
            }
            (self.step, self.from) = (Some(record.step), Some(after(scene.now, self.goal.drain)));
            self.places.iter_mut().for_each(|place| place.asked = None);
        }
        // What is asked before the last step is asked before the bake, also where stable keeps users for that.
        self.waits = both && record.step >= record.plan.as_ref().map_or(0, Plan::before_bake);
    }

    fn first_due(&self, now: Timestamp) -> Option<usize> {
        self.from.filter(|_| self.out.is_none())?;
        self.places.iter().position(|place| self.moment(place).is_none_or(|moment| moment <= now))
    }

    fn moment(&self, place: &RowPlace) -> Option<Timestamp> {
        place.asked.map(|asked| after(asked, self.goal.every))
    }

    /// Counts of both, and the evidence.
    fn words(&self, evidence: &RowEvidence) -> String {
        let (name, table) = (&evidence.row().name, evidence.counted());
        let Some(arms) = &self.arms else { return format!("{name}: nothing compared yet") };
        if !evidence.has_judged() {
            return format!("{name}: nothing compared yet");
        }
        let said = evidence.ln_worse().map_or_else(|| "not a number".to_owned(), words::evidence);
        let together = evidence.clustered().map_or_else(String::new, |how| format!(" ({how})"));
        format!(
            "{name}: {} has {} of {} bad, {} {} of {}; evidence of worse {said}{together}, {} decides",
            arms.candidate,
            table.candidate.failures,
            table.candidate.requests,
            arms.stable,
            table.stable.failures,
            table.stable.requests,
            words::evidence(self.decides_at())
        )
    }

    fn kept(&self) -> KeptRows {
        let rows: Vec<_> = self.places.iter().map(|place| (&place.evidence, self.words(&place.evidence))).collect();
        // Counters count for a step only while its windows are open.
        KeptRows::new(self.step.unwrap_or_default(), &rows)
    }

    /// What a look at this row came to, asked at this time.
    fn hear(&mut self, at: usize, tally: Result<&RowTally, &String>, asked: Timestamp, log: &mut Log) {
        // A question from before a step was served opens nothing of it.
        let since = self.from.map(|from| asked.duration_since(from)).filter(|since| !since.is_negative());
        let since = since.map(|since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let Some(place) = self.places.get_mut(at) else { return };
        place.heard = true;
        let heard = match tally {
            Ok(tally) => place.evidence.look(tally, since),
            Err(why) => RowHeard::Broken(why.clone()),
        };
        let name = place.evidence.row().name.clone();
        match heard {
            RowHeard::Broken(why) => {
                place.errors = place.errors.saturating_add(1);
                log.once(Topic::Wait, format!("compare {name}: {why}"));
                place.trouble = Some(why);
                return;
            }
            RowHeard::Window | RowHeard::Nothing => (place.errors, place.trouble) = (0, None),
        }
        self.unsaved |= since.is_some();
        let unseen = self.arms.as_ref().and_then(|arms| self.places.get(at)?.evidence.unseen(arms)).cloned();
        if let Some(revision) = unseen {
            log.once(
                Topic::Wait,
                format!("compare {name}: no series of {revision} yet; it says nothing until there is"),
            );
        }
        if heard == RowHeard::Window
            && let (Some(place), Some(step)) = (self.places.get(at), self.step)
        {
            log.once_of(
                Topic::Check,
                &format!("compared {name} at {step}"),
                format!("compare {}", self.words(&place.evidence)),
            );
        }
    }
}

impl AskingGate for ComparedRows {
    fn judges_by(&self) -> &'static str {
        "the counters that you compare"
    }

    fn see(&mut self, scene: &Scene<'_>) {
        self.meet(scene);
        self.place(scene);
        self.saved_at.get_or_insert(scene.now);
    }

    fn due(&self, scene: &Scene<'_>) -> Option<Question> {
        let place = self.places.get(self.first_due(scene.now)?)?;
        Some(Question::Counters(Box::new((place.evidence.row().clone(), self.arms.clone()?))))
    }

    fn next_moment(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        if self.from.is_none() || self.out.is_some() || self.first_due(scene.now).is_some() {
            return None;
        }
        self.places.iter().filter_map(|place| self.moment(place)).min()
    }

    fn asked(&mut self, question: &Question, now: Timestamp) {
        if !matches!(question, Question::Counters(_)) {
            return;
        }
        self.out = self.first_due(now).map(|at| (at, now));
        if let Some(place) = self.out.and_then(|(at, _)| self.places.get_mut(at)) {
            place.asked = Some(now);
        }
    }

    fn heard(&mut self, heard: &Heard, _: Timestamp, log: &mut Log) {
        if let Heard::Counters(tally) = heard
            && let Some((at, asked)) = self.out.take()
        {
            self.hear(at, tally.as_ref(), asked, log);
        }
    }

    /// Windows follow the split that is served, which a look at the scene tells.
    fn begin(&mut self) {}

    fn failed(&self) -> Option<Why> {
        let worse = self.places.iter().find_map(|place| {
            let said = || self.words(&place.evidence);
            match place.evidence.ln_worse() {
                None => Some(Why::blameless(
                    Code::Inconclusive,
                    format!("the evidence cannot be computed from what was counted ({})", said()),
                )),
                Some(ln) if ln >= self.decides_at() => {
                    Some(Why::new(Code::Worse, format!("worse than stable: {}", said())))
                }
                Some(_) => None,
            }
        });
        let unread = || {
            let place = self.places.iter().find(|place| place.errors >= self.goal.errors)?;
            let (name, why) = (&place.evidence.row().name, place.trouble.as_deref().unwrap_or_default());
            Some(Why::blameless(
                Code::GateFailed,
                format!(
                    "compare {name}: {why}; it could not be read {} times in a row; that says nothing of the candidate, which may \
                     be tried again once it can",
                    place.errors
                ),
            ))
        };
        worse.or_else(unread)
    }

    fn missing(&self) -> Option<String> {
        let place = self.places.iter().find(|place| !place.evidence.has_judged()).filter(|_| self.waits)?;
        let name = &place.evidence.row().name;
        let lacks = match (&place.trouble, self.arms.as_ref().and_then(|arms| place.evidence.unseen(arms))) {
            (Some(why), _) => why.clone(),
            (None, Some(revision)) => format!("no series of {revision} yet"),
            (None, None) => "its first window has not closed yet".to_owned(),
        };
        Some(format!("compare {name}: {lacks}"))
    }

    fn has_answered(&self) -> bool {
        self.from.is_none() || self.places.iter().all(|place| place.heard)
    }

    fn keep(&self, record: &mut Record) {
        if self.arms.is_some() && (record.step > 0 || record.compared.is_some()) {
            record.compared = Some(Box::new(self.kept()));
        }
    }

    fn saves(&self, now: Timestamp, at_once: bool) -> Option<String> {
        let due = at_once || self.saved_at.is_none_or(|at| now >= after(at, SAVE_EVERY));
        let said = || self.places.iter().map(|place| format!("compare {}", self.words(&place.evidence)));
        (self.unsaved && due && self.from.is_some()).then(|| said().collect::<Vec<_>>().join("; "))
    }

    fn saved(&mut self, at: Timestamp) {
        (self.unsaved, self.saved_at) = (false, Some(at));
    }
}
