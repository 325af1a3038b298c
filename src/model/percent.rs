//! Whole percents, Knative's finest unit of traffic, and the share arithmetic of a walk.
//!
//! Decides how a step's share is rounded. Depends on nothing but `std` and serde.
//!
//! ```
//! use andante::model::percent::Percent;
//!
//! let stable: Percent = "80%".parse()?;
//! let share = stable.part("50".parse()?);
//! assert_eq!((share.to_string().as_str(), stable.minus(share).get()), ("40 %", 40));
//! // Half a percent would reach nobody, so a first step takes one.
//! assert_eq!(stable.part(1.try_into()?).get(), 1);
//! assert!("2.5".parse::<Percent>().is_err());
//! # Ok::<(), andante::model::percent::BadPercent>(())
//! ```

use serde::{Deserialize, Serialize};
use std::fmt;

/// A whole percentage, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Percent(u8);

/// A number that is not a whole percentage from 0 to 100.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a whole percentage from 0 to 100")]
pub struct BadPercent(String);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const FULL: Self = Self(100);

    /// The number, 0 to 100.
    pub fn get(self) -> u8 {
        self.0
    }

    /// True for 0.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The part of `self` that a step of `of` percent takes: rounded down, but at least 1 when both are above 0, so that
    /// a first step really reaches somebody; all of `self` for 100 (docs/protocol.md, rule 6).
    #[must_use]
    pub fn part(self, of: Self) -> Self {
        if self.is_zero() || of.is_zero() {
            return Self::ZERO;
        }
        let part = u16::from(self.0) * u16::from(of.0) / 100;
        // At most 100 * 100 / 100.
        Self(u8::try_from(part).unwrap_or(100).max(1))
    }

    /// `self - other`, never below 0.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self + other`, never above 100.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).min(100))
    }
}

impl TryFrom<i64> for Percent {
    type Error = BadPercent;
    fn try_from(value: i64) -> Result<Self, BadPercent> {
        // Knative's field is an int64, and its webhook refuses a fraction when it decodes one (seen on Knative 1.23).
        match u8::try_from(value) {
            Ok(small) if small <= 100 => Ok(Self(small)),
            _ => Err(BadPercent(value.to_string())),
        }
    }
}

impl From<Percent> for i64 {
    fn from(percent: Percent) -> Self {
        Self::from(percent.0)
    }
}

impl std::str::FromStr for Percent {
    type Err = BadPercent;
    /// Accepts `25` and `25%`.
    fn from_str(text: &str) -> Result<Self, BadPercent> {
        let bad = || BadPercent(text.to_owned());
        let digits = text.strip_suffix('%').unwrap_or(text).trim();
        // Only digits: `parse` alone would take a sign, and `+5` looks like a difference.
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        digits.parse::<i64>().map_err(|_| bad())?.try_into().map_err(|_| bad())
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn p(value: i64) -> Percent {
        value.try_into().unwrap()
    }

    #[test]
    fn parts_round_down_but_reach_somebody() {
        for (whole, step, part) in
            [(100, 1, 1), (100, 100, 100), (80, 50, 40), (80, 1, 1), (33, 50, 16), (1, 1, 1), (0, 50, 0), (50, 0, 0)]
        {
            assert_eq!(p(whole).part(p(step)), p(part), "{step} of {whole}");
        }
    }

    #[test]
    fn text_is_a_whole_percentage_or_refused() {
        assert_eq!("25".parse::<Percent>().unwrap(), p(25));
        assert_eq!("25%".parse::<Percent>().unwrap(), p(25));
        for bad in ["", "%", "-1", "101", "2.5", "ten", "+5", "99999999999999999999"] {
            assert!(bad.parse::<Percent>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_part_never_exceeds_the_whole(whole in 0_i64..=100, step in 0_i64..=100) {
            let part = p(whole).part(p(step));
            prop_assert!(part <= p(whole));
            prop_assert_eq!(part.plus(p(whole).minus(part)), p(whole));
        }
    }
}
