//! Users and the gateway that counts them, without chance: parts of sent add up until they are whole.

use andante::evidence::classes::{Classes, StatusClass};
use andante::evidence::compare::{CounterSeries, RowTally};
use andante::evidence::reading::{Arms, Counters, INFINITE, NoReading, Pair, Reading};
use andante::model::observed::Served;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Edges of the gateway's histogram in milliseconds.
const EDGES: [f64; 6] = [10.0, 25.0, 50.0, 100.0, 250.0, 500.0];

/// What one revision's sent are like, and how many there were.
#[derive(Debug, Clone)]
struct Requests {
    fails: f64,
    milliseconds: f64,
    sent: f64,
    failures: f64,
    /// Answers at or below each edge.
    below: [f64; 6],
    /// They are never answered.
    hangs: bool,
    lost: f64,
    /// The part of them that is kept waiting, and how many are.
    keeps: f64,
    waiting: f64,
    /// What part of them is an order that comes to nothing, and how many did; none: it counts no orders at all.
    loses: Option<f64>,
    bad_orders: f64,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            fails: 0.0,
            milliseconds: 20.0,
            sent: 0.0,
            failures: 0.0,
            below: [0.0; 6],
            hangs: false,
            lost: 0.0,
            keeps: 0.0,
            waiting: 0.0,
            loses: Some(0.0),
            bad_orders: 0.0,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Users {
    /// Requests a second, over all revisions.
    pub(crate) rate: f64,
    /// How the counters are: `answer`, `silent`, `forbidden`, `misnamed` (a setting does not fit), `classes` (by class), `old` (what was told last is told again), `doubled` (somebody
    /// asks the candidate's own address too), or `watched` (somebody asks it once a second and gets failures).
    pub(crate) how: String,
    /// What was told last.
    last: Option<Reading>,
    /// Gateways that ended.
    ended: u32,
    revisions: BTreeMap<String, Requests>,
}

impl Users {
    /// `hello-2 fails 5%`, or `hello-2 fails silently`.
    pub(crate) fn fails(&mut self, name: &str, part: &str) {
        let served = self.revisions.entry(name.to_owned()).or_default();
        served.hangs = part == "silently";
        if let Some(percent) = part.strip_suffix('%') {
            served.fails = percent.parse::<f64>().unwrap() / 100.0;
        }
    }

    /// `hello-2 keeps 1%` of its requests waiting.
    pub(crate) fn keeps(&mut self, name: &str, part: &str) {
        let percent = part.strip_suffix('%').unwrap().parse::<f64>().unwrap();
        self.revisions.entry(name.to_owned()).or_default().keeps = percent / 100.0;
    }

    /// The gateway ends with all that it counted, and another begins.
    pub(crate) fn end_gateway(&mut self) {
        self.ended += 1;
        for served in self.revisions.values_mut() {
            (served.sent, served.failures, served.lost, served.waiting) = (0.0, 0.0, 0.0, 0.0);
            served.below = [0.0; 6];
        }
    }

    /// `hello-2 loses 8%` of its orders, or `hello-2 loses sight` of them.
    pub(crate) fn loses(&mut self, name: &str, part: &str) {
        let percent = part.strip_suffix('%').map(|percent| percent.parse::<f64>().unwrap() / 100.0);
        self.revisions.entry(name.to_owned()).or_default().loses = percent;
    }

    /// The orders of both, as one process of each counts them.
    pub(crate) fn compared(&self, arms: &Arms, at: Timestamp) -> Result<RowTally, String> {
        if self.how == "silent" {
            return Err("no answer from Prometheus: connection refused".into());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of a script are small")]
        let whole = |n: f64| (n + 1e-6) as u64;
        let mut series = Vec::new();
        for (revision, candidate) in [(&arms.stable, false), (&arms.candidate, true)] {
            let Some(served) = self.revisions.get(revision.as_str()).filter(|served| served.loses.is_some()) else {
                continue;
            };
            for (total, count) in [(true, whole(served.sent)), (false, whole(served.bad_orders))] {
                let (id, process) = (u64::from(candidate), u64::from(candidate));
                let (name, sampled) = ("orders".to_owned(), at.as_millisecond());
                series.push(CounterSeries { candidate, total, name, id, process, count, sampled });
            }
        }
        Ok(RowTally { at: at.as_millisecond(), series })
    }

    /// `hello-2 takes 200ms`.
    pub(crate) fn takes(&mut self, name: &str, time: &str) {
        let time = humantime::parse_duration(time).unwrap();
        self.revisions.entry(name.to_owned()).or_default().milliseconds = time.as_secs_f64() * 1000.0;
    }

    /// Users come for so many seconds, to the revisions that are served.
    pub(crate) fn come(&mut self, seconds: f64, served: &[Served]) {
        for target in served {
            let Some(name) = &target.revision_name else { continue };
            let more = self.rate * seconds * f64::from(u8::try_from(target.percent).unwrap()) / 100.0;
            let asked = self.how == "doubled" && target.tag.as_deref() == Some("candidate");
            let beside = if asked { self.rate * seconds / 10.0 } else { 0.0 };
            let watched = self.how == "watched" && target.tag.as_deref() == Some("candidate");
            let unlucky = if watched { seconds } else { 0.0 };
            let served = self.revisions.entry(name.clone()).or_default();
            served.sent += more + beside + unlucky;
            served.waiting += more * served.keeps;
            if served.hangs {
                served.lost += more;
                continue;
            }
            served.bad_orders += more * served.loses.unwrap_or_default();
            served.failures += more * served.fails + unlucky;
            for (below, edge) in served.below.iter_mut().zip(EDGES) {
                // Half of the answers take half the time.
                let quick = if served.milliseconds / 2.0 <= edge { 0.5 } else { 0.0 };
                let slow = if served.milliseconds <= edge { 0.5 } else { 0.0 };
                *below += (more + beside) * (quick + slow);
            }
        }
    }

    /// What the gateway says of both.
    pub(crate) fn counted(&mut self, arms: &Arms, at: Timestamp) -> Result<Reading, NoReading> {
        match self.how.as_str() {
            "silent" => Err(NoReading::Unreachable { from: "the gateway".into(), text: "connection refused".into() }),
            "forbidden" => Err(NoReading::Forbidden("list endpointslices in kourier-system".into())),
            "misnamed" => {
                Err(NoReading::Setting("edge: no sample of rq has the label \"kode\"; they have code".into()))
            }
            "old" => Ok(self.last.clone().expect("it told something before")),
            _ => {
                let pair = Pair {
                    stable: self.counters(arms.stable.as_str()),
                    candidate: self.counters(arms.candidate.as_str()),
                };
                let gateway = format!("gateway-{}", self.ended + 1);
                let reading = Reading { at, strata: [(gateway, pair)].into() };
                self.last = Some(reading.clone());
                Ok(reading)
            }
        }
    }

    fn counters(&self, name: &str) -> Option<Counters> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of a script are small")]
        let whole = |n: f64| (n + 1e-6) as u64;
        let served = self.revisions.get(name)?;
        let waiting = whole(served.waiting);
        let completed = whole(served.sent) - whole(served.lost) - waiting;
        let mut latency: Vec<_> = EDGES
            .into_iter()
            .zip(served.below)
            .map(|(edge, n)| (whole(edge * 1000.0), whole(n).min(completed)))
            .collect();
        latency.push((INFINITE, completed));
        let classes = (self.how == "classes").then(|| by_class(completed, whole(served.failures)));
        Some(Counters {
            sent: Some(whole(served.sent)),
            active: Some(waiting),
            completed,
            untold: 0,
            failed: whole(served.failures),
            classes,
            statuses: classes.map(|classes| classes.compared()),
            latency: Some(latency),
        })
    }
}

/// Good answers and failures.
fn by_class(completed: u64, failed: u64) -> Classes {
    let mut classes = Classes::default();
    classes.add(StatusClass::Of(2), completed - failed);
    classes.add(StatusClass::Of(5), failed);
    classes
}
