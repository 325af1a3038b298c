//! A machine that is watched: whoever waits, waits for a moment to come. One that waits for the past would be asked again and
//! again without an end.

use andante::evidence::gate::Measured;
use andante::evidence::probe::Answer;
use andante::evidence::reading::{NoReading, Reading};
use andante::machine::next::{GiveUp, Machine, Next, Written};
use andante::machine::world::World;
use andante::model::event::Log;
use andante::model::outcome::Outcome;
use jiff::Timestamp;
use std::cell::RefCell;
use std::rc::Rc;

/// A machine, and whom to tell.
pub(crate) struct Punctual<M> {
    pub(crate) machine: M,
    pub(crate) label: String,
    pub(crate) complaints: Rc<RefCell<Vec<String>>>,
}

impl<M: Machine> Machine for Punctual<M> {
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        let next = self.machine.decide(world, now, log);
        if let Next::Wait { until: Some(until), .. } = &next
            && *until <= now
        {
            self.complaints.borrow_mut().push(format!("{} waits at {now} for {until}, which is past", self.label));
        }
        next
    }

    fn answered(&mut self, answer: Answer, now: Timestamp, log: &mut Log) {
        self.machine.answered(answer, now, log);
    }

    fn read(&mut self, result: Result<Reading, NoReading>, now: Timestamp, log: &mut Log) {
        self.machine.read(result, now, log);
    }

    fn measured(&mut self, measured: Measured, log: &mut Log) {
        self.machine.measured(measured, log);
    }

    fn written(&mut self, written: &Written, world: &World, now: Timestamp, log: &mut Log) {
        self.machine.written(written, world, now, log);
    }

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        self.machine.give_up(world, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andante::model::outcome::Code;

    struct Waits(i64);

    impl Machine for Waits {
        fn decide(&mut self, _: &World, now: Timestamp, _: &mut Log) -> Next {
            Next::wait(now.checked_add(std::time::Duration::from_secs(1)).ok().filter(|_| self.0 > 0).or(Some(now)))
        }
        fn answered(&mut self, _: Answer, _: Timestamp, _: &mut Log) {}
        fn written(&mut self, _: &Written, _: &World, _: Timestamp, _: &mut Log) {}
        fn give_up(&self, _: &World, _: GiveUp) -> Outcome {
            Outcome::new(Code::Internal, "")
        }
    }

    #[test]
    fn who_waits_for_the_past_is_told() {
        for (ahead, told) in [(1, 0), (0, 1)] {
            let complaints = Rc::default();
            let mut watched = Punctual { machine: Waits(ahead), label: "w".into(), complaints: Rc::clone(&complaints) };
            watched.decide(&World::default(), Timestamp::UNIX_EPOCH, &mut Log::default());
            assert_eq!(complaints.borrow().len(), told);
        }
    }
}
