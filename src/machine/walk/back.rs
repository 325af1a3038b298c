//! Why users go back, and the write that takes them there. Once there is a reason it stays: a Fail is never taken back.

use super::{OnTerm, Walk};
use crate::evidence::OnInconclusive;
use crate::machine::health::Health;
use crate::machine::next::Next;
use crate::machine::outcomes::LAST_WAIT;
use crate::machine::rollback::{Why, roll_back};
use crate::machine::standing::outcome_of;
use crate::machine::world::{Signal, World};
use crate::model::event::Log;
use crate::model::event::Topic;
use crate::model::name::RevisionName;
use crate::model::observed::{CONTROL, Service};
use crate::model::outcome::Code;
use crate::model::time::after;
use crate::rollout::control::Control;
use crate::rollout::record::Record;
use jiff::Timestamp;

impl Walk {
    /// Everything that sends users back: signals, people, the deadline, the candidate's health, failed probes.
    pub(super) fn judged(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        let why = self.failed.clone().or_else(|| self.why_back(world, service, record, candidate, now))?;
        Some(self.go_back(world, service, record, why, now, log))
    }

    /// Takes users back.
    pub(super) fn go_back(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        why: Why,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        self.failed = Some(why.clone());
        let record = &self.with_evidence(record);
        match roll_back(world, service, record, &why, now) {
            Ok(order) => Next::Write(Box::new(order)),
            // Stable may be back in a moment; a Fail stays a Fail meanwhile.
            Err(_) if now < after(*self.stuck_since.get_or_insert(now), LAST_WAIT) => {
                let until = self.stuck_since.map(|since| after(since, LAST_WAIT));
                log.once(Topic::Wait, format!("back as soon as {} is Ready: {}", record.start.stable, why.reason));
                Next::wait(until)
            }
            Err(cannot) => Next::end(
                outcome_of(
                    Code::CouldNotRestore,
                    format!("{}; could not go back: {}", why.reason, cannot.why),
                    service,
                )
                .next(format!(
                    "bring {} back or `andante settle {} --to REVISION`",
                    record.start.stable,
                    service.called()
                )),
            ),
        }
    }

    /// Why users have to go back, if they have to.
    fn why_back(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
    ) -> Option<Why> {
        let why = |code, reason: String| Some(Why::new(code, reason));
        let back = !self.goal.once && self.goal.on_term == OnTerm::Rollback;
        if world.signal == Some(Signal::Terminate) && back {
            return why(Code::Interrupted, "stopped by SIGTERM".into());
        }
        let control = Control::parse(service.annotations.get(CONTROL).map(String::as_str), &record.id);
        if let Some(abort) = &control.abort {
            return why(Code::Aborted, format!("aborted by {}", abort.by));
        }
        let stable = &record.start.stable;
        if world.revision(stable).is_none() && !record.split.share(stable).is_zero() {
            return why(Code::CouldNotRestore, format!("{stable} was deleted"));
        }
        if let Health::Failing(reason) = self.health.judge(world.revision(candidate), self.probing.is_waking(), now) {
            return why(Code::RolledBack, format!("{candidate}: {reason}"));
        }
        if let Some(reason) = self.probing.failed() {
            return why(Code::RolledBack, format!("{candidate}: {reason}"));
        }
        if let Some(reason) = self.gates.failed() {
            return why(Code::GateFailed, reason);
        }
        if let Some(why) = self.evidence_against(record) {
            return Some(why);
        }
        let reason = match self.on_inconclusive() {
            // It is held at once.
            OnInconclusive::Hold if record.step > 0 => None,
            OnInconclusive::Rollback => self.undecided(record, now),
            _ => None,
        };
        let holds = record.step > 0 && self.on_inconclusive() == OnInconclusive::Hold;
        let late = || (now >= record.deadline && !holds).then(|| self.late(record));
        reason.or_else(late).map(|reason| Why::blameless(Code::Inconclusive, reason))
    }
}
