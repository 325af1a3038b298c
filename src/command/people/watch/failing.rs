//! An API server that fails while somebody watches.
//!
//! Decides since when each of the two things that are followed fails, and when that is worth a line: news of the one says
//! nothing of the other. It depends on time alone.

use crate::model::time::after;
use jiff::Timestamp;
use std::time::Duration;

/// How long the API server may fail before a person who watches is told: a watch that breaks off, or a server that asks for
/// a moment's patience, is no news.
const SILENCE: Duration = Duration::from_secs(5);

/// What is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    /// The Service.
    Service,
    /// Its Revisions.
    Revisions,
}

/// Since when each of the two fails, and whether a person was told.
#[derive(Debug, Default)]
pub(super) struct Failing {
    service: Option<Timestamp>,
    revisions: Option<Timestamp>,
    told: bool,
}

impl Failing {
    fn of(&mut self, feed: Feed) -> &mut Option<Timestamp> {
        match feed {
            Feed::Service => &mut self.service,
            Feed::Revisions => &mut self.revisions,
        }
    }

    /// It fails; since when.
    pub(super) fn fails(&mut self, feed: Feed, now: Timestamp) -> Timestamp {
        *self.of(feed).get_or_insert(now)
    }

    /// It works. True if a person was told of trouble, and all of it is over now.
    pub(super) fn works(&mut self, feed: Feed) -> bool {
        *self.of(feed) = None;
        self.since().is_none() && std::mem::take(&mut self.told)
    }

    /// True once, as soon as one has failed for a while.
    pub(super) fn is_news(&mut self, now: Timestamp) -> bool {
        let news = self.next().is_some_and(|at| now >= at);
        self.told |= news;
        news
    }

    /// When a person is to be told, if nothing works until then.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.since().filter(|_| !self.told).map(|since| after(since, SILENCE))
    }

    fn since(&self) -> Option<Timestamp> {
        self.service.into_iter().chain(self.revisions).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn news_of_the_service_forgives_no_failure_of_the_revisions() {
        let mut failing = Failing::default();
        for second in 0..60 {
            assert_eq!(failing.fails(Feed::Revisions, at(second)), at(0), "the patience goes on");
            assert_eq!(failing.is_news(at(second)), second == 5, "said once");
            assert!(!failing.works(Feed::Service), "nothing answers again");
        }
        assert!(failing.works(Feed::Revisions));
        assert!(!failing.works(Feed::Revisions));
        assert_eq!(failing.fails(Feed::Revisions, at(70)), at(70));
    }

    #[test]
    fn what_passes_by_itself_is_no_news() {
        let mut failing = Failing::default();
        failing.fails(Feed::Service, at(0));
        assert_eq!(failing.next(), Some(at(5)));
        assert!(!failing.is_news(at(4)));
        assert!(!failing.works(Feed::Service), "nobody was told");
        assert_eq!(failing.next(), None);
    }
}
