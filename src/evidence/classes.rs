//! Answers by the class of their status, as a source tells them: `990 2xx, 10 5xx`.
//!
//! Decides which status is a failure: 5xx, none at all (`0` where the answer never came, as Istio writes it, or an empty
//! label), and a number that is no status, which a client has to take for a 5xx (RFC 9110, section 15). What is no number
//! and no class is another label's value, so it is nobody's answer. A 4xx is no failure: it is compared by itself
//! ([`super::statuses`]), and so are gRPC calls, which are told by a status of their own. Depends on the latter.

use super::grpc::{GrpcCalls, GrpcStatus};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// The class of one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusClass {
    /// No status, or a number that is none.
    None,
    /// The first digit of a status, from 1 to 5.
    Of(u8),
}

/// Answers of one arm by class. Cumulative, as the other counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Classes {
    /// Those without a class first, then 1xx to 5xx.
    of: [u64; 6],
    /// Those among them that are gRPC calls, if there are any.
    grpc: Option<GrpcCalls>,
}

/// What is compared of one arm's answers beside failures. Cumulative, as the other counters; small, because it stands in the
/// record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCounts {
    /// Answers with a 4xx, and gRPC calls with a status that means the same.
    #[serde(rename = "c")]
    pub client_errors: u64,
    /// gRPC calls that the server failed; none where the source tells of no such call.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub grpc_failed: Option<u64>,
}

impl StatusCounts {
    /// True if a count is below what it was.
    pub(super) fn fell(self, before: Self) -> bool {
        let grpc = self.grpc_failed.zip(before.grpc_failed).is_some_and(|(now, before)| now < before);
        self.client_errors < before.client_errors || grpc
    }

    /// What came since `before`, which is nothing for a process that has just begun, or where no such answer had come yet; of
    /// each at most so many.
    #[must_use]
    pub(super) fn since(self, before: Option<Self>, most: u64) -> Self {
        let before = before.unwrap_or_default();
        let grown = |now: u64, before: u64| now.saturating_sub(before).min(most);
        Self {
            client_errors: grown(self.client_errors, before.client_errors),
            grpc_failed: self.grpc_failed.map(|now| grown(now, before.grpc_failed.unwrap_or_default())),
        }
    }

    /// Both added.
    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        let grpc = [self.grpc_failed, other.grpc_failed].into_iter().flatten().reduce(u64::saturating_add);
        Self { client_errors: self.client_errors.saturating_add(other.client_errors), grpc_failed: grpc }
    }
}

impl StatusClass {
    /// Of what a label says: `2`, `2xx` or `200`; none if that is neither a status nor a class.
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(['x', 'X']);
        // HAProxy's name for answers without a status that it knows.
        if text.is_empty() || text == "other" {
            return Some(Self::None);
        }
        if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
            return None;
        }
        let is_whole = text.len() == 3 || text.len() == 1;
        match digits.as_bytes() {
            [first @ b'1'..=b'5', ..] if is_whole => Some(Self::Of(first - b'0')),
            _ => Some(Self::None),
        }
    }

    /// True if it is neither a failure nor the client's mistake.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Of(1..=3))
    }

    fn place(self) -> usize {
        match self {
            Self::None => 0,
            Self::Of(digit) => usize::from(digit.min(5)),
        }
    }
}

impl Classes {
    /// So many more of this class.
    pub fn add(&mut self, class: StatusClass, count: u64) {
        if let Some(sum) = self.of.get_mut(class.place()) {
            *sum = sum.saturating_add(count);
        }
    }

    /// So many more gRPC calls of this status; they are told apart from the answers that carry them.
    pub fn add_call(&mut self, status: GrpcStatus, count: u64) {
        self.grpc.get_or_insert_default().add(status, count);
    }

    /// gRPC calls by their status; none if there are none.
    pub fn calls(&self) -> Option<GrpcCalls> {
        self.grpc
    }

    /// What is compared of them beside failures.
    pub fn compared(&self) -> StatusCounts {
        let [.., fours, _] = self.of;
        let calls = self.grpc.map_or(0, |calls| calls.client_errors());
        StatusCounts { client_errors: fours.saturating_add(calls), grpc_failed: self.grpc.map(|calls| calls.failed()) }
    }

    /// All answers.
    pub fn all(&self) -> u64 {
        self.of.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Those that are failures.
    pub fn failed(&self) -> u64 {
        let [none, .., fives] = self.of;
        none.saturating_add(fives)
    }

    /// Both added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let mut of = self.of;
        of.iter_mut().zip(other.of).for_each(|(sum, n)| *sum = sum.saturating_add(n));
        Self { of, grpc: [self.grpc, other.grpc].into_iter().flatten().reduce(GrpcCalls::plus) }
    }

    /// What came since `before`; all of it where a count fell, because the process began anew then.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let calls = self.grpc.map(|calls| calls.since(before.grpc.unwrap_or_default()));
        if calls == Some(None) || self.of.iter().zip(before.of).any(|(now, before)| *now < before) {
            return self;
        }
        let mut of = self.of;
        of.iter_mut().zip(before.of).for_each(|(now, before)| *now -= before);
        Self { of, grpc: calls.flatten() }
    }

    /// `990 2xx, 10 5xx`; what is nothing is left out.
    pub fn words(&self) -> String {
        let [none, ones, twos, threes, fours, fives] = self.of;
        let named =
            [(ones, "1xx"), (twos, "2xx"), (threes, "3xx"), (fours, "4xx"), (fives, "5xx"), (none, "without a status")];
        let mut text = String::new();
        for (count, name) in named.into_iter().filter(|(count, _)| *count > 0) {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{count} {name}");
        }
        if text.is_empty() { "no answer".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_each_of_its_forms_and_what_is_none_is_nobodys() {
        for (text, class) in [
            ("200", Some(StatusClass::Of(2))),
            ("2xx", Some(StatusClass::Of(2))),
            ("5XX", Some(StatusClass::Of(5))),
            ("5", Some(StatusClass::Of(5))),
            ("101", Some(StatusClass::Of(1))),
            ("", Some(StatusClass::None)),
            ("0", Some(StatusClass::None)),
            ("000", Some(StatusClass::None)),
            ("999", Some(StatusClass::None)),
            ("5000", Some(StatusClass::None)),
            ("50", Some(StatusClass::None)),
            ("other", Some(StatusClass::None)),
            ("GET", None),
            ("xx", None),
            ("OK", None),
            ("-1", None),
            ("2x1", None),
        ] {
            assert_eq!(StatusClass::read(text), class, "{text:?}");
        }
    }

    fn classes(counts: &[(StatusClass, u64)]) -> Classes {
        let mut classes = Classes::default();
        for (class, n) in counts {
            classes.add(*class, *n);
        }
        classes
    }

    #[test]
    fn classes_are_told_in_the_order_of_their_numbers_and_no_answer_is_a_failure() {
        let (two, five, none) = (StatusClass::Of(2), StatusClass::Of(5), StatusClass::None);
        let now = classes(&[(five, 12), (two, 990), (none, 3)]);
        assert_eq!(now.words(), "990 2xx, 12 5xx, 3 without a status");
        assert_eq!((now.all(), now.failed()), (1005, 15));
        let grown = now.since(classes(&[(two, 900), (five, 12)]));
        assert_eq!(grown.words(), "90 2xx, 3 without a status");
        assert_eq!(now.since(classes(&[(two, 991)])), now, "the process began anew");
        assert_eq!(Classes::default().words(), "no answer");
        assert_eq!(classes(&[(two, u64::MAX)]).plus(now).all(), u64::MAX);
    }

    #[test]
    fn what_clients_did_wrong_is_told_by_either_status() {
        let mut now = classes(&[(StatusClass::Of(2), 90), (StatusClass::Of(4), 7)]);
        assert_eq!(now.compared(), StatusCounts { client_errors: 7, grpc_failed: None });
        for (status, n) in [("0", 50), ("14", 3), ("16", 2)] {
            now.add_call(GrpcStatus::read(status).unwrap(), n);
        }
        let compared = StatusCounts { client_errors: 9, grpc_failed: Some(3) };
        assert_eq!((now.compared(), now.all(), now.failed()), (compared, 97, 0));
        assert_eq!(
            now.since(classes(&[(StatusClass::Of(2), 80)])).compared(),
            compared,
            "calls begin with their first"
        );
        assert_eq!(now.plus(now).since(now), now);
        // Never more than there were answers, and nothing of what was before.
        assert_eq!(compared.since(None, 5), StatusCounts { client_errors: 5, grpc_failed: Some(3) });
        assert!(StatusCounts::default().fell(compared) && !compared.fell(StatusCounts::default()));
    }
}
