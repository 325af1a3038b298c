//! The pods of one revision, and the autoscaler that makes them.
//!
//! Decides how many there are: what Knative's autoscaler wants of the requests in flight, averaged over its stable window, over
//! its panic window in a rush, and never below the floor of the revision's own annotation. Requests wait in line for a pod; how
//! long is what a rehearsal of pods is about. It uses no other module.

use std::collections::VecDeque;
use std::time::Duration;

/// The autoscaler's windows (config-autoscaler: stable-window, panic-window-percentage 10), and how long a revision that nobody
/// asks keeps its last pod beyond the first (scale-to-zero-grace-period).
const STABLE: Duration = Duration::from_secs(60);
const PANIC: Duration = Duration::from_secs(6);
const LINGERS: Duration = Duration::from_secs(30);
/// So often the autoscaler looks (tick-interval).
const LOOKS: Duration = Duration::from_secs(2);
/// It wants pods to be used to this part (container-concurrency-target-percentage).
const USED: f64 = 0.7;
/// A request that waits longer for a pod is counted.
pub(crate) const NOTICED: Duration = Duration::from_millis(500);

/// How pods behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PodKind {
    /// How long one needs until it answers.
    pub starts: Duration,
    /// So many requests a second one bears.
    pub bears: f64,
}

/// What became of requests in a tick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PodAnswers {
    /// Answered without having waited for long.
    pub(crate) soon: u64,
    /// Answered after a wait that was noticed.
    pub(crate) late: u64,
    /// Gave up waiting.
    pub(crate) lost: u64,
}

/// The pods of one revision.
#[derive(Debug, Clone)]
pub(crate) struct ScaledPods {
    kind: PodKind,
    /// How long an answer takes.
    takes: f64,
    ready: u32,
    starting: VecDeque<(Duration, u32)>,
    /// Requests that wait, oldest first.
    line: VecDeque<(Duration, u64)>,
    /// Of a pod's work, what is left of the tick before.
    carry: f64,
    /// Requests in flight, as they were when the autoscaler looked.
    seen: VecDeque<(Duration, f64)>,
    looked: Duration,
    /// Request-seconds since then: answers in the making, and requests in line.
    work: f64,
    panics: Option<Duration>,
    /// Since when nobody asks.
    idle: Duration,
    wanted: u32,
    floor: u32,
    waited: u64,
    longest: Duration,
}

impl ScaledPods {
    /// As many pods as a rate of requests has wanted for long.
    pub(crate) fn settled(kind: PodKind, takes: Duration, rate: f64) -> Self {
        let takes = takes.as_secs_f64();
        let mut me = Self {
            kind,
            takes,
            ready: 0,
            starting: VecDeque::new(),
            line: VecDeque::new(),
            carry: 0.0,
            seen: VecDeque::new(),
            looked: Duration::ZERO,
            work: 0.0,
            panics: None,
            idle: Duration::ZERO,
            wanted: 0,
            floor: 0,
            waited: 0,
            longest: Duration::ZERO,
        };
        me.ready = me.pods_for(rate * takes).max(1);
        me.wanted = me.ready;
        me.seen.push_back((Duration::ZERO, rate * takes));
        me
    }

    /// The floor of its annotation.
    pub(crate) fn floor(&mut self, floor: u32) {
        self.floor = floor;
    }

    /// Ready pods, and pods that are wanted.
    pub(crate) fn scale(&self) -> (u32, u32) {
        (self.ready, self.wanted.max(self.floor))
    }

    /// Requests whose wait was noticed, and the longest wait.
    pub(crate) fn waits(&self) -> (u64, Duration) {
        (self.waited, self.longest)
    }

    /// Somebody asks it beside its users; how long until a pod is there.
    pub(crate) fn poke(&mut self, now: Duration) -> Duration {
        self.idle = now;
        self.at_least(1, now);
        if self.ready > 0 {
            return Duration::ZERO;
        }
        self.starting.front().map_or(Duration::ZERO, |(at, _)| at.saturating_sub(now))
    }

    /// The autoscaler's answer to so many requests in flight.
    fn pods_for(&self, in_flight: f64) -> u32 {
        let each = self.kind.bears * self.takes * USED;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded, and not negative")]
        return (in_flight / each).ceil().min(1000.0) as u32;
    }

    /// As many pods as these, those that start included.
    fn at_least(&mut self, pods: u32, now: Duration) {
        let coming: u32 = self.starting.iter().map(|(_, n)| n).sum();
        let more = pods.saturating_sub(self.ready + coming);
        if more > 0 {
            self.starting.push_back((now + self.kind.starts, more));
        }
    }

    /// A tick in which `arrivals` came. `gives_up`: after how long a client stops waiting.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    pub(crate) fn tick(&mut self, from: Duration, until: Duration, arrivals: u64, gives_up: Duration) -> PodAnswers {
        while let Some((_, pods)) = self.starting.front().copied().filter(|(at, _)| *at <= until) {
            self.ready += pods;
            self.starting.pop_front();
        }
        if arrivals > 0 {
            self.idle = until;
            self.line.push_back((from, arrivals));
            // The first request of a revision that sleeps wakes it, whatever the average says.
            self.at_least(1, from);
        }
        let passed = until.saturating_sub(from).as_secs_f64();
        self.carry += f64::from(self.ready) * self.kind.bears * passed;
        let mut served = PodAnswers::default();
        while let Some((came, n)) = self.line.front_mut() {
            let waits = until.saturating_sub(*came);
            if waits > gives_up {
                served.lost += *n;
                self.longest = self.longest.max(gives_up);
                self.line.pop_front();
                continue;
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
            let now = (*n).min(self.carry as u64);
            if now == 0 {
                break;
            }
            self.carry -= now as f64;
            *n -= now;
            if waits > NOTICED {
                served.late += now;
                self.longest = self.longest.max(waits);
            } else {
                served.soon += now;
            }
            if *n == 0 {
                self.line.pop_front();
            }
        }
        if self.line.is_empty() {
            // What no request needed is not saved up.
            self.carry = self.carry.min(1.0);
        }
        self.waited += served.late + served.lost;
        let waiting: u64 = self.line.iter().map(|(_, n)| n).sum();
        self.work += (served.soon + served.late) as f64 * self.takes + waiting as f64 * passed;
        let since = until.saturating_sub(self.looked);
        if since >= LOOKS {
            let in_flight = std::mem::take(&mut self.work) / since.as_secs_f64();
            self.looked = until;
            self.look(until, in_flight);
        }
        served
    }

    /// The autoscaler looks.
    fn look(&mut self, now: Duration, in_flight: f64) {
        self.seen.push_back((now, in_flight));
        while self.seen.get(1).is_some_and(|(at, _)| *at + STABLE <= now) {
            self.seen.pop_front();
        }
        let average = |over: Duration| {
            let since = now.saturating_sub(over);
            let recent: Vec<f64> = self.seen.iter().filter(|(at, _)| *at >= since).map(|(_, n)| *n).collect();
            #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
            return recent.iter().sum::<f64>() / (recent.len().max(1) as f64);
        };
        let (calm, rush) = (self.pods_for(average(STABLE)), self.pods_for(average(PANIC)));
        if rush >= 2 * self.ready.max(1) {
            self.panics = Some(now + STABLE);
        }
        self.wanted = match self.panics.filter(|until| now < *until) {
            // In a rush nothing is taken away.
            Some(_) => self.wanted.max(rush),
            None => calm,
        };
        let asleep = now.saturating_sub(self.idle) > STABLE + LINGERS;
        if self.wanted == 0 && !asleep {
            self.wanted = 1;
        }
        let (_, target) = self.scale();
        self.at_least(target, now);
        if target < self.ready {
            self.ready = target;
            self.starting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: PodKind = PodKind { starts: Duration::from_secs(4), bears: 20.0 };
    const TICK: Duration = Duration::from_millis(100);

    /// Lets a revision bear a rate for some seconds.
    fn bear(pods: &mut ScaledPods, from: u64, seconds: u64, rate: u64) {
        for tick in 0..seconds * 10 {
            let now = Duration::from_secs(from) + TICK * u32::try_from(tick).unwrap();
            pods.tick(now, now + TICK, rate / 10, Duration::from_secs(15));
        }
    }

    fn settled(rate: f64) -> ScaledPods {
        ScaledPods::settled(KIND, Duration::from_millis(100), rate)
    }

    #[test]
    fn a_steady_rate_keeps_its_pods_and_waits_for_none() {
        let mut pods = settled(40.0);
        assert_eq!(pods.scale(), (3, 3), "2.9 of 14 requests a second each");
        bear(&mut pods, 0, 120, 40);
        assert_eq!((pods.scale(), pods.waits().0), ((3, 3), 0));
    }

    #[test]
    fn a_rush_onto_one_pod_waits_until_others_have_started() {
        let mut pods = settled(0.0);
        bear(&mut pods, 0, 30, 40);
        let (waited, longest) = pods.waits();
        assert!(pods.scale().0 >= 3 && (100..600).contains(&waited), "{waited} of {:?}", pods.scale());
        assert!(longest > Duration::from_secs(2) && longest < Duration::from_secs(9), "{longest:?}");
        // With a floor first nobody waits.
        let mut pods = settled(0.0);
        pods.floor(3);
        bear(&mut pods, 0, 10, 0);
        assert_eq!(pods.scale(), (3, 3));
        bear(&mut pods, 10, 30, 40);
        assert_eq!(pods.waits().0, 0);
    }

    #[test]
    fn who_is_not_asked_sleeps_and_wakes_cold_unless_a_floor_holds_it() {
        let mut pods = settled(40.0);
        bear(&mut pods, 0, 150, 0);
        assert_eq!(pods.scale(), (0, 0));
        assert_eq!(pods.poke(Duration::from_secs(150)), KIND.starts);
        let mut warm = settled(40.0);
        warm.floor(3);
        bear(&mut warm, 0, 150, 0);
        assert_eq!(warm.scale(), (3, 3));
        bear(&mut warm, 150, 10, 40);
        assert_eq!(warm.waits().0, 0);
    }

    #[test]
    fn clients_give_up_where_no_pod_ever_comes() {
        let kind = PodKind { starts: Duration::from_secs(3600), ..KIND };
        let mut pods = ScaledPods::settled(kind, Duration::from_millis(100), 0.0);
        pods.ready = 0;
        bear(&mut pods, 0, 40, 10);
        assert!(pods.waits().0 >= 200, "{:?}", pods.waits());
    }
}
