//! A staging against its goal: what is declared changes while the candidate is made.
//!
//! Decides that a goal which is no more the present one ends it with nothing more written, because nobody was moved; and that
//! nothing is written while what is declared cannot be read. It may use claims, the record and observed objects.

use super::Stage;
use crate::machine::against::GoalNow;
use crate::machine::by_goal::{GoalSays, by_goal, outdated};
use crate::machine::next::Next;
use crate::machine::outcomes::on_its_way;
use crate::machine::rollback::Why;
use crate::machine::world::World;
use crate::model::event::{Event, Log, Topic};
use crate::model::moment::Moment;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::control::Control;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;

impl Stage {
    /// The end where its goal lets this run do nothing to a target that it does not hold. Users who are on the candidate already are
    /// for the walk that follows. A run that comes again after its own end writes nothing, whatever is declared by now.
    pub(super) fn ends_by_goal(&self, record: Option<&Record>, service: &Service) -> Option<Box<Outcome>> {
        if record.is_some_and(|record| self.is_own_end(record, service)) {
            return None;
        }
        match by_goal(&self.claimant, record, service) {
            GoalSays::Go => None,
            GoalSays::OnlyWalk => record.map(|record| Box::new(on_its_way(record, service))),
            GoalSays::End(end) => Some(end),
        }
    }

    /// What another goal makes of this staging; none: it goes on. A way back is never withheld.
    pub(super) fn by_goal(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        if self.failed.is_some() || Control::on(service, &record.id).abort.is_some() {
            return None;
        }
        match self.claimant.goal_now(Some(record), service) {
            GoalNow::Present => None,
            GoalNow::Older(why) => Some(Next::end(outdated(&why, service))),
            // The record says that it was stopped; that moves nobody either.
            GoalNow::Unreadable(_) if world.signal.is_some() => None,
            GoalNow::Unreadable(why) if now < self.deadline(now) => {
                let what = Event::new(Topic::Wait, format!("{why}; nothing is written until it can be"));
                log.add_once(what.at(Moment::DeclarationUnreadable));
                Some(self.wait(now))
            }
            GoalNow::Unreadable(why) => {
                let why = Why::blameless(Code::Inconclusive, why);
                self.failed = Some(why.clone());
                Some(self.fail(world, service, record, &why, now))
            }
        }
    }

    /// A write took effect, and the world shows what the API server made of it: a template of ours is no other goal.
    pub(super) fn wrote(&mut self, world: &World) {
        let staging = world.record().and_then(Result::ok).is_some_and(|record| record.phase == Phase::Staging);
        if let Some(service) = world.service().filter(|_| staging || self.first) {
            self.claimant.learn_goal(service);
        }
    }
}
