//! Others at the candidate's own address who leave no decision. Decides which of what they do is in its way, and what would help.

use super::Surveyed;
use crate::evidence::Rules;
use crate::evidence::forecast::{Baseline, Course, until_both_accepted};
use crate::evidence::latency::LatencyOutlook;
use std::time::Duration;

/// What becomes of others' requests that speaks against the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// They fail.
    Fail,
    /// They are answered with a 4xx.
    AreRefused,
    /// They take longer than users' do.
    AreSlow,
}

impl Others {
    pub(super) const ALL: [Self; 3] = [Self::Fail, Self::AreRefused, Self::AreSlow];

    fn words(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::AreRefused => "are answered with a 4xx",
            Self::AreSlow => "take long",
        }
    }

    /// What takes it out of the way, beside quiet.
    fn way(self) -> Option<&'static str> {
        match self {
            Self::Fail => None,
            Self::AreRefused => Some("--client-error-margin off"),
            Self::AreSlow => Some("--latency-margin off"),
        }
    }
}

/// What they do, in words.
pub(super) fn words(others: &[Others]) -> String {
    others.iter().map(|others| others.words()).collect::<Vec<_>>().join(" and ")
}

/// What takes it out of the way, beside quiet.
pub(super) fn ways(others: &[Others]) -> Vec<&'static str> {
    others.iter().filter_map(|others| others.way()).collect()
}

impl Surveyed {
    /// Time until a decision beside others of whose requests this becomes; none if it takes longer than `time`.
    pub(super) fn decides(
        &self,
        rules: &Rules,
        course: &Course,
        others: &[Others],
        time: Duration,
    ) -> Option<Duration> {
        let of = |what, rate| if others.contains(&what) { rate } else { 0.0 };
        let baseline = Baseline {
            foreign: of(Others::Fail, self.baseline.foreign),
            refused: of(Others::AreRefused, self.baseline.refused),
            ..self.baseline
        };
        let slow = self.foreign_times.as_ref().filter(|_| others.contains(&Others::AreSlow));
        let times = self.times.as_ref().and_then(|stable| {
            let alone = LatencyOutlook::new(rules.margin, stable)?;
            Some(match slow {
                Some(slow) => alone.beside(slow, self.baseline.over),
                None => alone,
            })
        });
        until_both_accepted(rules, course, &baseline, times.as_ref(), time)
    }

    /// What others do that leaves no decision, where there is one without them.
    pub(super) fn in_the_way(&self, rules: &Rules, course: &Course, time: Duration) -> Vec<Others> {
        if self.decides(rules, course, &[], time).is_none() {
            return vec![];
        }
        let alone = Others::ALL.into_iter().filter(|what| self.decides(rules, course, &[*what], time).is_none());
        let alone: Vec<_> = alone.collect();
        if alone.is_empty() { Others::ALL.to_vec() } else { alone }
    }
}
