//! Answers by the class of their status, as a source tells them: `990 2xx, 10 5xx`.
//!
//! Decides which status is a failure: 5xx, none at all (`0` where the answer never came, as Istio writes it, or an empty
//! label), and a number that is no status, which a client has to take for a 5xx (RFC 9110, section 15). What is no number
//! and no class is another label's value, so it is nobody's answer. Depends on nothing.

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
        Self { of }
    }

    /// What came since `before`; all of it where a count fell, because the process began anew then.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        if self.of.iter().zip(before.of).any(|(now, before)| *now < before) {
            return self;
        }
        let mut of = self.of;
        of.iter_mut().zip(before.of).for_each(|(now, before)| *now -= before);
        Self { of }
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
}
