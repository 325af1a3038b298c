//! What the record keeps of the evidence.

use crate::evidence::window::Memory;
use crate::evidence::{Rules, Sums, Table};
use serde::{Deserialize, Serialize};

/// Counters of many gateways with their histograms do not fit beside everything else: above so many bytes they are left
/// out, latency first.
const ROOM: usize = 9 * 1024;

/// The evidence as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The settings under which the sums were made ([`Rules::fingerprint`]).
    rules: String,
    /// The step that it stands at.
    pub(super) step: usize,
    /// The sums.
    pub(super) sums: Sums,
    /// The counters of the same instant; none: windows open anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counters: Option<Memory>,
    /// What it says, in words.
    pub said: String,
}

impl Saved {
    /// With as much of the counters as there is room for.
    pub(super) fn new(rules: &Rules, step: usize, sums: Sums, counters: Option<Memory>, said: String) -> Self {
        let mut saved = Self { rules: rules.fingerprint(), step, sums, counters, said };
        if saved.bytes() > ROOM {
            saved.counters = saved.counters.map(Memory::lighter);
        }
        if saved.bytes() > ROOM {
            saved.counters = None;
        }
        saved
    }

    fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }

    /// What was counted of both.
    pub fn counted(&self) -> Table {
        self.sums.counted()
    }

    /// With these counts alone and no settings: for tests of what reads records.
    pub fn of_counts(counts: Table) -> Self {
        Self { rules: String::new(), step: 0, sums: Sums::of_counts(counts), counters: None, said: String::new() }
    }

    /// True if the sums mean the same under these rules.
    pub(super) fn fits(&self, rules: &Rules) -> bool {
        self.rules == rules.fingerprint()
    }

    /// Without counters: what comes next opens new windows.
    #[must_use]
    pub fn without_counters(self) -> Self {
        Self { counters: None, ..self }
    }
}
