//! The write that takes users back. A reason to go back stays, because a Fail is never taken back (ARCHITECTURE.md,
//! rule 4).

use super::Walk;
use super::scene::Scene;
use crate::machine::next::Next;
use crate::machine::outcomes::LAST_WAIT;
use crate::machine::rollback::{Why, roll_back};
use crate::machine::standing::outcome_of;
use crate::model::event::{Log, Topic};
use crate::model::outcome::Code;
use crate::model::time::after;

impl Walk {
    /// Takes users back.
    pub(super) fn go_back(&mut self, scene: &Scene<'_>, why: Why, log: &mut Log) -> Next {
        self.failed = Some(why.clone());
        let (service, now) = (scene.service, scene.now);
        let record = &self.with_evidence(scene.record);
        match roll_back(scene.world, service, record, &why, now) {
            Ok(order) => Next::Write(Box::new(order)),
            // Stable may be back in a moment, and a Fail stays a Fail meanwhile.
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
}
