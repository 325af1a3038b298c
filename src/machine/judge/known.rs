//! What the judge knows before its first window: what a record holds, and what was learned of stable and of others. Decides what of it
//! goes into the sums. It may use sums and words.

use super::{Judge, Surveyed, words};
use crate::evidence::missed::{Keeping, told};
use crate::evidence::{Saved, Strangers, Sums};
use crate::model::event::{Log, Topic};

impl Judge {
    /// Takes up what a record holds, unless it was made under other settings; says which.
    pub fn take_up(&mut self, saved: &Saved, log: &mut Log) {
        let ([failed, refused], [and, also]) = (self.strays, saved.sums.strays());
        self.strays = [failed.or(and), refused.or(also)];
        if !saved.fits(&self.rules) {
            log.say(Topic::Note, "the evidence so far was gathered under other settings; it begins anew");
            self.strangers = self.strangers.take().or_else(|| saved.sums.strangers().map(Strangers::anew));
            self.missed = self.missed.or_else(|| saved.missed_under(&self.rules));
            return;
        }
        if let Some(missed) = saved.sums.missed().filter(|_| self.missed.is_none()) {
            let (what, instead) =
                (words::missed(missed, &self.rules), words::instead(missed, &self.rules, &self.arms.stable));
            log.say(
                Topic::Note,
                format!("{} misses the objective, as was told before: {what}; {instead}", self.arms.stable),
            );
            self.missed = Some(*missed);
        }
        if let Some(strangers) = saved.sums.strangers().filter(|_| saved.is_nothing_yet()) {
            let seen = strangers.before().0;
            let what = format!("others ask {} by its own address, as was seen before", self.arms.candidate);
            log.say(Topic::Note, format!("{what}: {} requests, {} failed", seen.requests, seen.failures));
            self.strangers = self.strangers.take().or_else(|| Some(strangers.clone()));
            return;
        }
        if saved.is_nothing_yet() && saved.sums.missed().is_some() {
            return;
        }
        let mut sums = saved.sums.clone();
        self.met(&mut sums);
        self.sums = Some(sums);
        self.memory.clone_from(&saved.counters);
        self.resumed = saved.counters.as_ref().map(|_| saved.step);
        self.mixed = saved.mixed;
        log.say(Topic::Note, format!("evidence taken up: {}", self.words()));
    }

    /// What was learned of stable before the first step.
    pub fn know(&mut self, surveyed: &Surveyed) {
        self.lambda = Some(surveyed.baseline.lambda());
        self.memory = Some(surveyed.memory.clone());
        self.drain.knows(surveyed.longest);
        self.strangers.clone_from(&surveyed.strangers);
        self.strays = surveyed.strays();
        self.missed = surveyed.missed;
        // Whoever wants it strict is not asked again in mid-walk. Answer times may be what leans.
        let (baseline, rules) = (&surveyed.baseline, &self.rules);
        let phi = rules.clustering.unwrap_or_else(|| baseline.clustering.estimated());
        let leans = told(baseline.counts, rules.objective, phi, rules.broken_at()) == Keeping::Open;
        self.untold = Some(baseline.counts).filter(|_| leans && surveyed.open && !rules.strict_objective);
        self.clustering = surveyed.baseline.clustering;
    }

    /// Sums without a window.
    pub(super) fn no_sums(&self) -> Sums {
        let mut sums = Sums::new(&self.rules);
        sums.knows(self.clustering);
        self.met(&mut sums);
        sums
    }

    /// What was seen before anyone was moved goes into the sums.
    fn met(&self, sums: &mut Sums) {
        self.strangers.iter().for_each(|strangers| sums.meet(strangers.clone()));
        sums.watched(self.strays);
        self.missed.iter().for_each(|missed| sums.misses(*missed));
        self.untold.iter().for_each(|seen| sums.leans_to_miss(*seen));
    }
}
