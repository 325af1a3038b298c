//! The judge of a walk. Decides when counters are read, what each reading is a window of, and what the evidence says.
//!
//! A step's windows open with the first reading that was asked for, and tells of a time, after its split was served,
//! since Knative's own probes of a split are in the counters. Before that moment users may be on the candidate already,
//! so windows go on, and can break its objective and nothing else. A reading of no later time than the last one is no
//! news. The judge saves what it knows with the counters of that instant, so after a crash all that came since is one
//! window. It may use evidence and readings; time is an argument.

mod drain;
mod finding;
mod gate;
mod known;
mod objective;
mod ours;
mod outage;
mod pace;
mod place;
mod pods;
mod saving;
mod statuses;
mod survey;
mod told;
pub(in crate::machine) mod words;

use crate::evidence::compare::built_in_at;
pub(crate) use drain::Drain;
pub use finding::Finding;
pub use gate::Advice;
use ours::Ours;
use outage::Newest;
pub use place::StepPlace;
use pods::PodFailures;
pub use survey::{NoDecision, Survey, Surveyed, WaitingSeen};
use told::TimesTold;

use crate::evidence::cold;
use crate::evidence::reading::{Arms, NoReading, Reading};
use crate::evidence::sums::Window;
use crate::evidence::window::Memory;
use crate::evidence::{Clustering, Counts, Missed, Rules, Strangers, Strays, Sums};
use crate::model::event::{Log, Topic};
use crate::model::time::after;
use jiff::Timestamp;
use std::time::Duration;

/// Judges one rollout.
#[derive(Debug, Clone)]
pub struct Judge {
    rules: Rules,
    /// So many rows of the owner's are compared beside it, and have a part of the error.
    beside: usize,
    arms: Arms,
    /// None until windows open for the first time.
    sums: Option<Sums>,
    /// The counters that were read last.
    memory: Option<Memory>,
    /// They open the next window.
    open: bool,
    /// Windows may open with a reading that was asked for at this time or later; none: not now.
    from: Option<Timestamp>,
    place: Option<StepPlace>,
    /// The split that was written is not served yet, or not any more.
    moving: bool,
    /// The window that is open began under another split.
    mixed: bool,
    /// What was taken up stands at this step.
    resumed: Option<usize>,
    /// When the reading that is out was asked for.
    asked: Option<Timestamp>,
    next_at: Option<Timestamp>,
    /// What came before the split of this step.
    drain: Drain,
    /// Since when readings fail, and why the last did.
    failing: Option<(Timestamp, String)>,
    /// The latest time that the source told of.
    newest: Newest,
    trouble: bool,
    /// Stable's requests a second before the first step.
    lambda: Option<f64>,
    /// Who asked the candidate itself before the first step.
    strangers: Option<Strangers>,
    /// How often its requests failed then, and were refused.
    strays: [Strays; 2],
    /// What stable misses of the objectives.
    missed: Option<Missed>,
    /// What was counted of stable before the first step, where that does not tell whether it misses the objective.
    untold: Option<Counts>,
    /// How stable's failures came before the first step.
    clustering: Clustering,
    /// Requests of both arms in windows of this step, and how long those were.
    seen: (u64, Duration),
    saved_at: Option<Timestamp>,
    unsaved: bool,
    /// A reading was tried at this place.
    looked: bool,
    /// What we asked the candidate ourselves.
    ours: Ours,
    /// Whose answers the source times.
    times: TimesTold,
    /// In which of its pods the candidate's failures stand.
    pods: PodFailures,
}

impl Judge {
    /// Nothing read yet.
    pub fn new(rules: Rules, arms: Arms) -> Self {
        Self {
            rules,
            beside: 0,
            arms,
            sums: None,
            memory: None,
            open: false,
            from: None,
            place: None,
            moving: false,
            mixed: false,
            resumed: None,
            asked: None,
            next_at: None,
            drain: Drain::default(),
            failing: None,
            newest: Newest::default(),
            trouble: false,
            lambda: None,
            strangers: None,
            strays: Default::default(),
            missed: None,
            untold: None,
            clustering: Clustering::default(),
            seen: (0, Duration::ZERO),
            saved_at: None,
            unsaved: false,
            looked: false,
            ours: Ours::default(),
            times: TimesTold::default(),
            pods: PodFailures::default(),
        }
    }

    /// The same beside so many rows of the owner's.
    #[must_use]
    pub fn beside(self, rows: usize) -> Self {
        Self { beside: rows, ..self }
    }

    /// `ln` of the evidence at which the candidate is worse.
    fn worse_at(&self) -> f64 {
        built_in_at(self.rules.alpha, self.beside)
    }

    /// The rules that it judges by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whom it counts.
    pub fn arms(&self) -> &Arms {
        &self.arms
    }

    /// The rollout is here now, served. A new place opens new windows; the one that is open was of both splits.
    pub fn enter(&mut self, place: StepPlace, now: Timestamp) {
        let new = self.place.is_none_or(|p| p.step != place.step);
        if new {
            self.settle_in(&place, now);
            self.from = Some(place.served);
            // What was taken up at this step may be of windows that were open already.
            self.drain.begin((!self.open || self.mixed).then_some(place.served), now);
        } else if self.moving {
            (self.open, self.looked, self.from, self.next_at) = (false, false, Some(now), None);
            self.drain.begin(Some(now), now);
        }
        // A pause makes the dwell begin anew; it cools nothing down, so no warm-up begins.
        let known = self.place.filter(|_| !new && !self.moving);
        self.place = Some(StepPlace { served: known.map_or(place.served, |p| p.served), ..place });
        self.moving = false;
    }

    /// The rollout will be here as soon as it is served. Windows go on meanwhile, for what speaks against the
    /// candidate, because nobody knows which revision users met on the way.
    pub fn approach(&mut self, place: StepPlace, now: Timestamp) {
        if self.place.is_none() {
            self.settle_in(&place, now);
            self.place = Some(place);
        }
        self.moving = true;
        self.reopen(now);
    }

    /// A new place, with windows of its own, unless it is where what was taken up stands.
    fn settle_in(&mut self, place: &StepPlace, now: Timestamp) {
        let goes_on = self.place.is_none() && self.resumed == Some(place.step);
        (self.open, self.looked, self.next_at) = (goes_on, false, None);
        (self.seen, self.saved_at) = ((0, Duration::ZERO), Some(now));
        if let Some(sums) = self.sums.as_mut().filter(|_| !goes_on) {
            begin(sums, place);
        }
    }

    /// No window now: somebody of ours asks the candidate itself.
    pub fn shut(&mut self) {
        self.open = false;
        self.from = None;
    }

    /// Windows open again.
    pub fn reopen(&mut self, now: Timestamp) {
        if self.from.is_none() {
            self.from = Some(now);
            self.next_at = None;
        }
    }

    /// True if it is time to read and no reading is out.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.asked.is_none() && self.from.is_some() && self.next_at.is_none_or(|at| now >= at)
    }

    /// A reading is out.
    pub fn asked(&mut self, now: Timestamp) {
        self.asked = Some(now);
    }

    /// When it will be time to read, if no reading is out or due.
    pub fn next_moment(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_at.filter(|at| self.asked.is_none() && self.from.is_some() && *at > now)
    }

    /// A reading came, or none.
    pub fn read(&mut self, result: Result<Reading, NoReading>, now: Timestamp, log: &mut Log) {
        let asked = self.asked.take().unwrap_or(now);
        self.looked = true;
        self.next_at = Some(after(asked, self.pace(asked)).max(now));
        let reading = match result.and_then(|reading| self.trusted(reading, asked)) {
            Ok(reading) => reading,
            Err(error) => return self.missed(&error, now, log),
        };
        self.times.heard(&reading);
        if let Some((since, _)) = self.failing.take() {
            let gap = words::seconds(now.duration_since(since));
            log.say(Topic::Check, format!("the evidence can be read again after {gap}"));
        }
        self.newest.told(reading.at, self.rules.every, now, log);
        self.drain.look(&reading);
        let Some(place) = self.place else { return };
        if self.open {
            self.close(&reading, &place);
            self.say_missed(log);
        } else if self.opens(&reading, asked) {
            let memory = Memory::open(&reading, self.memory.as_ref());
            if self.sums.is_none() {
                let mut sums = self.no_sums();
                begin(&mut sums, &place);
                self.sums = Some(sums);
            }
            self.memory = Some(memory);
            (self.open, self.mixed, self.unsaved, self.ours) = (true, false, true, Ours::default());
            self.drain.counted_anew(reading.at);
            self.pods.open(&reading);
        } else {
            return;
        }
        self.drained(&reading, &place, asked, log);
    }

    /// True if windows may open with this reading.
    fn opens(&self, reading: &Reading, asked: Timestamp) -> bool {
        self.from.is_some_and(|from| asked >= from && reading.at >= from)
    }

    /// The reading, unless its counters cannot be of one process each. One that neither opens nor closes a window is looked at by
    /// nobody, since what is compared with stays where it is, and a restart would be seen twice.
    fn trusted(&mut self, reading: Reading, asked: Timestamp) -> Result<Reading, NoReading> {
        let used = self.place.is_some() && (self.open || self.opens(&reading, asked));
        match self.memory.as_mut().filter(|_| used) {
            Some(memory) => memory.trust(&reading).map(|()| reading),
            None => Ok(reading),
        }
    }

    fn close(&mut self, reading: &Reading, place: &StepPlace) {
        let (Some(memory), Some(sums)) = (&mut self.memory, &mut self.sums) else { return };
        let began = memory.at();
        if reading.at <= began {
            return;
        }
        self.pods.close(reading);
        let mut growths = memory.close_knowing(reading, self.drain.settled(&self.rules, reading.at));
        self.ours.take_off(&mut growths);
        let lasted = Duration::try_from(reading.at.duration_since(began)).unwrap_or_default();
        sums.lasts(lasted);
        sums.gateways_ended(memory.ended());
        let apart = self.drain.is_apart(&self.rules, reading.at);
        sums.is_apart(apart);
        let soon = began < after(place.served, self.rules.warm_up / 3);
        let cold = soon || (self.moving || self.drain.goes_on()) && !self.rules.warm_up.is_zero();
        sums.just_moved(cold.then(|| cold::most(self.lambda)));
        let warm = after(place.served, self.rules.warm_up).max(self.drain.histograms_from());
        let window = match began >= warm {
            _ if self.drain.goes_on() && !self.moving => Window::Draining,
            _ if self.mixed || self.moving => Window::Moving,
            true => Window::Warm,
            false => Window::Cold,
        };
        self.mixed = false;
        if !matches!(window, Window::Moving | Window::Draining) {
            let requests = growths.iter().map(|g| g.stable.counts.requests.saturating_add(g.candidate.counts.requests));
            self.seen.0 = requests.fold(self.seen.0, u64::saturating_add);
            self.seen.1 += lasted;
        }
        self.trouble |= sums.add(&growths, window, &self.rules).is_err();
        if apart {
            memory.mark();
            self.drain.mark(reading.at);
        }
        self.unsaved = true;
    }

    /// True once a reading was tried at this place.
    pub fn has_looked(&self) -> bool {
        self.looked && !self.moving
    }
}

/// Sums of a place that begins.
fn begin(sums: &mut Sums, place: &StepPlace) {
    sums.step(place.percents);
    if place.baking {
        sums.bake();
    }
}

#[cfg(test)]
mod tests;
