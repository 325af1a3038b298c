//! What the record keeps of the evidence: sums, and the counters of the same instant.
//!
//! Decides what is left out where there is no room. Both are saved together, because the window between the counters and
//! the next reading is what came since the sums were made: after a crash nothing is counted twice, and nothing is lost.
//! Depends on the sums and serde.

use crate::evidence::window::Memory;
use crate::evidence::{Missed, Rules, Sums, Table};
use serde::{Deserialize, Serialize};

/// Counters of many gateways with their histograms do not fit beside everything else: above so many bytes they are left
/// out, latency first.
// Of the 16 KiB that a record may have; the split, the plan and rejected candidates need the rest.
const ROOM: usize = 9 * 1024;

/// What there was no room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LeftOut {
    /// Nothing was left out.
    #[default]
    Nothing,
    /// Histograms of the counters.
    Latency,
    /// The counters.
    Counters,
    /// The evidence.
    All,
}

impl LeftOut {
    /// What it costs, for the log.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Latency => {
                Some("no room in the record for histograms: after a crash one window says nothing of latency")
            }
            Self::Counters => Some("no room in the record for counters: after a crash windows open anew"),
            Self::All => Some("no room in the record for the evidence: after a crash it begins anew"),
        }
    }
}

/// The evidence as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The settings under which the sums were made ([`Rules::fingerprint`]).
    rules: String,
    /// The step that it stands at.
    pub(crate) step: usize,
    /// The sums.
    pub(crate) sums: Sums,
    /// The counters of the same instant; none: windows open anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counters: Option<Memory>,
    /// The counters are from before the step was served, so the window that they open is of two splits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) mixed: bool,
    /// What it says, in words.
    pub said: String,
    /// What there was no room for.
    #[serde(skip)]
    pub left_out: LeftOut,
}

impl Saved {
    /// With as much of the counters as there is room for.
    pub(crate) fn new(rules: &Rules, step: usize, sums: Sums, counters: Option<Memory>, said: String) -> Self {
        let left_out = LeftOut::Nothing;
        let mut saved = Self { rules: rules.fingerprint(), step, sums, counters, mixed: false, said, left_out };
        if saved.counters.is_some() && saved.bytes() > ROOM {
            saved.counters = saved.counters.map(Memory::lighter);
            saved.left_out = LeftOut::Latency;
        }
        if saved.counters.is_some() && saved.bytes() > ROOM {
            saved = Self { left_out: LeftOut::Counters, ..saved.without_counters() };
        }
        saved
    }

    fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }

    /// What was counted of both in windows that were judged: of a served split, when requests from before it had ended.
    pub fn counted(&self) -> Table {
        self.sums.counted()
    }

    /// What stable misses of the objectives, by what was counted before anyone was moved or from there on.
    pub fn missed(&self) -> Option<&Missed> {
        self.sums.missed()
    }

    /// With these counts alone: for tests of what reads records.
    pub fn of_counts(counts: Table) -> Self {
        Self::new(&Rules::default(), 0, Sums::of_counts(counts), None, String::new())
    }

    /// True if no window was judged.
    pub(crate) fn is_nothing_yet(&self) -> bool {
        let nothing = [self.counted(), self.sums.between()] == [Table::default(); 2];
        self.counters.is_none() && nothing
    }

    /// True if the sums mean the same under these rules.
    pub(crate) fn fits(&self, rules: &Rules) -> bool {
        self.rules == rules.fingerprint()
    }

    /// Told whether its counters are of before the step was served.
    #[must_use]
    pub(crate) fn mixed(self, mixed: bool) -> Self {
        Self { mixed, ..self }
    }

    /// What stable missed of the objectives before anyone was moved, as far as it misses them by these rules.
    pub(crate) fn missed_under(&self, rules: &Rules) -> Option<Missed> {
        let missed = self.missed()?;
        if self.fits(rules) { Some(*missed) } else { missed.under(rules) }
    }

    /// Of these sums only what was seen before anyone was moved, for evidence that begins anew under these rules: who else asks
    /// the candidate, and what stable missed; none if that is nothing.
    pub(crate) fn before(&self, rules: &Rules) -> Option<Self> {
        let (strangers, missed) = (self.sums.strangers(), self.missed_under(rules));
        if strangers.is_none() && missed.is_none() {
            return None;
        }
        let mut sums = Sums::new(rules);
        sums.watched(self.sums.strays());
        if let Some(strangers) = strangers {
            sums.meet(strangers.anew());
        }
        if let Some(missed) = missed {
            sums.misses(missed);
        }
        Some(Self::new(rules, self.step, sums, None, "nothing counted yet".to_owned()))
    }

    /// Without counters: what comes next opens new windows.
    #[must_use]
    pub fn without_counters(mut self) -> Self {
        if let Some(counters) = self.counters.take() {
            self.sums.forgets(counters.hang_unseen());
        }
        Self { left_out: LeftOut::Nothing, ..self }
    }
}
