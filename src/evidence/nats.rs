//! Amounts of evidence: natural logarithms as whole numbers, so that sums are exact and order-free.
//!
//! Decides how they are rounded. Sums of floats depend on their order, and gateways answer in any order: a process that
//! takes up a record after a crash could come to another verdict. Depends on serde only.

use serde::{Deserialize, Serialize};

/// A natural logarithm in units of 2^-36 (1.5e-11). A sum of them is exact, whatever its order; a value beyond the range
/// (1.3e8) stays at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nats(i64);

/// A number that is no number: evidence that cannot be computed. It sends users back and promotes nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the evidence cannot be computed from these counts")]
pub struct Trouble;

/// Units in one nat: 2^36.
const UNIT: f64 = 68_719_476_736.0;

impl Nats {
    /// No evidence either way.
    pub const ZERO: Self = Self(0);

    /// The next whole unit below: rounding never adds evidence. Infinity and NaN are [`Trouble`].
    pub fn floor(value: f64) -> Result<Self, Trouble> {
        if !value.is_finite() {
            return Err(Trouble);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a cast to an integer stops at the ends of its range")]
        let units = (value * UNIT).floor() as i64;
        Ok(Self(units))
    }

    /// Their sum, at most what fits.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// As a number.
    pub fn value(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "16 digits of a logarithm are more than enough to compare it")]
        let units = self.0 as f64;
        units / UNIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_number_is_trouble() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Nats::floor(bad), Err(Trouble));
        }
        assert_eq!(Nats::floor(1e30).unwrap().plus(Nats::floor(1.0).unwrap()), Nats(i64::MAX));
        assert_eq!(Nats::floor(-1e30).unwrap(), Nats(i64::MIN));
    }

    proptest! {
        #[test]
        fn sums_do_not_depend_on_order_and_round_down(values in proptest::collection::vec(-50.0..50.0_f64, 0..40)) {
            let sum = |values: &mut dyn Iterator<Item = &f64>| {
                values.fold(Nats::ZERO, |sum, value| sum.plus(Nats::floor(*value).unwrap()))
            };
            let (there, back) = (sum(&mut values.iter()), sum(&mut values.iter().rev()));
            prop_assert_eq!(there, back);
            let exact: f64 = values.iter().sum();
            prop_assert!(there.value() <= exact + 1e-9 && there.value() >= exact - 1e-8);
        }
    }
}
