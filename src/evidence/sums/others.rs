//! Others at the candidate's own address: decides what of a window may be theirs. It may use the sums that it is of.

use super::{Counts, Strays, Sums, Table};
use crate::evidence::clustering::Phi;
use crate::evidence::rules::Rules;
use crate::evidence::sharing;
use crate::evidence::strangers::{DELTA, Strangers, Theirs};
use crate::evidence::strays::{made_smaller, most_share};
use std::time::Duration;

impl Sums {
    /// Others ask the candidate itself: what may be theirs is told from users' requests from now on.
    pub fn meet(&mut self, strangers: Strangers) {
        self.strangers.get_or_insert(strangers);
    }

    /// Others at the candidate's own address.
    pub fn strangers(&self) -> Option<&Strangers> {
        self.strangers.as_ref()
    }

    /// The next window that is added lasted so long.
    pub fn lasts(&mut self, window: Duration) {
        self.lasted = window;
        self.strangers.iter_mut().for_each(|s| s.lasts(window));
    }

    /// The candidate was looked at before any user was on it: how often its requests failed then, and had such a status.
    pub fn watched(&mut self, [failed, refused]: [Strays; 2]) {
        self.strays = self.strays.or(failed);
        self.statuses.watched(refused);
    }

    /// How often others may fail there who were not seen, or are rare; and be answered with such a status.
    pub fn strays(&self) -> [Strays; 2] {
        [self.strays, self.statuses.strays()]
    }

    /// What of the next window may be others'.
    pub(super) fn theirs(&mut self, candidate: Counts, foreign: Option<u64>) -> Theirs {
        self.strangers.as_mut().map(|strangers| strangers.take(candidate, foreign)).unwrap_or_default()
    }

    /// What may be others' of all that came to the candidate at this step, as far as the split tells.
    pub(super) fn foreign(&self) -> Option<u64> {
        let ((candidate, stable), (of_candidate, of_stable)) = (self.fall, self.percents);
        self.strangers.as_ref()?;
        sharing::most_foreign((stable, of_stable), (candidate, of_candidate), DELTA)
    }

    /// How many failures of the next window are expected to be others' at most, by all that was known before it; and how many are
    /// left out of the comparison instead, where others fail so often that their number is known well.
    pub(super) fn failing_others(&mut self, candidate: Counts, theirs: Theirs) -> (f64, u64) {
        let expected = self.strays.expected(self.lasted);
        // A record of builds that knew no strays has none of those who were seen.
        let unknown = self.strays.is_nothing();
        self.strays.watch(candidate.failures, self.lasted);
        self.strays.at_share(self.percents.0, candidate.failures, self.lasted);
        let often = self.strangers.as_ref().is_some_and(|strangers| unknown || !strangers.is_rare());
        if often { (0.0, theirs.failed) } else { (expected, 0) }
    }

    /// What others who fail for sure took from the acceptance of a window: they are among the candidate's failures while users are many,
    /// as often as they were while users were few.
    pub(super) fn made_smaller(
        &self,
        known: Strays,
        strata: impl Iterator<Item = Table>,
        rules: &Rules,
        phi: Phi,
    ) -> f64 {
        let expected = known.expected_at_least(self.percents.0, self.lasted);
        most_share(strata).map_or(0.0, |share| made_smaller(expected, rules.tolerated_odds, share, phi))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::classes::StatusCounts;
    use crate::evidence::rules::tests::rules;
    use crate::evidence::sums::Window;
    use crate::evidence::window::{Arm, Growth};

    /// A step of 1 % after a look of a minute in which so many of others' requests failed.
    fn sums(failed: u64) -> Sums {
        let mut sums = Sums::new(&rules());
        sums.watched([Strays::seen(failed, Duration::from_secs(60)), Strays::seen(0, Duration::from_secs(60))]);
        if let Some(strangers) = Strangers::seen(Counts::new(failed, failed), Duration::from_secs(60)) {
            sums.meet(strangers);
        }
        sums.step((1, 99));
        sums
    }

    /// Ten seconds at a hundred requests a second, of which one of stable's fails and these of the candidate's.
    fn window(sums: &mut Sums, candidate: u64, failed: u64, refused: u64) {
        let arm = |n, failed, refused| Arm {
            statuses: Some(StatusCounts { client_errors: refused, grpc_failed: None }),
            ..Arm::new(Counts::new(n, failed), None)
        };
        let growth = Growth { stable: arm(990, 1, 0), candidate: arm(candidate, failed, refused) };
        sums.lasts(Duration::from_secs(10));
        sums.add(&[growth], Window::Warm, &rules()).unwrap();
    }

    fn is_worse(sums: &Sums) -> bool {
        sums.ln_worse() >= Rules::default().worse_at()
    }

    /// Twice a minute, unseen by chance: without them in mind the fourth one is enough.
    #[test]
    fn two_failing_strangers_a_minute_condemn_nobody_whether_they_were_seen_or_not() {
        for seen in [0, 2] {
            let (mut sums, mut careless) = (sums(seen), Sums::new(&rules()));
            careless.step((1, 99));
            let mut condemned = false;
            for ten in 0..24_u64 {
                let stray = u64::from(ten % 3 == 0);
                window(&mut sums, 10 + stray, stray, 0);
                window(&mut careless, 10 + stray, stray, 0);
                assert!(!is_worse(&sums), "{seen}: after {ten} windows {}", sums.ln_worse());
                condemned |= is_worse(&careless);
            }
            assert!(condemned, "they would have been enough");
        }
    }

    #[test]
    fn beside_them_a_candidate_that_fails_is_found() {
        for seen in [0, 2] {
            let mut all = sums(seen);
            window(&mut all, 10, 10, 0);
            assert!(is_worse(&all), "all of ten: {}", all.ln_worse());
            let mut fifth = sums(seen);
            for ten in 0..12_u64 {
                let stray = u64::from(seen > 0 && ten % 3 == 0);
                window(&mut fifth, 10 + stray, 2 + stray, 0);
            }
            assert!(is_worse(&fifth), "a fifth, in two minutes: {}", fifth.ln_worse());
        }
    }

    #[test]
    fn who_is_refused_twice_a_minute_unseen_condemns_nobody_and_a_candidate_that_refuses_all_does() {
        let mut strangers = sums(0);
        for ten in 0..24_u64 {
            let stray = u64::from(ten % 3 == 0);
            window(&mut strangers, 10 + stray, 0, stray);
            assert!(!is_worse(&strangers), "after {ten} windows {}", strangers.ln_worse());
        }
        let mut bad = sums(0);
        window(&mut bad, 10, 0, 10);
        assert!(is_worse(&bad), "{}", bad.ln_worse());
    }

    /// A record of an older build tells nothing of it.
    #[test]
    fn where_nobody_looked_nothing_is_taken_off_at_first() {
        let mut old = Sums::new(&rules());
        old.step((1, 99));
        let mut text = serde_json::to_value(&old).unwrap();
        assert_eq!(text.as_object_mut().unwrap().remove("strays"), None);
        assert!(old.strays().iter().all(|strays| strays.expected(Duration::from_secs(60)).abs() < 1e-12));
        let met = serde_json::to_string(&sums(2)).unwrap();
        assert!(met.contains(r#""strays":[60000,2,53334,0,0,0,0,0]"#), "{met}");
        assert_eq!(serde_json::from_str::<Sums>(&met).unwrap().strays(), sums(2).strays());
        assert_eq!(Table::default(), old.counted());
    }
}
