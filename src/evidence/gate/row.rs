//! All gates of a walk over time: which is asked when, and what their answers mean together.
//!
//! Decides that users go back when a gate failed so many times in a row or could not be asked so many times in a row, which
//! says nothing of the candidate, and that a step needs the last answer of every gate, given since the step began, to be a
//! pass. Depends on gates and time.

use super::{Gate, Judged, Measured};
use crate::model::event::Log;
use crate::model::event::Topic;
use crate::model::time::human;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How patient gates are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Patience {
    /// Time between two questions of one gate.
    #[serde(with = "human")]
    pub every: Duration,
    /// How many answers in a row must be wrong; at least 1.
    // One look at a threshold is wrong now and then with any release, and a rollout looks many times.
    pub failures: u32,
    /// How many questions in a row may go without a usable answer before users go back; at least 1.
    pub errors: u32,
}

/// The defaults of the command line.
impl Default for Patience {
    fn default() -> Self {
        Self { every: Duration::from_secs(10), failures: 3, errors: 6 }
    }
}

/// Why a gate sends users back, in a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateEnd {
    /// It answered, and not as was wanted: that is the candidate's.
    Failed(String),
    /// It could not be asked, which says nothing of the candidate.
    Unasked(String),
}

/// One gate's answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct GateState {
    asked: Option<Timestamp>,
    failures: u32,
    errors: u32,
    /// The last answer since the step began.
    last: Option<Judged>,
}

/// The gates of a walk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GateRow {
    gates: Vec<Gate>,
    patience: Patience,
    places: Vec<GateState>,
    out: Option<usize>,
    /// The question that is out was asked before the step was served.
    stale: bool,
}

impl GateRow {
    /// Gates that were not asked yet.
    pub fn new(gates: Vec<Gate>, patience: Patience) -> Self {
        let places = vec![GateState::default(); gates.len()];
        Self { gates, patience, places, out: None, stale: false }
    }

    /// True if each has answered at this step.
    pub fn have_answered(&self) -> bool {
        self.places.iter().all(|place| place.last.is_some())
    }

    /// A step begins: an answer from before it does not answer for it. Rows of failures go on.
    pub fn begin(&mut self) {
        for place in &mut self.places {
            place.last = None;
            place.asked = None;
        }
        self.stale = self.out.is_some();
    }

    /// The gate to ask now, if one is due and none is out.
    pub fn due(&self, now: Timestamp) -> Option<Gate> {
        self.first_due(now).and_then(|at| self.gates.get(at).cloned())
    }

    /// The gate that is due is asked now.
    pub fn asked(&mut self, now: Timestamp) {
        self.out = self.first_due(now);
        if let Some(place) = self.out.and_then(|at| self.places.get_mut(at)) {
            place.asked = Some(now);
        }
    }

    fn first_due(&self, now: Timestamp) -> Option<usize> {
        let due = |place: &GateState| self.moment(place).is_none_or(|moment| moment <= now);
        self.out.is_none().then(|| self.places.iter().position(due))?
    }

    /// When to ask next; none while one is out or due, or where there are no gates.
    pub fn next_moment(&self, now: Timestamp) -> Option<Timestamp> {
        if self.out.is_some() || self.first_due(now).is_some() {
            return None;
        }
        self.places.iter().filter_map(|place| self.moment(place)).min()
    }

    fn moment(&self, place: &GateState) -> Option<Timestamp> {
        place.asked.map(|asked| crate::model::time::after(asked, self.patience.every))
    }

    /// An answer to what is out. Each change of mind is a line, and each answer that is no pass.
    pub fn answered(&mut self, measured: &Measured, log: &mut Log) {
        let Some(at) = self.out.take() else { return };
        let stale = std::mem::take(&mut self.stale);
        let (Some(gate), Some(place)) = (self.gates.get(at), self.places.get_mut(at)) else { return };
        let judged = gate.judge(measured);
        // A pass from before the step says nothing of the step. A failure counts, because what was wrong before users came
        // is wrong with them, too.
        if stale && matches!(judged, Judged::Pass(_) | Judged::NoData(_)) {
            return;
        }
        match &judged {
            Judged::Pass(text) => {
                if !matches!(place.last, Some(Judged::Pass(_))) {
                    log.say(Topic::Check, format!("gate {text}"));
                }
                (place.failures, place.errors) = (0, 0);
            }
            Judged::Fail(text) => {
                log.say(Topic::Check, format!("gate {text}: failed"));
                place.failures = place.failures.saturating_add(1);
                place.errors = 0;
            }
            Judged::NoData(text) => {
                log.once(Topic::Wait, format!("gate {text}"));
                // It answered, which ends a row of errors. It did not pass, so a row of failures goes on.
                place.errors = 0;
            }
            Judged::Error(text) => {
                log.once(Topic::Wait, format!("gate {text}"));
                place.errors = place.errors.saturating_add(1);
            }
        }
        place.last = Some(judged);
    }

    /// Why users go back, if they must. What a gate says comes before what another one could not be asked.
    pub fn failed(&self) -> Option<GateEnd> {
        let said = self.places.iter().find_map(|place| match &place.last {
            Some(Judged::Fail(text)) if place.failures >= self.patience.failures => {
                let times =
                    if place.failures > 1 { format!(" ({} times in a row)", place.failures) } else { String::new() };
                Some(GateEnd::Failed(format!("gate {text}{times}")))
            }
            _ => None,
        });
        said.or_else(|| self.places.iter().find_map(|place| self.unasked(place)))
    }

    fn unasked(&self, place: &GateState) -> Option<GateEnd> {
        match &place.last {
            Some(Judged::Error(text)) if place.errors >= self.patience.errors => {
                let times = match place.errors {
                    1 => String::new(),
                    errors => format!(" {errors} times in a row"),
                };
                Some(GateEnd::Unasked(format!("gate {text}; it could not be asked{times}")))
            }
            _ => None,
        }
    }

    /// What a step still waits for; none if every gate passes.
    pub fn missing(&self) -> Option<String> {
        self.gates.iter().zip(&self.places).find_map(|(gate, place)| match &place.last {
            Some(Judged::Pass(_)) => None,
            Some(Judged::Fail(text) | Judged::NoData(text) | Judged::Error(text)) => Some(format!("gate {text}")),
            None => Some(format!("gate {} has not been asked at this step yet", gate.name)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Measured::{Nothing, Number, Unanswered};

    fn row(texts: &[&str], failures: u32, errors: u32) -> GateRow {
        let patience = Patience { every: Duration::from_secs(10), failures, errors };
        GateRow::new(texts.iter().map(|t| t.parse().unwrap()).collect(), patience)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failed(text: &str) -> GateEnd {
        GateEnd::Failed(text.into())
    }

    fn unasked(text: &str) -> GateEnd {
        GateEnd::Unasked(text.into())
    }

    /// Asks whatever is due at a second and answers it; the lines.
    fn play(row: &mut GateRow, second: i64, measured: Measured) -> Vec<String> {
        let mut log = Log::default();
        row.due(at(second)).unwrap_or_else(|| panic!("nothing is due at {second}"));
        row.asked(at(second));
        row.answered(&measured, &mut log);
        log.take().into_iter().map(|said| said.text).collect()
    }

    #[test]
    fn one_is_out_at_a_time_and_each_in_its_turn() {
        let mut row = row(&["a: promql x < 1", "b: promql y < 1"], 1, 3);
        assert_eq!(row.due(at(0)).unwrap().name, "a");
        assert_eq!(row.due(at(0)).unwrap().name, "a", "asked twice, the same answer");
        row.asked(at(0));
        assert_eq!((row.due(at(0)), row.next_moment(at(0))), (None, None));
        row.answered(&Number(0.0), &mut Log::default());
        assert_eq!(row.due(at(0)).unwrap().name, "b");
        row.asked(at(0));
        row.answered(&Number(0.0), &mut Log::default());
        assert_eq!((row.due(at(9)), row.next_moment(at(9))), (None, Some(at(10))));
        assert_eq!(row.missing(), None);
        row.begin();
        assert_eq!(row.missing().unwrap(), "gate a has not been asked at this step yet");
        assert!(row.due(at(9)).is_some());
        row.asked(at(9));
        // An answer to a question of the step before is none to this one.
        row.begin();
        row.answered(&Number(0.0), &mut Log::default());
        assert_eq!(row.missing().unwrap(), "gate a has not been asked at this step yet");
        assert!(row.due(at(9)).is_some());
        row.asked(at(9));
        // But what is wrong counts from the start.
        row.begin();
        row.answered(&Number(2.0), &mut Log::default());
        assert_eq!(row.failed().unwrap(), failed("gate a: 2, wanted < 1"));
    }

    #[test]
    fn so_many_failures_in_a_row_send_users_back() {
        let mut row = row(&["a: promql x < 1"], 2, 3);
        assert_eq!(play(&mut row, 0, Number(2.0)), ["gate a: 2, wanted < 1: failed"]);
        assert_eq!(row.failed(), None);
        assert_eq!(row.missing().unwrap(), "gate a: 2, wanted < 1");
        assert_eq!(play(&mut row, 10, Number(0.5)), ["gate a: 0.5, wanted < 1"]);
        assert_eq!(play(&mut row, 20, Number(0.4)), Vec::<String>::new());
        play(&mut row, 30, Number(2.0));
        row.begin();
        play(&mut row, 40, Number(3.0));
        assert_eq!(row.failed().unwrap(), failed("gate a: 3, wanted < 1 (2 times in a row)"));
    }

    #[test]
    fn no_data_waits_and_errors_have_a_budget() {
        let mut row = row(&["a: promql x < 1"], 1, 3);
        for n in 0..50 {
            play(&mut row, n * 10, if n % 2 == 0 { Nothing("no series".into()) } else { Number(f64::NAN) });
            assert_eq!(row.failed(), None);
            assert!(row.missing().is_some());
        }
        for n in 50..53 {
            assert_eq!(row.failed(), None);
            play(&mut row, n * 10, Unanswered("timed out".into()));
        }
        assert_eq!(row.failed().unwrap(), unasked("gate a: timed out; it could not be asked 3 times in a row"));
    }

    #[test]
    fn what_a_gate_says_comes_before_what_another_could_not_be_asked() {
        let mut row = row(&["a: promql x < 1", "b: promql y < 1"], 1, 1);
        play(&mut row, 0, Unanswered("timed out".into()));
        assert_eq!(row.failed().unwrap(), unasked("gate a: timed out; it could not be asked"));
        play(&mut row, 0, Number(2.0));
        assert_eq!(row.failed().unwrap(), failed("gate b: 2, wanted < 1"));
    }

    #[test]
    fn without_gates_nothing_is_asked_and_nothing_is_missing() {
        let row = row(&[], 1, 1);
        assert!(row.have_answered() && row.due(at(0)).is_none() && row.missing().is_none() && row.failed().is_none());
        assert_eq!(row.next_moment(at(0)), None);
    }
}
