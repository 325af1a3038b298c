//! What is broken, as `andante rehearse` is told it, what is promised there, and what it came to before the judge knew of it.

#[path = "bad.rs"]
mod bad;
#[path = "equal.rs"]
mod equal;
#[path = "plain.rs"]
mod plain;

use bad::{LATE, SLOW_BAD, STRANGERS, TIMES, WAITING};
use equal::{INCIDENTS, KEPT, OBJECTIVE, PODS, SLOW_GOOD, TOGETHER};
use plain::NOTHING;

/// What is promised of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// The releases are equal: at most 1 % of them go back by the comparison (2 % where the walk's process dies).
    NoWorse,
    /// The same, and at most 1 % by the objective.
    Blameless,
    /// The candidate is materially worse: promoted at most 5 % of the time.
    Worse,
    /// Nothing; why not.
    Nothing(&'static str),
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// What is broken, or how the candidate differs.
    pub(crate) what: &'static str,
    /// The flags of `andante rehearse`.
    pub(crate) flags: &'static str,
    pub(crate) promise: Promise,
    /// What the judge of before did, and in how many runs.
    pub(crate) before: &'static str,
    /// How many runs it gets where `ANDANTE_RUNS` is 20,000.
    pub(crate) runs: u32,
}

const fn row(what: &'static str, flags: &'static str, promise: Promise, before: &'static str, runs: u32) -> Row {
    Row { what, flags, promise, before, runs }
}

/// The rows: the name that `ANDANTE_ROWS` chooses them by, and their heading.
pub(crate) const GROUPS: [(&str, &str, &[Row]); 12] = [
    ("nothing", "Nothing is broken, and plain faults", &NOTHING),
    ("waiting", "Requests that are never answered", &WAITING),
    ("slow-bad", "Failures of both are time-outs", &SLOW_BAD),
    ("slow-good", "Good answers take long, failures come at once; streams", &SLOW_GOOD),
    ("incidents", "Incidents that hit both, and counters that are old", &INCIDENTS),
    ("kept", "Incidents while stable is kept in the bake, and of the bake", &KEPT),
    ("objective", "Stable misses its objective", &OBJECTIVE),
    ("together", "Failures that come together", &TOGETHER),
    ("pods", "Pods that fall ill, pods that come late", &PODS),
    ("strangers", "Others at the candidate's own address", &STRANGERS),
    ("late", "Faults that are not there all the time", &LATE),
    ("times", "Slow answers, the last step but one, and a source that tells nothing", &TIMES),
];
