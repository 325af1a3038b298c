//! A machine that is watched. It waits for a moment to come: one that waits for the past would be asked again and again
//! without an end. And it says the same when it is asked twice with the same world and time, which every decision by level
//! rests on.

use andante::machine::next::{BoundOrder, GiveUp, Heard, Machine, Next, Question, Written};
use andante::machine::world::World;
use andante::model::event::Log;
use andante::model::outcome::Outcome;
use andante::rollout::record::Record;
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
        // By level, not by edge: whoever asks again gets the same answer, and nothing new to read.
        let again = self.machine.decide(world, now, &mut Log::default());
        if again != next {
            self.complaints
                .borrow_mut()
                .push(format!("{} asked twice at {now} says {next:?} and then {again:?}", self.label));
        }
        next
    }

    fn asked(&mut self, question: &Question, now: Timestamp) {
        self.machine.asked(question, now);
    }

    fn heard(&mut self, heard: Heard, now: Timestamp, log: &mut Log) {
        self.machine.heard(heard, now, log);
    }

    fn written(&mut self, written: &Written, world: &World, now: Timestamp, log: &mut Log) {
        self.machine.written(written, world, now, log);
    }

    fn unanswered(&mut self, record: &Record, world: &World) {
        self.machine.unanswered(record, world);
    }

    fn bounded(&mut self, order: &BoundOrder, written: &Written, world: &World, now: Timestamp, log: &mut Log) {
        self.machine.bounded(order, written, world, now, log);
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
