//! The objective, for people and for the next step: decides what is said of how it stands, and whether the last step may be
//! taken while something goes on. It may use sums and rules.

use super::words::{between, evidence, instead, micros, missed as missed_words, number, of, percent};
use super::{Finding, Judge};
use crate::evidence::objective::{ObjectiveState, ln_e};
use crate::evidence::sums::{ObjectiveStanding, Which};
use crate::evidence::{Phi, Sums};
use crate::model::event::{Log, Topic};

impl Judge {
    /// What the objective says, unless nothing speaks against the candidate loudly enough.
    pub(super) fn objective(&self, sums: &Sums) -> Option<Finding> {
        let standing = sums.objective(&self.rules);
        match standing.state {
            ObjectiveState::Broken => Some(Finding::Broken(self.broken(sums, &standing))),
            ObjectiveState::Leaning => Some(Finding::Paused(self.leaning(&standing))),
            ObjectiveState::Shared => Some(Finding::Paused(self.shared(&standing))),
            ObjectiveState::Kept => None,
        }
    }

    /// Why the last step is not taken although nothing speaks against the candidate loudly enough: an incident that has just begun
    /// is told from an unlucky window only later, and at 100 % there is nothing to compare with.
    pub(super) fn unsettled(&self) -> Option<String> {
        let standing = self.sums.as_ref()?.objective(&self.rules);
        let (candidate, stable) = (standing.counted.candidate, standing.counted.stable);
        standing.grows.then(|| {
            format!(
                "{} has {} {}, since it last stood best, {} {}: something may be going on, and at 100 % nothing would be left to \
                 compare with",
                self.arms.candidate,
                of(candidate),
                self.limit(&standing),
                self.arms.stable,
                of(stable)
            )
        })
    }

    /// Says so when windows have told by now what the look before the first step did not: that stable misses the objective.
    pub(super) fn say_missed(&mut self, log: &mut Log) {
        let told = self.sums.as_ref().and_then(Sums::missed).filter(|missed| self.missed.as_ref() != Some(*missed));
        let Some(missed) = told.copied() else { return };
        self.missed = Some(missed);
        let stable = &self.arms.stable;
        let (what, instead) = (missed_words(&missed, &self.rules), instead(&missed, &self.rules, stable));
        log.say(Topic::Note, format!("{stable} misses the objective, which is told by now: {what}; {instead}"));
    }

    fn broken(&self, sums: &Sums, standing: &ObjectiveStanding) -> String {
        let counted = standing.counted;
        let control = if standing.bar.alone {
            "there is no stable left to compare with".to_owned()
        } else {
            format!("{} keeps it over the same time, {}", self.arms.stable, of(counted.stable))
        };
        let spared = Some(sums.spared()).filter(|n| *n > 0 && standing.which == Which::Failures);
        let spared =
            spared.map_or_else(String::new, |n| format!(" ({n} more failed just after a step, which do not count)"));
        // What was good before is told, and does not count.
        let late = sums
            .whole_bake(standing.which)
            .filter(|whole| standing.bar.alone && whole.requests > counted.candidate.requests);
        // What is counted between two splits may be of before these windows.
        let all = sums.between().candidate.requests <= counted.candidate.requests;
        let (lately, between) = match late {
            Some(whole) => (" lately", format!(" (in the whole bake {})", of(whole))),
            None if all && !standing.bar.alone => ("", between(sums, "of these ")),
            None => ("", String::new()),
        };
        format!(
            "objective broken: {} has{lately} {} {}{between}{spared}; {control} (evidence {}, {} decides)",
            self.arms.candidate,
            of(counted.candidate),
            self.limit(standing),
            evidence(standing.ln_e),
            evidence(standing.needed)
        )
    }

    fn leaning(&self, standing: &ObjectiveStanding) -> String {
        let stable = &self.arms.stable;
        format!(
            "{} has {} {}; {stable} has {} over the same time, which does not tell yet whether it keeps that: no step until it does",
            self.arms.candidate,
            of(standing.counted.candidate),
            self.limit(standing),
            of(standing.counted.stable)
        )
    }

    fn shared(&self, standing: &ObjectiveStanding) -> String {
        let (candidate, stable, limit) = (&self.arms.candidate, &self.arms.stable, self.limit(standing));
        let counted = standing.counted;
        if ln_e(counted.stable, standing.bar.limit, Phi::ONE) > 0.0 {
            format!(
                "{stable} breaks the objective too: {}, {candidate} {} over the same time ({limit}); it is not the candidate alone, \
                 no step until it is over",
                of(counted.stable),
                of(counted.candidate)
            )
        } else {
            format!(
                "{stable} and {candidate} broke the objective ({limit}); {} of {stable} since do not show yet that it is over: no step \
                 until it is",
                of(counted.stable)
            )
        }
    }

    fn limit(&self, standing: &ObjectiveStanding) -> String {
        let wanted = percent(standing.bar.limit);
        match (standing.which, self.rules.tail) {
            (Which::Latency, Some(tail)) => {
                format!("slower than {} ms, at most {wanted} wanted", number(micros(tail.within) / 1000.0))
            }
            _ => format!("failed, at most {wanted} wanted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, judge, place, read, reading};
    use super::*;
    use crate::evidence::rules::tests::rules;
    use crate::evidence::{Counts, Missed, Rules};
    use crate::machine::judge::StepPlace;

    /// What stable missed before anyone was moved stands in the record: whoever goes on, or takes over, holds the candidate to no more.
    #[test]
    fn a_candidate_no_worse_than_a_stable_that_missed_the_objective_breaks_nothing() {
        let missed = Missed { failed: Some(Counts::new(2000, 60)), ..Missed::default() };
        let begun = |missed: Option<Missed>| {
            let mut judge = Judge { missed, ..judge() };
            // Long enough ago that no failure is one of pods that start cold.
            judge.enter(place(1, (50, 50), -20), at(0));
            read(&mut judge, reading(0, (0, 0), (0, 0)));
            judge
        };
        let shared = |judge: &mut Judge| {
            read(judge, reading(10, (1000, 30), (1000, 30)));
            judge.finding()
        };
        assert!(matches!(shared(&mut begun(None)), Finding::Paused(_)), "an incident of both, for all that is known");
        let mut known = begun(Some(missed));
        assert!(!matches!(shared(&mut known), Finding::Paused(_) | Finding::Broken(_)));
        let saved = known.saved().unwrap();
        let text = serde_json::to_string(&saved).unwrap();
        assert!(text.contains(r#""missed":{"failed":[2000,60]}"#), "{text}");
        let mut resumed = judge();
        resumed.take_up(&saved, &mut Log::default());
        assert_eq!(resumed.sums.as_ref().unwrap().missed(), Some(&missed));
        let mut taken_over = judge();
        let mut log = Log::default();
        taken_over.take_up(&saved.before(&rules()).unwrap(), &mut log);
        assert_eq!((taken_over.no_sums().missed(), taken_over.sums.is_none()), (Some(&missed), true));
        // With another objective by now, that one counts.
        let mut other = Judge { rules: Rules { objective: 0.05, ..rules() }, ..judge() };
        other.take_up(&saved, &mut Log::default());
        assert_eq!(other.no_sums().missed(), None);
        // Where everyone is on the candidate, three times stable's odds are too many.
        known.enter(StepPlace { baking: true, ..place(2, (100, 0), 20) }, at(20));
        read(&mut known, reading(20, (1000, 30), (1000, 30)));
        read(&mut known, reading(30, (1000, 30), (2000, 80)));
        assert!(!matches!(known.finding(), Finding::Broken(_)));
        read(&mut known, reading(40, (1000, 30), (3000, 380)));
        assert!(matches!(known.finding(), Finding::Broken(_)));
    }
}
