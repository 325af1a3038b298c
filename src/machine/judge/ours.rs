//! What Andante itself asks the candidate while a window is open: it is in the gateway's counters, and of no user.
//!
//! Decides how it is taken off. Windows of a served step are shut while probes run, so there is none in them; a window between two
//! splits is not, because users may be on the candidate already. What is taken off is at most what was counted. It may use
//! windows and answers.

use super::Judge;
use crate::evidence::Counts;
use crate::evidence::probe::Answer;
use crate::evidence::window::Growth;

/// Requests of ours that were answered, or given up, and are not taken off yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ours {
    failed: u64,
    good: u64,
}

impl Ours {
    /// An answer. What did not get there was not counted there.
    fn heard(&mut self, answer: &Answer) {
        match answer {
            Answer::Unreachable(_) => {}
            Answer::Http { status, .. } if *status < 500 => self.good += 1,
            // What is sent and never answered fails as well.
            Answer::Http { .. } | Answer::Silent(_) => self.failed += 1,
        }
    }

    /// Takes off what is there. The rest may be counted later.
    pub(super) fn take_off(&mut self, growths: &mut [Growth]) {
        for arm in growths.iter_mut().map(|growth| &mut growth.candidate) {
            let Counts { requests, failures } = arm.counts;
            let (failed, good) = (self.failed.min(failures), self.good.min(requests - failures));
            (self.failed, self.good) = (self.failed - failed, self.good - good);
            arm.counts = Counts::new(requests - failed - good, failures - failed);
            arm.arrived = arm.arrived.saturating_sub(failed + good);
        }
    }
}

impl Judge {
    /// We asked the candidate itself, and this came of it.
    pub fn asked_by_us(&mut self, answer: &Answer) {
        if self.open {
            self.ours.heard(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::window::Arm;
    use std::time::Duration;

    fn answer(status: u16) -> Answer {
        Answer::Http { status, headers: vec![], body: String::new(), latency: Duration::ZERO }
    }

    #[test]
    fn what_we_asked_is_taken_off_at_whichever_gateway_it_came_and_once() {
        let mut ours = Ours::default();
        for answer in
            [answer(503), answer(200), answer(404), Answer::Silent(String::new()), Answer::Unreachable(String::new())]
        {
            ours.heard(&answer);
        }
        let growth = |requests, failures| Growth {
            candidate: Arm::new(Counts::new(requests, failures), None),
            ..Growth::default()
        };
        let mut growths = [growth(2, 1), growth(0, 0), growth(10, 0)];
        ours.take_off(&mut growths);
        let left = growths.each_ref().map(|g| (g.candidate.counts.into(), g.candidate.arrived));
        assert_eq!(left, [((0, 0), 0), ((0, 0), 0), ((9, 0), 9)]);
        // The failure that has not been counted yet.
        let mut later = [growth(3, 3)];
        ours.take_off(&mut later);
        assert_eq!(later[0].candidate.counts, Counts::new(2, 2));
        assert_eq!(ours, Ours::default());
    }
}
