//! Whose turn it is, where many Services are followed.
//!
//! Decides that an owner's edits rest for a moment before they count, that only so many runs work at once, and when what failed
//! is tried again. It holds names alone, because a thousand Services are too much to hold. What is done is decided anew when a turn
//! comes, so that a lost or a late event costs time and nothing else. Depends on names and time.

use super::due::{ServiceKey, Wish};
use crate::model::time::after;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Edits that never rest count after so many times the pause.
const LONGEST_REST: u32 = 5;
/// The first pause after something failed, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// A run that was seen to work: kind, namespace, name.
pub type RunKey = (String, String, String);

/// A Service whose turn is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Turn {
    wish: Wish,
    /// When the first of the edits that have not counted yet was seen.
    since: Timestamp,
    at: Timestamp,
    failures: u32,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextTurn {
    /// This Service is to be looked at and acted on.
    Act(ServiceKey),
    /// Nothing before that moment; none: nothing before there is news.
    Wait(Option<Timestamp>),
}

/// What came of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// It is done.
    Done,
    /// A run was started.
    Started(RunKey),
    /// A run is due, and no other one may work: it waits for its turn; its name.
    Full(String),
    /// It failed, or cannot be done yet: later.
    Later,
    /// Somebody was faster: at once.
    Again,
}

/// All turns that are to come.
#[derive(Debug, Clone)]
pub struct StartQueue {
    turns: BTreeMap<ServiceKey, Turn>,
    /// The runs that work, and whose they are.
    running: BTreeMap<RunKey, ServiceKey>,
    rest: Duration,
    most: usize,
}

impl StartQueue {
    /// No turns. `rest`: how long edits rest; `most`: how many runs work at once.
    pub fn new(rest: Duration, most: usize) -> Self {
        Self { turns: BTreeMap::new(), running: BTreeMap::new(), rest, most }
    }

    /// A Service was seen, and this is wished for it; none: nothing.
    pub fn seen(&mut self, key: ServiceKey, wish: Option<Wish>, now: Timestamp) {
        let before = self.turns.get(&key);
        let Some(wish) = wish else {
            // How its run goes, the Service does not tell.
            if before.is_some_and(|turn| !matches!(turn.wish, Wish::Run(_))) {
                self.turns.remove(&key);
            }
            return;
        };
        // Whatever else changes about a Service moves no turn.
        if before.is_some_and(|turn| turn.wish == wish) {
            return;
        }
        let since = before.filter(|turn| turn.failures == 0).map_or(now, |turn| turn.since);
        let at = after(now, self.rest).min(after(since, self.rest * LONGEST_REST)).max(now);
        self.turns.insert(key, Turn { wish, since, at, failures: 0 });
    }

    /// A run of a Service ended: that is noted, unless something else is wished already.
    fn ended(&mut self, key: ServiceKey, run: &str, now: Timestamp) {
        self.turns.entry(key).or_insert(Turn { wish: Wish::Run(run.to_owned()), since: now, at: now, failures: 0 });
    }

    /// A Service is gone.
    pub fn gone(&mut self, key: &ServiceKey) {
        self.turns.remove(key);
    }

    /// Everything that is wished now: who is not among it has no turn any more.
    pub fn all(&mut self, wishes: Vec<(ServiceKey, Wish)>, now: Timestamp) {
        let keys: BTreeSet<&ServiceKey> = wishes.iter().map(|(key, _)| key).collect();
        self.turns.retain(|key, _| keys.contains(key));
        for (key, wish) in wishes {
            self.seen(key, Some(wish), now);
        }
    }

    /// A run was seen. If it worked before and is over now, its Service has a turn.
    pub fn run_seen(&mut self, run: RunKey, service: ServiceKey, over: bool, now: Timestamp) {
        if !over {
            self.running.insert(run, service);
        } else if let Some(service) = self.running.remove(&run) {
            self.ended(service, &run.2, now);
        }
    }

    /// All runs of one kind that work. Those that worked before have ended while nobody looked.
    pub fn all_runs(&mut self, kind: &str, working: Vec<(RunKey, ServiceKey)>, now: Timestamp) {
        let before: Vec<RunKey> = self.running.keys().filter(|(of, ..)| of == kind).cloned().collect();
        let now_working: BTreeMap<RunKey, ServiceKey> = working.into_iter().collect();
        for run in before.into_iter().filter(|run| !now_working.contains_key(run)) {
            if let Some(service) = self.running.remove(&run) {
                self.ended(service, &run.2, now);
            }
        }
        self.running.extend(now_working);
    }

    /// How many runs work.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// How many turns are to come.
    pub fn waiting(&self) -> usize {
        self.turns.len()
    }

    /// True if no other run may work.
    pub fn is_full(&self) -> bool {
        self.running.len() >= self.most
    }

    /// Whose turn it is.
    pub fn next(&self, now: Timestamp) -> NextTurn {
        let full = self.is_full();
        let open = self.turns.iter().filter(|(_, turn)| !(full && matches!(turn.wish, Wish::Start(_))));
        match open.min_by_key(|(_, turn)| turn.at) {
            Some((key, turn)) if turn.at <= now => NextTurn::Act(key.clone()),
            first => NextTurn::Wait(first.map(|(_, turn)| turn.at)),
        }
    }

    /// A turn was taken.
    pub fn took(&mut self, key: &ServiceKey, came: Came, now: Timestamp) {
        match came {
            Came::Done => {
                self.turns.remove(key);
            }
            Came::Started(run) => {
                self.turns.remove(key);
                // Before its own news comes, so that a crowd of edits starts no more than may work.
                self.running.insert(run, key.clone());
            }
            Came::Full(run) => {
                let turn = Turn { wish: Wish::Start(run), since: now, at: now, failures: 0 };
                self.turns.insert(key.clone(), turn);
            }
            Came::Later | Came::Again => {
                let Some(turn) = self.turns.get_mut(key) else { return };
                if came == Came::Later || turn.failures > 0 {
                    let pause = PAUSES.0 * 2u32.saturating_pow(turn.failures.min(10));
                    turn.at = after(now, pause.min(PAUSES.1));
                    turn.failures += 1;
                } else {
                    // One more look is for nothing lost; the next one waits.
                    turn.failures = 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn key(name: &str) -> ServiceKey {
        ServiceKey { namespace: "shop".parse().unwrap(), name: name.parse().unwrap() }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as a Service is seen")]
    fn start(name: &str) -> Option<Wish> {
        Some(Wish::Start(name.to_owned()))
    }

    fn run(name: &str) -> RunKey {
        ("PipelineRun".to_owned(), "shop".to_owned(), name.to_owned())
    }

    fn queue(most: usize) -> StartQueue {
        StartQueue::new(Duration::from_secs(1), most)
    }

    #[test]
    fn three_edits_in_a_second_are_one_turn() {
        let mut queue = queue(10);
        for (millis, wish) in [(0, "a"), (400, "b"), (800, "c")] {
            queue.seen(key("hello"), start(wish), at(millis));
        }
        assert_eq!(queue.next(at(1799)), NextTurn::Wait(Some(at(1800))));
        // What else changes moves nothing.
        queue.seen(key("hello"), start("c"), at(1700));
        assert_eq!(queue.next(at(1800)), NextTurn::Act(key("hello")));
        queue.took(&key("hello"), Came::Started(run("r")), at(1800));
        assert_eq!((queue.next(at(9000)), queue.waiting(), queue.running()), (NextTurn::Wait(None), 0, 1));
        // Edits that never rest count all the same.
        for millis in 0..60 {
            queue.seen(key("busy"), start(&format!("{millis}")), at(millis * 100));
        }
        assert_eq!(queue.next(at(5999)), NextTurn::Act(key("busy")));
        // One that was taken back is none.
        queue.seen(key("busy"), None, at(6000));
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn only_so_many_runs_work_at_once() {
        let mut queue = queue(1);
        queue.seen(key("a"), start("1"), at(0));
        queue.seen(key("b"), start("2"), at(1));
        queue.seen(key("c"), Some(Wish::Note("n".into())), at(2));
        assert_eq!(queue.next(at(5000)), NextTurn::Act(key("a")));
        queue.took(&key("a"), Came::Started(run("1")), at(5000));
        assert_eq!(queue.next(at(5000)), NextTurn::Act(key("c")), "what starts nothing waits for nobody");
        queue.took(&key("c"), Came::Done, at(5000));
        assert_eq!(queue.next(at(5000)), NextTurn::Wait(None));
        queue.run_seen(run("1"), key("a"), false, at(5000));
        assert_eq!(queue.next(at(5000)), NextTurn::Wait(None));
        queue.run_seen(run("1"), key("a"), true, at(5000));
        assert_eq!(queue.waiting(), 2, "how it ended is looked at");
        assert_eq!(queue.next(at(5000)), NextTurn::Act(key("b")), "who waits longest comes first");
        queue.took(&key("b"), Came::Started(run("2")), at(5000));
        assert_eq!(queue.next(at(5000)), NextTurn::Act(key("a")));
        queue.took(&key("a"), Came::Done, at(5000));
        // A run that is not known, or was over before, is nobody's news.
        queue.run_seen(run("1"), key("a"), true, at(5000));
        queue.all_runs("TaskRun", Vec::new(), at(5000));
        assert_eq!((queue.running(), queue.waiting()), (1, 0));
        // One that ended while nobody looked.
        queue.all_runs("PipelineRun", vec![(run("3"), key("c"))], at(5000));
        assert_eq!((queue.running(), queue.next(at(5000))), (1, NextTurn::Act(key("b"))));
    }

    #[test]
    fn what_failed_is_tried_again_later_and_later() {
        let mut queue = queue(1);
        queue.seen(key("a"), start("1"), at(0));
        queue.took(&key("a"), Came::Again, at(1000));
        assert_eq!(queue.next(at(1000)), NextTurn::Act(key("a")));
        queue.took(&key("a"), Came::Again, at(1000));
        assert_eq!(queue.next(at(1000)), NextTurn::Wait(Some(at(11_000))));
        for _ in 0..20 {
            queue.took(&key("a"), Came::Later, at(1000));
        }
        assert_eq!(queue.next(at(1000)), NextTurn::Wait(Some(at(301_000))));
        // Another wish has no past.
        queue.seen(key("a"), start("2"), at(2000));
        assert_eq!(queue.next(at(2000)), NextTurn::Wait(Some(at(3000))));
        queue.all(vec![(key("b"), Wish::Start("1".into()))], at(2000));
        assert_eq!(queue.waiting(), 1);
        queue.gone(&key("b"));
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn a_look_that_finds_a_run_due_waits_where_no_other_may_work() {
        let mut queue = queue(1);
        queue.run_seen(run("x"), key("b"), false, at(0));
        queue.seen(key("a"), Some(Wish::Note("n".into())), at(0));
        assert!(queue.is_full() && queue.next(at(1000)) == NextTurn::Act(key("a")));
        queue.took(&key("a"), Came::Full("a-1".into()), at(1000));
        assert_eq!(queue.next(at(1000)), NextTurn::Wait(None));
        queue.run_seen(run("x"), key("b"), true, at(2000));
        assert_eq!(queue.next(at(2000)), NextTurn::Act(key("a")));
    }

    #[test]
    fn news_of_the_service_forgets_no_end_of_its_run() {
        let mut queue = queue(1);
        queue.ended(key("a"), "a-1", at(0));
        queue.seen(key("a"), None, at(1));
        assert_eq!(queue.next(at(1)), NextTurn::Act(key("a")));
        queue.seen(key("a"), start("a-2"), at(1));
        queue.ended(key("a"), "a-1", at(2));
        assert_eq!(queue.next(at(2)), NextTurn::Wait(Some(at(1001))), "another goal is noted with it");
        queue.gone(&key("a"));
        assert_eq!(queue.waiting(), 0);
    }

    proptest! {
        #[test]
        fn nobody_is_forgotten_and_never_too_many_work(
            story in proptest::collection::vec((0u8..4, 0u8..5, 0u8..3, 0i64..3000), 0..60)
        ) {
            let mut queue = queue(2);
            let mut now = 0;
            for (what, who, wish, pause) in story {
                now += pause;
                let who = key(&format!("s{who}"));
                match what {
                    0 => queue.seen(who, start(&wish.to_string()), at(now)),
                    1 => if let NextTurn::Act(key) = queue.next(at(now)) {
                        let started = run(&format!("{}-{now}", key.name));
                        let came = match wish {
                            0 => Came::Later,
                            _ if queue.is_full() => Came::Full("due".into()),
                            _ => Came::Started(started),
                        };
                        queue.took(&key, came, at(now));
                    },
                    2 => if let Some((run, whose)) = queue.running.clone().into_iter().next() { queue.run_seen(run, whose, true, at(now)); },
                    _ => queue.seen(who, None, at(now)),
                }
                prop_assert!(queue.running() <= 2);
            }
            // In the end everybody who waits has a turn.
            let mut turns = 0;
            while queue.waiting() > 0 {
                queue.running.clear();
                now += 400_000;
                let NextTurn::Act(key) = queue.next(at(now)) else { panic!("somebody waits for ever") };
                queue.took(&key, Came::Done, at(now));
                turns += 1;
            }
            prop_assert!(turns <= 5);
        }
    }
}
