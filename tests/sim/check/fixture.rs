//! Stories made by hand, for the tests of the rules.

use super::record;
use crate::sim::api::Who;
use crate::sim::story::{Ended, Served, Story, Truth, Write};
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::standing::Claimant;
use andante::model::observed::{RECORD, Service};
use andante::model::outcome::Outcome;
use andante::model::split::Split;
use andante::rollout::owner::{Owner, OwnerKind};
use andante::rollout::record::{Phase, Record};
use andante::rollout::splits::{Start, Tags};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::rc::Rc;
use std::time::Duration;

/// A story in the making. Ten seconds pass between two things.
pub(crate) struct Fixture {
    story: Story,
    now: Rc<Value>,
    at: Duration,
    truth: Truth,
}

/// A record of a rollout of `s1` to `s2` in steps of 10, 50 and 100, just staged.
pub(crate) fn first_record() -> Record {
    let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let owner = Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() };
    let kim = Claimant::new(Asker { owner, intent: at, if_busy: IfBusy::Fail, force: false }, "w".into());
    let start = Start::new(Split::all_latest(), "s1".parse().unwrap(), None).unwrap();
    let tags = Tags { candidate: "candidate".parse().unwrap(), stable: "stable".parse().unwrap() };
    let service = Service::from_json(&json!({"metadata": {"name": "s", "uid": "u", "generation": 0}})).unwrap();
    let plan = json!({"style": "canary", "bake_ms": 10000, "approval_timeout_ms": 0, "steps": [
        {"percent": 10, "dwell_ms": 10000}, {"percent": 50, "dwell_ms": 10000}, {"percent": 100, "dwell_ms": 0}]});
    Record {
        deadline: at + SignedDuration::from_hours(1),
        phase: Phase::Staged,
        candidate: Some("s2".parse().unwrap()),
        plan: Some(serde_json::from_value(plan).unwrap()),
        ..kim.begin("r1".parse().unwrap(), start, tags, &service, at)
    }
}

impl Fixture {
    /// A Service that follows latest and serves `s1`.
    pub(crate) fn plain() -> Self {
        Self::of(json!([{"latestRevision": true, "percent": 100}]))
    }

    pub(crate) fn of(traffic: Value) -> Self {
        let object = json!({
            "metadata": {"name": "s", "uid": "u", "generation": 1, "annotations": {"example.com/team": "blue"}},
            "spec": {"template": {"spec": {"containers": [{"image": "ok:1"}]}}, "traffic": traffic}, "status": {},
        });
        let ready = ["s1".to_owned(), "s2".to_owned()].into();
        let truth = Truth {
            latest_ready: Some("s1".into()),
            latest_created: Some("s2".into()),
            template: Some(object["spec"]["template"].clone()),
            ready,
        };
        let fixture = Self { story: Story::default(), now: Rc::new(object), at: Duration::from_secs(10), truth };
        fixture.serve(&[("s1", 100)])
    }

    /// Changes what is true from now on.
    pub(crate) fn truth(mut self, change: impl FnOnce(&mut Truth)) -> Self {
        change(&mut self.truth);
        self
    }

    pub(crate) fn accept(mut self, run: Option<&str>, change: impl FnOnce(&mut Value)) -> Self {
        self.at += Duration::from_secs(10);
        let mut object = Value::clone(&self.now);
        change(&mut object);
        let after = Rc::new(object);
        let who = Who { run: run.map(str::to_owned), ..Who::kim() };
        let before = Some(std::mem::replace(&mut self.now, after.clone()));
        let truth = self.truth.clone();
        self.story.log.writes.push(Write { sent: self.at, at: self.at, who, before, after, truth });
        self
    }

    /// Somebody else's write.
    pub(crate) fn human(self, change: impl FnOnce(&mut Value)) -> Self {
        self.accept(None, change)
    }

    /// A write of ours: the record as it was with the next epoch, changed, and a split.
    pub(crate) fn write(self, run: &str, traffic: Value, change: impl FnOnce(&mut Record)) -> Self {
        self.accept(Some(run), |object| {
            let mut r = record(object).unwrap_or_else(first_record);
            let generation = object["metadata"]["generation"].as_i64().unwrap() + 1;
            object["metadata"]["generation"] = json!(generation);
            (r.epoch, r.generation) = (r.epoch + 1, generation);
            if let Ok(split) = serde_json::from_value(traffic.clone()) {
                r.split = split;
            }
            change(&mut r);
            object["spec"]["traffic"] = traffic;
            object["metadata"]["annotations"][RECORD] = json!(r.to_text().unwrap());
        })
    }

    /// A write of ours in the usual shape: stable, candidate, others; our tags on the first two.
    pub(crate) fn split(self, run: &str, split: &[(&str, i64)], change: impl FnOnce(&mut Record)) -> Self {
        let entry = |(i, (name, percent)): (usize, &(&str, i64))| {
            let mut entry = json!({"revisionName": name, "percent": percent, "latestRevision": false});
            if let Some(tag) = ["stable", "candidate"].get(i) {
                entry["tag"] = json!(tag);
            }
            entry
        };
        let traffic: Value = split.iter().enumerate().map(entry).collect();
        self.write(run, traffic, change)
    }

    /// Users get something else.
    pub(crate) fn serve(mut self, split: &[(&str, i64)]) -> Self {
        self.at += Duration::from_millis(100);
        let split = split.iter().map(|(name, percent)| ((*name).to_owned(), *percent)).collect();
        self.story.log.served.push(Served { at: self.at, split });
        self
    }

    /// A run ends.
    pub(crate) fn ends(mut self, run: &str, outcome: Outcome) -> Self {
        self.story.ended.push(Ended { run: run.into(), at: self.at, outcome: Some(outcome) });
        self
    }

    pub(crate) fn story(mut self) -> Story {
        self.story.service = Some(self.now);
        self.story.ready = self.truth.ready;
        self.story
    }
}

/// A walk that stands at its second step, 50 %.
pub(crate) fn walk() -> Fixture {
    Fixture::plain()
        .split("w", &[("s1", 100), ("s2", 0)], |_| {})
        .split("w", &[("s1", 90), ("s2", 10)], |r| (r.phase, r.step) = (Phase::Walking, 1))
        .serve(&[("s1", 90), ("s2", 10)])
        .split("w", &[("s1", 50), ("s2", 50)], |r| r.step = 2)
        .serve(&[("s1", 50), ("s2", 50)])
}

/// The same walk, finished in the owner's shape.
pub(crate) fn finished(traffic: Value) -> Fixture {
    walk()
        .split("w", &[("s1", 0), ("s2", 100)], |r| (r.phase, r.step) = (Phase::Baking, 3))
        .serve(&[("s2", 100)])
        .truth(|t| t.latest_ready = Some("s2".into()))
        .write("w", traffic, |r| r.phase = Phase::Finished)
}
