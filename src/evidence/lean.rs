//! Has the evidence against the candidate just grown? Then no last step is taken for a few windows.
//!
//! A fault that has just begun stays unproved for a few windows, and after the last step there is nothing to compare with.
//! Decides how long. Depends on serde only.

use serde::{Deserialize, Serialize};

/// So many windows that were judged.
// Of healthy releases none waits a second longer on the average, since their evidence seldom grows beyond what nothing says.
// Were it to fall first, one stray failure beside a stable that never fails would keep a release back for good.
const WINDOWS: u8 = 3;

/// How many windows more there are to wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Lean(u8);

impl Lean {
    /// A window was judged: `ln E` of the comparison before it and with it.
    pub(super) fn look(&mut self, before: f64, now: f64) {
        self.0 = if now > before.max(0.0) { WINDOWS } else { self.0.saturating_sub(1) };
    }

    /// Nothing to wait for.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    pub(super) fn is_none(&self) -> bool {
        self.0 == 0
    }
}
