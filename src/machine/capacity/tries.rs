//! What became of the bounds that a process wanted to write.
//!
//! Decides when a write is tried again and when a bound is left as it is. A write counts by what the world shows afterwards:
//! an admission policy may strip or cap what was answered with 200, and what an owner sets back is the owner's. It may use the
//! world and the record.

use crate::machine::next::{BoundOrder, BoundWrite, Next, Written};
use crate::machine::world::World;
use crate::model::api_error::ApiError;
use crate::model::event::{Log, Topic};
use crate::model::observed::Revision;
use crate::model::scaling::ScaleBound;
use crate::model::time::after;
use crate::rollout::record::Record;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After how many losses of what was set no bound of that kind is set any more.
const LOSSES: u32 = 2;
/// The first pause before a write is tried again; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// A bound of one object, by its uid.
type BoundKey = (String, ScaleBound);

/// Why those of a kind are not written any more.
#[derive(Debug, Clone)]
struct BoundRefusal {
    why: String,
    /// Another step changes nothing about it.
    for_good: bool,
}

/// A kind of write that fails.
#[derive(Debug, Clone, Copy)]
struct FailingBound {
    since: Timestamp,
    last: Timestamp,
    pause: Duration,
}

/// What became of the bounds that a process wanted to write.
#[derive(Debug, Clone, Default)]
pub(in crate::machine) struct BoundTries {
    /// How long floors are tried: as long as pods are waited for. For others the runner's patience decides.
    floors: Duration,
    refused: BTreeMap<BoundWrite, BoundRefusal>,
    failing: BTreeMap<BoundWrite, FailingBound>,
    /// What stood there when it was written, and what it was for.
    placed: BTreeMap<BoundKey, (BoundWrite, Option<String>)>,
    /// Bounds that were set back since: their owner's.
    theirs: BTreeSet<BoundKey>,
    /// What something in the cluster made of ours.
    made: BTreeMap<BoundKey, u32>,
    losses: BTreeMap<BoundWrite, u32>,
}

impl BoundTries {
    /// Nothing was tried yet; floors are tried for so long.
    pub(in crate::machine) fn new(floors: Duration) -> Self {
        Self { floors, ..Self::default() }
    }

    /// Why no bound of this kind can be written; none while it can be.
    pub(in crate::machine) fn refused(&self, kind: BoundWrite) -> Option<&str> {
        self.refused.get(&kind).map(|refusal| refusal.why.as_str())
    }

    /// Why no floor can be set on this Revision.
    pub(in crate::machine) fn no_floor(&self, revision: &Revision) -> Option<String> {
        let owners = || format!("its owner set min-scale of {} back", revision.name);
        self.refused(BoundWrite::Floor).map(str::to_owned).or_else(|| self.is_theirs(revision).then(owners))
    }

    /// The owner set its floor back.
    pub(in crate::machine) fn is_theirs(&self, revision: &Revision) -> bool {
        self.theirs.contains(&(revision.uid.clone(), ScaleBound::MinScale))
    }

    /// The value that stands there because something in the cluster made it of ours.
    pub(in crate::machine) fn made_of_ours(&self, revision: &Revision) -> Option<u32> {
        let made = self.made.get(&(revision.uid.clone(), ScaleBound::MinScale)).copied()?;
        (revision.scaling.text(ScaleBound::MinScale) == Some(made.to_string().as_str())).then_some(made)
    }

    /// The next step is another try, unless it was refused for good.
    pub(in crate::machine) fn begin_step(&mut self) {
        self.refused.retain(|_, refusal| refusal.for_good);
    }

    /// True while writes of this kind fail.
    pub(in crate::machine) fn is_failing(&self, kind: BoundWrite) -> bool {
        self.failing.contains_key(&kind)
    }

    /// Until when the next try of this kind waits; none: it may be made.
    pub(in crate::machine) fn pause(&self, kind: BoundWrite, signalled: bool, now: Timestamp) -> Option<Timestamp> {
        let failing = self.failing.get(&kind)?;
        // After a signal there are seconds for everything.
        let pause = if signalled { failing.pause.min(FIRST_PAUSE) } else { failing.pause };
        Some(after(failing.last, pause)).filter(|until| *until > now)
    }

    /// This write, or the wait before it is tried again.
    pub(in crate::machine) fn next(&self, order: BoundOrder, signalled: bool, now: Timestamp) -> Next {
        match self.pause(order.kind, signalled, now) {
            Some(until) => Next::wait(Some(until)),
            None => Next::Bound(Box::new(order)),
        }
    }

    /// What became of a bound's write. A process whose floors are refused goes on as it would without the right to set them;
    /// where one floor is refused, what the owner had may still be put back.
    pub(in crate::machine) fn bounded(
        &mut self,
        order: &BoundOrder,
        written: &Written,
        world: &World,
        now: Timestamp,
        log: &mut Log,
    ) {
        let (why, error) = match written {
            Written::Yes => return self.answered(order, world, now, log),
            Written::Denied(error) | Written::Unsure(error) => (error.to_string(), Some(error)),
            Written::Refused => (format!("{} keeps changing", order.revision), None),
        };
        // Whether it stands is not known.
        self.placed.remove(&(order.uid.clone(), order.bound));
        let since = self.fails(order.kind, asked_pause(error), now);
        // One that is gone is not seen any more, and a name may come again.
        let denied = matches!(written, Written::Denied(error) if !matches!(error, ApiError::NotFound(_)));
        let over = order.kind == BoundWrite::Floor && now >= after(since, self.floors);
        if !denied && !over {
            return;
        }
        let forbidden = matches!(written, Written::Denied(ApiError::Forbidden(_)));
        let all = [BoundWrite::Floor, BoundWrite::WayBack, BoundWrite::Return];
        for kind in all.into_iter().filter(|kind| forbidden || *kind == order.kind) {
            self.refuse(kind, &why, forbidden, log);
        }
    }

    /// No bound of this kind is written any more; with `for_good` in no later step either.
    pub(in crate::machine) fn refuse(&mut self, kind: BoundWrite, why: &str, for_good: bool, log: &mut Log) {
        self.failing.remove(&kind);
        if self.refused(kind).is_none() {
            log.once(Topic::Note, format!("min-scale and max-scale of revisions stay as they are: {why}"));
            self.refused.insert(kind, BoundRefusal { why: why.to_owned(), for_good });
        }
    }

    /// Notes what its owner has set back since it stood there.
    pub(in crate::machine) fn see(&mut self, record: &Record, world: &World, log: &mut Log) {
        for bound in record.capacity.iter().flat_map(|capacity| &capacity.bounds) {
            let key = (bound.uid.clone(), bound.bound);
            let revision = world.revision(&bound.revision).filter(|revision| revision.uid == bound.uid);
            let (Some(revision), Some((kind, value))) = (revision, self.placed.get(&key)) else { continue };
            let there = revision.scaling.text(bound.bound);
            if there != bound.had.as_deref() || there == value.as_deref() {
                continue;
            }
            let (kind, word) = (*kind, bound.bound.word());
            let was = value.clone().unwrap_or_default();
            self.placed.remove(&key);
            self.theirs.insert(key);
            let text = format!("{word} of {} was set to {was}, and somebody set it back: it stays so", revision.name);
            log.once(Topic::Note, text.clone());
            self.lost(kind, &text, log);
        }
    }

    /// It was answered well; whether it stands, the world tells.
    fn answered(&mut self, order: &BoundOrder, world: &World, now: Timestamp, log: &mut Log) {
        let (key, word) = ((order.uid.clone(), order.bound), order.bound.word());
        let there = world.revision(&order.revision).and_then(|revision| revision.scaling.text(order.bound));
        if there == order.to.as_deref() {
            self.failing.remove(&order.kind);
            let placed = (order.kind, order.to.clone());
            if self.placed.insert(key, placed.clone()) == Some(placed) {
                let why = format!("{word} of {} is set back again and again", order.revision);
                self.fails(order.kind, None, now);
                self.lost(order.kind, &why, log);
            }
            return;
        }
        if let Some(made) = there.and_then(|text| text.parse().ok()) {
            self.made.insert(key, made);
        }
        let says = |text: Option<&str>| text.map_or_else(|| "nothing".to_owned(), str::to_owned);
        let (to, there) = (says(order.to.as_deref()), says(there));
        let why = format!(
            "{word} of {} does not stay: it was set to {to}, and says {there} (an admission policy?)",
            order.revision
        );
        self.fails(order.kind, None, now);
        self.lost(order.kind, &why, log);
    }

    /// What was set is not there.
    fn lost(&mut self, kind: BoundWrite, why: &str, log: &mut Log) {
        let losses = self.losses.entry(kind).or_default();
        *losses += 1;
        if *losses >= LOSSES {
            self.refuse(kind, why, true, log);
        }
    }

    /// It failed once more; since when it does. The next try waits longer than the one before.
    fn fails(&mut self, kind: BoundWrite, asked: Option<Duration>, now: Timestamp) -> Timestamp {
        let known = self.failing.get(&kind);
        let pause = known.map_or(FIRST_PAUSE, |failing| failing.pause.saturating_mul(2)).min(LONGEST_PAUSE);
        let pause = asked.map_or(pause, |asked| asked.min(LONGEST_ASKED));
        let since = known.map_or(now, |failing| failing.since);
        self.failing.insert(kind, FailingBound { since, last: now, pause });
        since
    }
}

/// What the server asked for.
fn asked_pause(error: Option<&ApiError>) -> Option<Duration> {
    match error {
        Some(ApiError::Server { retry_after, .. }) => *retry_after,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::capacity::set;
    use crate::rollout::capacity::Capacity;
    use crate::rollout::record::tests::record;
    use serde_json::json;

    const WITHIN: Duration = Duration::from_secs(120);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn revision(min: Option<&str>) -> Revision {
        let annotations = min.map_or(json!({"a": "b"}), |min| json!({"autoscaling.knative.dev/min-scale": min}));
        Revision::from_json(&json!({"metadata": {"name": "s2", "uid": "u", "annotations": annotations}})).unwrap()
    }

    fn world(min: Option<&str>) -> World {
        let mut world = World::default();
        world.see_revisions([revision(min)]);
        world
    }

    /// A floor of 3 that is to be set, and the record that notes it.
    fn floor() -> (BoundOrder, Record) {
        let there = revision(None);
        let capacity = Capacity::default().with(&there, ScaleBound::MinScale, 3, at(0));
        let order = set(&capacity.bounds[0], &there, BoundWrite::Floor);
        (order, Record { capacity: Some(Box::new(capacity)), ..record() })
    }

    fn fails(tries: &mut BoundTries, error: ApiError, second: i64) -> bool {
        let (order, _) = floor();
        let written = if error.is_passing() { Written::Unsure(error) } else { Written::Denied(error) };
        tries.bounded(&order, &written, &world(None), at(second), &mut Log::default());
        tries.refused(BoundWrite::Floor).is_some()
    }

    fn withdrawn() -> ApiError {
        ApiError::Withdrawn("patch revisions".into())
    }

    #[test]
    fn what_may_pass_is_tried_for_as_long_as_pods_are_waited_for() {
        let mut tries = BoundTries::new(WITHIN);
        for second in 0..120 {
            assert!(!fails(&mut tries, withdrawn(), second), "{second}");
        }
        assert!(fails(&mut tries, withdrawn(), 120));
        tries.begin_step();
        assert_eq!(tries.refused(BoundWrite::Floor), None, "the next step tries again");
        assert!(fails(&mut tries, ApiError::Forbidden("patch revisions".into()), 130));
        tries.begin_step();
        let all = [BoundWrite::Floor, BoundWrite::WayBack, BoundWrite::Return];
        assert!(all.into_iter().all(|kind| tries.refused(kind).is_some()), "never permitted is so for good");
    }

    #[test]
    fn pauses_grow_and_a_server_may_ask_for_one() {
        let mut tries = BoundTries::new(WITHIN);
        let (order, _) = floor();
        assert_eq!(tries.pause(BoundWrite::Floor, false, at(0)), None);
        let mut pauses = vec![];
        for _ in 0..8 {
            fails(&mut tries, withdrawn(), 0);
            let until = tries.pause(BoundWrite::Floor, false, at(0)).unwrap();
            pauses.push(until.as_millisecond());
            assert_eq!(tries.next(order.clone(), false, at(0)), Next::wait(Some(until)));
            assert_eq!(tries.next(order.clone(), false, until), Next::Bound(Box::new(order.clone())));
        }
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(tries.pause(BoundWrite::Floor, true, at(0)).unwrap().as_millisecond(), 200, "after a signal");
        let busy = ApiError::Server { status: 429, text: "busy".into(), retry_after: Some(Duration::from_secs(7)) };
        fails(&mut tries, busy, 0);
        assert_eq!(tries.pause(BoundWrite::Floor, false, at(0)), Some(at(7)));
        tries.bounded(&order, &Written::Yes, &world(Some("3")), at(7), &mut Log::default());
        assert_eq!(tries.pause(BoundWrite::Floor, false, at(7)), None, "it worked");
    }

    #[test]
    fn what_does_not_stand_after_a_good_answer_is_tried_twice() {
        let (order, _) = floor();
        for (there, made) in [(None, None), (Some("2"), Some(2))] {
            let (mut tries, mut log) = (BoundTries::new(WITHIN), Log::default());
            tries.bounded(&order, &Written::Yes, &world(there), at(0), &mut log);
            assert_eq!(tries.refused(BoundWrite::Floor), None);
            assert!(tries.pause(BoundWrite::Floor, false, at(0)).is_some(), "not at once");
            assert_eq!(tries.made_of_ours(&revision(there)), made);
            tries.bounded(&order, &Written::Yes, &world(there), at(1), &mut log);
            tries.begin_step();
            assert!(tries.refused(BoundWrite::Floor).unwrap().contains("does not stay"), "for good");
            assert_eq!(tries.refused(BoundWrite::Return), None);
            assert_eq!(log.take().len(), 1);
        }
    }

    #[test]
    fn what_is_set_back_is_its_owners() {
        let ((order, record), mut log) = (floor(), Log::default());
        let mut tries = BoundTries::new(WITHIN);
        tries.see(&record, &world(None), &mut log);
        assert!(!tries.is_theirs(&revision(None)), "it was never set");
        tries.bounded(&order, &Written::Yes, &world(Some("3")), at(0), &mut log);
        tries.see(&record, &world(Some("3")), &mut log);
        assert!(tries.no_floor(&revision(None)).is_none(), "it stands");
        for _ in 0..2 {
            tries.see(&record, &world(None), &mut log);
            assert!(tries.no_floor(&revision(None)).unwrap().contains("set min-scale of s2 back"));
        }
        assert_eq!((tries.refused(BoundWrite::Floor), log.take().len()), (None, 1), "one bound of one Revision");
    }

    #[test]
    fn what_is_put_back_again_and_again_is_given_up() {
        let ((order, _), mut log) = (floor(), Log::default());
        let mut tries = BoundTries::new(WITHIN);
        for second in 0..3 {
            assert_eq!(tries.refused(BoundWrite::Floor), None, "{second}");
            tries.bounded(&order, &Written::Yes, &world(Some("3")), at(second), &mut log);
        }
        assert!(tries.refused(BoundWrite::Floor).unwrap().contains("again and again"));
    }
}
