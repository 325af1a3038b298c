//! A record that does not fit: decides what is left out, in which order. It may use the record.

use super::{BadRecord, Record};
use crate::evidence::LeftOut;

impl Record {
    /// The same with as much of the evidence as there is room for, and what was left out. A rollout without saved evidence
    /// goes on, because only a crash would miss it; a record that is refused would end the rollout.
    #[must_use]
    pub fn fitting(mut self) -> (Self, LeftOut) {
        let too_large = |record: &Self| matches!(record.to_text(), Err(BadRecord::TooLarge(_)));
        // Counters go first: without them the next window opens anew, without the sums all that was learned is gone.
        let mut left_out = self.evidence.as_ref().map(|saved| saved.left_out).unwrap_or_default();
        if self.compared.is_some() && too_large(&self) {
            self.compared = self.compared.map(|kept| Box::new(kept.without_counters()));
            left_out = LeftOut::Counters;
        }
        if self.evidence.is_some() && too_large(&self) {
            self.evidence = self.evidence.map(|saved| Box::new(saved.without_counters()));
            left_out = LeftOut::Counters;
        }
        if (self.evidence.is_some() || self.compared.is_some()) && too_large(&self) {
            (self.evidence, self.compared, left_out) = (None, None, LeftOut::All);
        }
        (self, left_out)
    }

    /// The same with what no later process can do without, for an object that has no room for more. What only helps to
    /// explain or to go on goes, the list of rejected candidates too, because users come before memory.
    // All of it at once: Knative copies the annotations to the Configuration, the Route and the Ingress, and adds up to
    // half a kilobyte of its own, so a record that barely fits on the Service would keep the split from being served.
    #[must_use]
    pub fn least(self) -> Self {
        Self {
            evidence: None,
            compared: None,
            plan: None,
            approval_since: None,
            image: None,
            template: None,
            left_out: Vec::new(),
            rejected: Vec::new(),
            reason: None,
            ..self
        }
    }
}
