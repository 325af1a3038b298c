//! Requests in flight at a reading, beside all that arrived since the windows of a step opened.
//!
//! Decides what is known of how many of *those* wait: an old request may be among what is in flight, so only bounds are.
//! Depends on counts.

use super::counts::Counts;
use serde::{Deserialize, Serialize};

/// One arm of one stratum at one reading. All of it are counts of requests. A record has them as a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 6]", into = "[u64; 6]")]
pub struct Flight {
    /// That came since the windows of this step opened.
    pub arrived: u64,
    /// In flight now, whenever they came. An answer that has begun and not ended is in flight, too.
    pub active: u64,
    /// In flight when the windows opened.
    pub at_opening: u64,
    /// In flight now and without an answer, as far as totals tell: at most `active`, and at most what was ever sent and not
    /// answered. A stream that was answered is no such one.
    pub unanswered: u64,
    /// That failed since the windows opened, whenever they came.
    pub failed: u64,
    /// That came since the mark ([`super::window::Memory::mark`]).
    pub fresh: u64,
}

impl From<[u64; 6]> for Flight {
    fn from([arrived, active, at_opening, unanswered, failed, fresh]: [u64; 6]) -> Self {
        Self { arrived, active, at_opening, unanswered, failed, fresh }
    }
}

impl From<Flight> for [u64; 6] {
    fn from(flight: Flight) -> Self {
        let Flight { arrived, active, at_opening, unanswered, failed, fresh } = flight;
        [arrived, active, at_opening, unanswered, failed, fresh]
    }
}

impl Flight {
    /// The same, all of which came before the windows that open now.
    #[must_use]
    pub fn earlier(self) -> Self {
        Self { active: self.active, at_opening: self.active, unanswered: self.unanswered, ..Self::default() }
    }

    /// Of what arrived, so many wait at least: were everything that was in flight at the opening still so, the rest is new.
    pub fn at_least(&self) -> Counts {
        Counts::new(self.arrived, self.active.saturating_sub(self.at_opening))
    }

    /// Of what arrived, so many wait at most: as many as are in flight at all.
    pub fn at_most(&self) -> Counts {
        Counts::new(self.arrived, self.active)
    }

    /// Of what came since the mark so many wait at most, where all that was in flight at the mark may still be.
    pub fn fresh_at_most(&self) -> Counts {
        Counts::new(self.fresh, self.active)
    }

    /// Of what came since the mark so many wait, where all that was in flight at the mark has ended; streams are none of them.
    pub fn fresh_unanswered(&self) -> Counts {
        Counts::new(self.fresh, self.unanswered)
    }

    /// Of what arrived, so many failed until now at least: everything that was in flight at the opening may have failed since.
    pub fn failed_at_least(&self) -> Counts {
        Counts::new(self.arrived, self.failed.saturating_sub(self.at_opening))
    }

    /// Of what arrived, so many failed until now at most.
    pub fn failed_at_most(&self) -> Counts {
        Counts::new(self.arrived, self.failed)
    }

    /// Both arms' or strata's.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            arrived: self.arrived.saturating_add(other.arrived),
            active: self.active.saturating_add(other.active),
            at_opening: self.at_opening.saturating_add(other.at_opening),
            unanswered: self.unanswered.saturating_add(other.unanswered),
            failed: self.failed.saturating_add(other.failed),
            fresh: self.fresh.saturating_add(other.fresh),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_flight_before_may_be_all_of_it_or_none() {
        let flight = Flight { arrived: 100, active: 30, at_opening: 20, unanswered: 5, failed: 25, fresh: 40 };
        assert_eq!((flight.at_least(), flight.at_most()), (Counts::new(100, 10), Counts::new(100, 30)));
        assert_eq!((flight.failed_at_least(), flight.failed_at_most()), (Counts::new(100, 5), Counts::new(100, 25)));
        // Streams from long before are more than ever came since.
        let streams = Flight { arrived: 3, active: 5000, at_opening: 5001, unanswered: 0, failed: 1, fresh: 2 };
        assert_eq!((streams.at_least(), streams.at_most()), (Counts::new(3, 0), Counts::new(3, 3)));
        assert_eq!((flight.fresh_at_most(), flight.fresh_unanswered()), (Counts::new(40, 30), Counts::new(40, 5)));
        assert_eq!((flight.plus(streams).active, flight.plus(streams).fresh), (5030, 42));
    }
}
