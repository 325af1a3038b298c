//! The gateway's counters, as one process reads them: what users did until now, reckoned from what they got when.

use super::image::Behaviour;
use super::state::State;
use super::story::{Gated, Served};
use super::time::SimClock;
use super::world::World;
use andante::evidence::compare::{CompareRow, CounterSeries, RowTally};
use andante::evidence::gate::{Gate, Measured};
use andante::evidence::reading::{Arms, Counters, NoReading, Pair, Reading};
use andante::run::ports::Source;
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::sleep;

/// Users' requests a second, over all revisions.
pub(crate) const RATE: f64 = 50.0;

/// When a revision's requests go wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    Well,
    /// Answers of 500 from then on.
    Badly(Duration),
    /// No answer from then on.
    Silent(Duration),
}

/// One process's way to the gateway.
pub(crate) struct SimSource {
    world: World,
    run: String,
    rng: RefCell<fastrand::Rng>,
    clock: SimClock,
    /// The gateway has restarted at these times.
    restarts: Vec<Duration>,
    /// How many readings in a hundred fail.
    failing: u8,
}

impl SimSource {
    /// A gateway that restarts now and then, and does not always answer; `calm`: it never does either.
    pub(crate) fn new(world: &World, run: &str, seed: u64, calm: bool, clock: &SimClock) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        // The same for every process of a story.
        let restarts = (0..if calm { 0 } else { rng.usize(0..3) }).map(|_| Duration::from_secs(rng.u64(20..200)));
        let restarts = restarts.collect();
        Self {
            world: world.clone(),
            run: run.to_owned(),
            rng: RefCell::new(rng),
            clock: clock.clone(),
            restarts,
            failing: if calm { 0 } else { 8 },
        }
    }
}

/// Requests that users sent to a revision between two moments.
pub(crate) fn requests(served: &[Served], name: &str, from: Duration, to: Duration) -> f64 {
    let ends = served.iter().skip(1).map(|s| s.at).chain([Duration::MAX]);
    let spans = served.iter().zip(ends).map(|(s, end)| {
        let (begin, end) = (s.at.max(from), end.min(to));
        let share: i64 = s.split.iter().filter(|(n, _)| n == name).map(|(_, p)| p).sum();
        end.saturating_sub(begin).as_secs_f64() * RATE * f64::from(i32::try_from(share).unwrap()) / 100.0
    });
    spans.sum()
}

fn goes(state: &State, name: &str) -> Goes {
    // A gateway does not forget what it counted when a revision is deleted.
    let revision = state.revisions.get(name).or_else(|| state.buried.get(name));
    let since = revision.and_then(|r| r.ready_at);
    match (revision.map(|r| r.behaviour), since) {
        (Some(Behaviour::AnswersBadly { later, .. }), Some(at)) => Goes::Badly(at + later),
        (Some(Behaviour::CrashesLater { later, .. }), Some(at)) => Goes::Silent(at + later),
        _ => Goes::Well,
    }
}

/// What the gateway has counted of a revision since it last started; none: it never heard of it.
fn counters(state: &State, name: &str, since: Duration) -> Option<Counters> {
    let (served, now) = (&state.log.served, state.now());
    let known = served.iter().any(|s| s.split.iter().any(|(n, _)| n == name));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of a story are small")]
    let whole = |n: f64| n.max(0.0) as u64;
    let until = |to: Duration| whole(requests(served, name, since, to.min(now)));
    let sent = until(now);
    let (completed, failed) = match goes(state, name) {
        Goes::Well => (sent, 0),
        Goes::Badly(at) => (sent, sent - until(at)),
        Goes::Silent(at) => (until(at), 0),
    };
    known.then_some(Counters { sent: Some(sent), active: Some(0), completed, failed, ..Counters::default() })
}

impl SimSource {
    /// Takes a while; true if nobody answers.
    async fn fails(&self) -> bool {
        let (wait, fails) = {
            let mut rng = self.rng.borrow_mut();
            (Duration::from_millis(rng.u64(5..300)), rng.u8(..100) < self.failing)
        };
        sleep(wait).await;
        fails
    }
}

impl Source for SimSource {
    async fn read(&self, arms: &Arms) -> Result<Reading, NoReading> {
        if self.fails().await {
            return Err(NoReading::Unreachable { from: "the gateway".into(), text: "connection refused".into() });
        }
        let at = andante::run::ports::Clock::now(&self.clock);
        let pair = self.world.with(|s| {
            let now = s.now();
            let since = self.restarts.iter().filter(|r| **r <= now).max().copied().unwrap_or_default();
            let of = |name: &str| counters(s, name, since);
            Pair { stable: of(arms.stable.as_str()), candidate: of(arms.candidate.as_str()) }
        });
        Ok(Reading { at, strata: [("gateway".to_owned(), pair)].into() })
    }

    /// One process of each revision, which counts what users did until now.
    async fn count(&self, _: &CompareRow, arms: &Arms) -> Result<RowTally, String> {
        if self.fails().await {
            return Err("connection refused".to_owned());
        }
        Ok(self.world.with(|s| {
            let at = i64::try_from(s.now().as_millis()).unwrap();
            let since = self.restarts.iter().filter(|r| **r <= s.now()).max().copied().unwrap_or_default();
            let mut series = Vec::new();
            for (name, candidate) in [(arms.stable.as_str(), false), (arms.candidate.as_str(), true)] {
                let Some(counters) = counters(s, name, since) else { continue };
                for (total, count) in [(true, counters.completed), (false, counters.failed)] {
                    let (id, process) = (u64::from(candidate), u64::from(candidate));
                    series.push(CounterSeries {
                        candidate,
                        total,
                        name: name.to_owned(),
                        id,
                        process,
                        count,
                        sampled: at,
                    });
                }
            }
            RowTally { at, series }
        }))
    }

    /// Whether the candidate's requests go wrong at this moment, as a number.
    async fn measure(&self, _: &Gate, arms: &Arms) -> Measured {
        let asked = self.world.with(|s| s.now());
        let fails = self.fails().await;
        self.world.with(|s| {
            let at = s.now();
            let well = match goes(s, arms.candidate.as_str()) {
                Goes::Well => true,
                Goes::Badly(from) | Goes::Silent(from) => at < from,
            };
            s.log.gates.push(Gated { asked, at, by: self.run.clone(), passes: well && !fails });
            match (fails, well) {
                (true, _) => Measured::Unanswered("connection refused".into()),
                (_, true) => Measured::Number(0.0),
                (_, false) => Measured::Number(1.0),
            }
        })
    }
}
