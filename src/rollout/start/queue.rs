//! Whose turn it is, where many Services are followed.
//!
//! Decides that an owner's edits rest for a moment before they count, that only so many runs work at once, in all and in one
//! namespace, when what failed is tried again, and when a run is asked for whose end nobody tells of. It holds names alone, because a thousand Services are too much to hold. What is done is decided anew when a turn
//! comes, so that a lost or a late event costs time and nothing else. Depends on names and time.

use super::due::{ServiceKey, Wish};
use crate::model::name::Namespace;
use crate::model::time::after;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Edits that never rest count after so many times the pause.
const LONGEST_REST: u32 = 5;
/// The first pause after something failed, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// So often it is looked whether a run still works that is not followed.
const LOOK: Duration = Duration::from_secs(60);

/// A run that was seen to work: kind, namespace, name.
pub(crate) type RunKey = (String, String, String);

/// A Service whose turn is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Turn {
    wish: Wish,
    /// When the first of the edits that have not counted yet was seen.
    since: Timestamp,
    at: Timestamp,
    failures: u32,
}

/// A run that works.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AtWork {
    service: ServiceKey,
    since: Timestamp,
    /// When it is to be asked for; none: its kind is followed, so its end is news.
    look: Option<Timestamp>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NextTurn {
    /// This Service is to be looked at and acted on.
    Act(ServiceKey),
    /// This run, whose end nobody tells of, is to be asked for.
    Look(RunKey),
    /// Nothing before that moment; none: nothing before there is news.
    Wait(Option<Timestamp>),
}

/// What came of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    /// It is done.
    Done,
    /// A run was started; whether the end of one is followed.
    Started(RunKey, bool),
    /// A run is due, and no other one may work: it waits for its turn; its name.
    Full(String),
    /// Its namespace is suspended, and the end of that is news.
    Held,
    /// It failed, or cannot be done yet: later.
    Later,
    /// Somebody was faster: at once.
    Again,
}

/// What came of asking for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunLook {
    /// It works, or that could not be asked just now.
    Works,
    /// It is over, or gone.
    Over,
    /// It may not be read: it counts for as long as one may take.
    Unknown(Duration),
}

/// All turns that are to come.
#[derive(Debug, Clone)]
pub(crate) struct StartQueue {
    turns: BTreeMap<ServiceKey, Turn>,
    /// The runs that work, and whose they are.
    running: BTreeMap<RunKey, AtWork>,
    rest: Duration,
    most: usize,
    most_of_one: usize,
}

impl StartQueue {
    /// No turns. `rest`: how long edits rest; `most`: how many runs work at once, `most_of_one`: how many of one namespace.
    pub(crate) fn new(rest: Duration, most: usize, most_of_one: usize) -> Self {
        Self { turns: BTreeMap::new(), running: BTreeMap::new(), rest, most, most_of_one }
    }

    /// A Service was seen, and this is wished for it; none: nothing.
    pub(crate) fn seen(&mut self, key: ServiceKey, wish: Option<Wish>, now: Timestamp) {
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
    pub(crate) fn gone(&mut self, key: &ServiceKey) {
        self.turns.remove(key);
    }

    /// Everything that is wished now: who is not among it has no turn any more.
    pub(crate) fn all(&mut self, wishes: Vec<(ServiceKey, Wish)>, now: Timestamp) {
        let keys: BTreeSet<&ServiceKey> = wishes.iter().map(|(key, _)| key).collect();
        self.turns.retain(|key, _| keys.contains(key));
        for (key, wish) in wishes {
            self.seen(key, Some(wish), now);
        }
    }

    /// These namespaces are not suspended: whatever waited for that has its turn.
    pub(crate) fn lifted(&mut self, is_of: impl Fn(&Namespace) -> bool, now: Timestamp) {
        for (key, turn) in &mut self.turns {
            if turn.at == Timestamp::MAX && is_of(&key.namespace) {
                (turn.at, turn.since, turn.failures) = (now, now, 0);
            }
        }
    }

    /// How many Services wait for a run; of what is suspended nobody expects one.
    pub(crate) fn pending(&self) -> usize {
        let waits = |turn: &&Turn| matches!(turn.wish, Wish::Start(_)) && turn.at != Timestamp::MAX;
        self.turns.values().filter(waits).count()
    }

    /// A run was seen. If it worked before and is over now, its Service has a turn.
    pub(crate) fn run_seen(&mut self, run: RunKey, service: ServiceKey, over: bool, now: Timestamp) {
        if over {
            self.let_go(&run, now);
        } else {
            self.running.insert(run, AtWork { service, since: now, look: None });
        }
    }

    /// A run that was asked for.
    pub(crate) fn looked(&mut self, run: &RunKey, came: &RunLook, now: Timestamp) {
        let Some(at_work) = self.running.get_mut(run) else { return };
        let next = after(now, LOOK);
        match came {
            RunLook::Works => at_work.look = Some(next),
            RunLook::Unknown(longest) if now < after(at_work.since, *longest) => {
                at_work.look = Some(next.min(after(at_work.since, *longest)));
            }
            RunLook::Over | RunLook::Unknown(_) => self.let_go(run, now),
        }
    }

    /// A run works no more. If it did before, its Service has a turn.
    fn let_go(&mut self, run: &RunKey, now: Timestamp) {
        if let Some(at_work) = self.running.remove(run) {
            self.ended(at_work.service, &run.2, now);
        }
    }

    /// All runs of one kind that work. Those that worked before have ended while nobody looked.
    pub(crate) fn all_runs(&mut self, kind: &str, working: Vec<(RunKey, ServiceKey)>, now: Timestamp) {
        let before: Vec<RunKey> = self.running.keys().filter(|(of, ..)| of == kind).cloned().collect();
        let now_working: BTreeMap<RunKey, ServiceKey> = working.into_iter().collect();
        for run in before.into_iter().filter(|run| !now_working.contains_key(run)) {
            self.let_go(&run, now);
        }
        let at_work = |service| AtWork { service, since: now, look: None };
        self.running.extend(now_working.into_iter().map(|(run, service)| (run, at_work(service))));
    }

    /// How many runs work.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// How many turns are to come.
    pub(crate) fn waiting(&self) -> usize {
        self.turns.len()
    }

    /// True if no other run of this namespace may work.
    pub(crate) fn is_full(&self, namespace: &Namespace) -> bool {
        let of_one = self.running.values().filter(|run| run.service.namespace == *namespace);
        self.running.len() >= self.most || of_one.count() >= self.most_of_one
    }

    /// Whose turn it is.
    pub(crate) fn next(&self, now: Timestamp) -> NextTurn {
        // What may have ended makes room, so it comes first.
        let look = self.running.iter().filter_map(|(run, at_work)| Some((at_work.look?, run))).min();
        if let Some((_, run)) = look.filter(|(at, _)| *at <= now) {
            return NextTurn::Look(run.clone());
        }
        // Counted once: a thousand may wait.
        let mut working: BTreeMap<&Namespace, usize> = BTreeMap::new();
        for run in self.running.values() {
            *working.entry(&run.service.namespace).or_default() += 1;
        }
        let all = self.running.len() >= self.most;
        let full = |of: &Namespace| all || working.get(of).is_some_and(|count| *count >= self.most_of_one);
        let open =
            self.turns.iter().filter(|(key, turn)| !(matches!(turn.wish, Wish::Start(_)) && full(&key.namespace)));
        match open.min_by_key(|(_, turn)| turn.at) {
            Some((key, turn)) if turn.at <= now => NextTurn::Act(key.clone()),
            first => {
                let turn = first.map(|(_, turn)| turn.at);
                NextTurn::Wait(look.map(|(at, _)| at).into_iter().chain(turn).min())
            }
        }
    }

    /// A turn was taken.
    pub(crate) fn took(&mut self, key: &ServiceKey, came: Came, now: Timestamp) {
        match came {
            Came::Done => {
                self.turns.remove(key);
            }
            Came::Started(run, followed) => {
                self.turns.remove(key);
                // Before its own news comes, so that a crowd of edits starts no more than may work.
                let look = (!followed).then(|| after(now, LOOK));
                self.running.insert(run, AtWork { service: key.clone(), since: now, look });
            }
            Came::Full(run) => {
                let turn = Turn { wish: Wish::Start(run), since: now, at: now, failures: 0 };
                self.turns.insert(key.clone(), turn);
            }
            Came::Held => {
                if let Some(turn) = self.turns.get_mut(key) {
                    // Its edits have counted: later ones rest anew.
                    (turn.at, turn.failures) = (Timestamp::MAX, 1);
                }
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
mod tests;
