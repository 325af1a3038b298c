//! A revert: what serves is released again, because the template that stands there is another one (rejected, as a rule).
//!
//! Decides when the revision that the restored template made counts as what serves, and the end: where the owner followed
//! latest they follow it again, or in care are on it by name; else traffic stays as it was. It may use the record, splits, what is
//! declared and observed objects.

use super::Stage;
use crate::machine::capacity::EveryoneComes;
use crate::machine::finish::{good_split, newer_than};
use crate::machine::migration::taken_name;
use crate::machine::next::Next;
use crate::machine::outcomes::LAST_WAIT;
use crate::machine::release::{is_same_release, without_bounds};
use crate::machine::rollback::Why;
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::machine::write::{RecordSize, sure_order};
use crate::model::event::{Event, Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::time::after;
use crate::rollout::declaration::charge::in_care;
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::only_ready;
use jiff::Timestamp;

impl Stage {
    /// The revision of a revert is Ready: its last write. None if this is no revert, or if what was made is another
    /// release (a tag that moved on meanwhile, a webhook that changes templates): that one is walked like any candidate.
    pub(super) fn revert(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        if !record.reverts {
            return None;
        }
        let stable = &record.start.stable;
        let of_owner = |name| world.revision(name).map(|revision| without_bounds(revision, Some(record)));
        let both = of_owner(stable).zip(of_owner(candidate));
        let Some((stable_one, made)) = both.filter(|(stable, made)| is_same_release(stable, made)) else {
            log.once(
                Topic::Note,
                format!("{candidate} is not what {stable} runs, so it is a candidate like any other: nobody is moved to it unwalked"),
            );
            return None;
        };
        // The Service's status names its newest ready revision a moment after that is Ready; until then latest means the
        // rejected one.
        let until = after(*self.candidate_since.get_or_insert(now), LAST_WAIT);
        let mut waits = if record.start.followed_latest() { newer_than(candidate, service) } else { None };
        if waits.is_some() && now < until {
            return Some(Next::wait(Some(until)));
        }
        if record.start.followed_latest() && record.start.follows_alone() && waits.is_none() {
            // Everyone comes in one write.
            let (goal, bounds) = (&self.goal.capacity, &self.bounds);
            let comes = EveryoneComes { goal, bounds, record, world, service, since: record.step_at, now };
            waits = match comes.pods_first(&stable_one, &made, log) {
                Ok(lacks) => lacks,
                Err(next) => return Some(*next),
            };
        }
        let comes = record.start.followed_latest() && record.start.follows_alone() && waits.is_none();
        let home = if comes { candidate } else { stable };
        let wanted = if comes {
            good_split(&record.start, candidate, true, service)
        } else {
            record.start.restored(None, &record.tags)
        };
        let Some(safe) = only_ready(&wanted, home, |name| world.serves(name)) else {
            if now < self.deadline(now) {
                return Some(self.wait(now));
            }
            let reason = format!("{home} is not Ready, so no split that names it could be served, until the deadline");
            let why = Why::blameless(Code::Inconclusive, reason);
            self.failed = Some(why.clone());
            return Some(self.fail(world, service, record, &why, now));
        };
        let mut next = record.clone();
        next.phase = Phase::Finished;
        next.candidate = Some(home.clone());
        next.outcome = Some(Code::Done);
        next.reason = None;
        next.step_at = now;
        next.left_out.extend(safe.left_out);
        next.accept(home);
        self.claimant.mark_goal(&mut next);
        let what = match (comes, &waits) {
            (true, _) if in_care(service) => {
                format!("{candidate} is Ready and runs what {stable} runs: users are on it by name, as in care")
            }
            (true, _) => format!("{candidate} is Ready and runs what {stable} runs: latest is followed again"),
            (false, Some(why)) => format!("{candidate} runs what {stable} runs; traffic stays pinned by name: {why}"),
            (false, None) => format!("{candidate} is Ready and runs what {stable} runs; traffic stays as it was"),
        };
        let taken = taken_name(world, service, record);
        let order = sure_order(service, next, safe.split, taken, RecordSize::Whole, Event::new(Topic::Traffic, what));
        Some(match order {
            Ok(order) => Next::Write(Box::new(order)),
            Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
        })
    }
}
