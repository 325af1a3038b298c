//! To the candidate, for good, because somebody asked for that.
//!
//! Decides when it may be: the candidate serves, and it is known whether latest may be followed again. It may use the record and
//! the world.

use super::Settle;
use crate::machine::finish::finish;
use crate::machine::next::Next;
use crate::machine::outcomes::LAST_WAIT;
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::model::event::{Log, Topic};
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::ready::is_current;
use crate::model::time::after;
use crate::rollout::record::Record;
use jiff::Timestamp;

impl Settle {
    /// Everyone to the candidate, and the rollout is over.
    pub(super) fn go_to_candidate(
        &mut self,
        mut record: Record,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        if !record.candidate.as_ref().is_some_and(|name| world.serves(name)) {
            let what = "the candidate is not Ready; nothing was written";
            return Next::end(outcome_of(Code::BadState, what, service));
        }
        // Only a status that speaks of the present spec says whether latest may be followed again.
        let until = after(*self.began.get_or_insert(now), LAST_WAIT);
        if record.start.followed_latest() && !is_current(service) && now < until {
            return Next::wait(Some(until));
        }
        self.claimant.sign(&mut record);
        match finish(world, service, &record, self.size, now) {
            Ok(finished) => {
                if let Some(why) = finished.stays_pinned {
                    log.once(Topic::Note, format!("traffic stays pinned by name, latest is not restored: {why}"));
                }
                Next::Write(Box::new(finished.order))
            }
            Err(error) => self.no_way(None, error.why, world, service, now, log),
        }
    }
}
