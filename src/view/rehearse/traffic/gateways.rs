//! The pods of the made-up gateway, each with users and counters of its own; one that ends takes its counters with it.
//!
//! Decides that users are spread evenly over them, and that another begins as one ends: the oldest goes first, as in a rollout of the
//! gateway. What it has in flight is lost at once, which no drain makes milder. It may use traffic.

use super::super::behaviour::{Behaviour, Spell};
use super::super::chance::Chance;
use super::{Tally, Traffic};
use crate::evidence::reading::Pair;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The whole gateway.
#[derive(Debug)]
pub(crate) struct Gateways<C> {
    behaviour: Behaviour,
    /// Each with its number, the oldest first.
    pods: VecDeque<(u32, Traffic<C>)>,
    ended: u32,
    /// Bad requests of those that ended, and how many more than stable's.
    bad: u64,
    extra: f64,
}

impl<C: Chance> Gateways<C> {
    /// As many pods as the behaviour says; users all go to stable.
    pub(crate) fn new(behaviour: Behaviour, mut chance: C) -> Self {
        let number = behaviour.gateways.max(1);
        let part = Behaviour {
            rate: behaviour.rate / f64::from(number),
            strangers: behaviour.strangers.map(|others| others.one_of(number)),
            ..behaviour.clone()
        };
        let others: Vec<C> = (1..number).map(|_| chance.fork()).collect();
        let first = Traffic::new(part.clone(), chance);
        // What the candidate does does not depend on the gateway.
        let phase = first.phase;
        let others = others.into_iter().map(|chance| Traffic { phase, ..Traffic::new(part.clone(), chance) });
        let pods = (0..).zip([first].into_iter().chain(others)).collect();
        Self { behaviour, pods, ended: 0, bad: 0, extra: 0.0 }
    }

    /// The behaviour.
    pub(crate) fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// A split is served from now on: the part of users, between 0 and 1, that goes to the candidate.
    pub(crate) fn split(&mut self, share: f64) {
        self.each().for_each(|pod| pod.split(share));
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Traffic<C>> {
        self.pods.iter_mut().map(|(_, pod)| pod)
    }

    /// Any of them: all of them know the time and what the candidate is.
    fn any(&self) -> Option<&Traffic<C>> {
        self.pods.front().map(|(_, pod)| pod)
    }

    /// How long the first users have been moved; none before that.
    pub(crate) fn since_moved(&self) -> Option<Duration> {
        self.any()?.since_moved()
    }

    /// True if a spell is on.
    pub(crate) fn is_on(&self, spell: Option<&Spell>) -> bool {
        self.any().is_some_and(|pod| pod.is_on(spell))
    }

    /// True while the candidate is still as good as stable.
    pub(crate) fn is_late(&self) -> bool {
        self.any().is_some_and(Traffic::is_late)
    }

    /// Requests of the candidate that failed, were answered with a 4xx or never.
    pub(crate) fn bad(&self) -> u64 {
        self.bad + self.pods.iter().map(|(_, pod)| pod.bad()).sum::<u64>()
    }

    /// How many more these are than stable is expected to have failed of the candidate's requests.
    pub(crate) fn extra(&self) -> f64 {
        self.extra + self.pods.iter().map(|(_, pod)| pod.extra()).sum::<f64>()
    }

    /// When the next of them ends, counted from when the first users are moved.
    fn next_end(&self) -> Option<Duration> {
        let ends = self.behaviour.gateway_ends.filter(|ends| self.ended < ends.times)?;
        Some(ends.from + ends.every * self.ended)
    }

    /// The next moment, on the clock of this, at which a spell begins or ends, or a gateway does.
    pub(crate) fn next_change(&self) -> Option<Duration> {
        let any = self.any()?;
        let end = any.moved.zip(self.next_end()).map(|(moved, end)| moved + end);
        any.next_change().into_iter().chain(end).min()
    }

    /// Lets time pass; it has to stop at each change.
    pub(crate) fn pass(&mut self, until: Duration) {
        self.each().for_each(|pod| pod.pass(until));
        while self.since_moved().zip(self.next_end()).is_some_and(|(at, end)| at >= end) {
            self.replace_oldest();
        }
    }

    fn replace_oldest(&mut self) {
        let Some((_, mut old)) = self.pods.pop_front() else { return };
        self.bad += old.bad();
        self.extra += old.extra();
        let number = self.behaviour.gateways.max(1) + self.ended;
        self.ended += 1;
        let past = VecDeque::from([(old.now, <[Tally; 2]>::default())]);
        let chance = old.chance.fork();
        let begun = Traffic {
            chance,
            past,
            tallies: Default::default(),
            lasting: Default::default(),
            flying: [0; 2],
            bad: 0,
            foreign: 0,
            bundles: Default::default(),
            ..old
        };
        self.pods.push_back((number, begun));
    }

    /// The floors of both revisions, from now on.
    pub(crate) fn floors(&mut self, floors: [u32; 2]) {
        self.each().for_each(|pod| pod.floors(floors));
    }

    /// Ready and wanted pods of both; none where there are always enough.
    pub(crate) fn scales(&self) -> Option<[(u32, u32); 2]> {
        self.any()?.scales()
    }

    /// Requests that waited for a pod for so long that it was noticed, and the longest wait; none where there are always enough.
    pub(crate) fn waits(&self) -> Option<(u64, Duration)> {
        self.any()?.waits()
    }

    /// The candidate's own address is asked; how long until a pod of it is there.
    pub(crate) fn poke(&mut self) -> Duration {
        self.each().map(Traffic::poke).max().unwrap_or_default()
    }

    /// What a source tells at this moment: the pods that there are, with their names.
    pub(crate) fn reading(&self) -> BTreeMap<String, Pair> {
        let name = |number: u32| if number == 0 { "gateway".to_owned() } else { format!("gateway-{number}") };
        self.pods.iter().map(|(number, pod)| (name(*number), pod.reading())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::behaviour;
    use super::*;
    use crate::view::rehearse::behaviour::GatewayEnds;
    use crate::view::rehearse::chance::tests::Seeded;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn sent(reading: &BTreeMap<String, Pair>) -> Vec<u64> {
        reading.values().filter_map(|pair| pair.stable.as_ref()?.sent).collect()
    }

    #[test]
    fn each_has_a_part_of_the_users_and_takes_its_counters_along() {
        let ends = GatewayEnds { from: seconds(60), every: seconds(10), times: 2 };
        let behaviour =
            Behaviour { gateways: 3, gateway_ends: Some(ends), hanging: 1.0, gives_up: seconds(900), ..behaviour() };
        let mut gateways = Gateways::new(behaviour, Seeded(7));
        gateways.split(0.5);
        gateways.pass(seconds(59));
        let before = gateways.reading();
        assert_eq!(before.keys().collect::<Vec<_>>(), ["gateway", "gateway-1", "gateway-2"]);
        assert!(sent(&before).iter().all(|n| (800..1200).contains(n)), "{:?}", sent(&before));
        assert_eq!(gateways.next_change(), Some(seconds(60)));
        let bad = gateways.bad();
        gateways.pass(seconds(60));
        gateways.pass(seconds(70));
        let after = gateways.reading();
        assert_eq!(after.keys().collect::<Vec<_>>(), ["gateway-2", "gateway-3", "gateway-4"]);
        let hung = after["gateway-2"].candidate.as_ref().and_then(|c| c.active).unwrap();
        assert!(hung > 900, "what hangs there hangs on: {hung}");
        let [young, newest] = ["gateway-3", "gateway-4"].map(|name| after[name].stable.as_ref().unwrap().sent.unwrap());
        assert!((100..300).contains(&young) && newest == 0, "{young} {newest}");
        assert!(gateways.bad() > bad, "what went wrong there is not forgotten");
        assert_eq!(gateways.next_end(), None);
    }

    /// With one that does not end, nothing is drawn but what was drawn before there were several.
    #[test]
    fn one_that_goes_on_is_as_it_was() {
        let mut one = Gateways::new(behaviour(), Seeded(3));
        let mut alone = Traffic::new(behaviour(), Seeded(3));
        one.split(0.3);
        alone.split(0.3);
        one.pass(seconds(30));
        alone.pass(seconds(30));
        assert_eq!(one.reading(), BTreeMap::from([("gateway".to_owned(), alone.reading())]));
    }
}
