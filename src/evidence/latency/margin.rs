//! How much slower than stable a candidate may be and is still no worse.
//!
//! Decides how that is written, and which question each form puts to a histogram. Depends on `std` and serde.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The most edges.
const MOST_EDGES: usize = 10;
/// The highest odds.
const MOST_ODDS: f64 = 100.0;
/// A candidate that is this many times beyond the margin's odds is materially slower.
// Four times stable's odds with the usual margin. Where times spread as those of most services do (a deviation of their logarithm of
// 0.8) that is what a release twice as slow has at its least telling edge; and beyond the margin it leaves room enough for a
// healthy release to be told from it within half a minute of 50 requests a second.
const MATERIAL: f64 = 4.0 / 1.5;
/// The least odds that are material, where edges are the margin.
const LEAST_MATERIAL: f64 = 4.0;

/// How much slower a candidate may be than stable and is no worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// Latency is not compared.
    Off,
    /// Up to so many edges of the histogram, at most 10: it is compared at each edge with what stable has above an edge that much lower.
    Edges(usize),
    /// At each edge, up to so many times stable's odds of taking longer; from 1 to 100.
    Odds(f64),
}

impl Default for Margin {
    fn default() -> Self {
        // At 1 a release that is 10 % slower is "worse" in the end, which no owner asked for; at 2 one that takes half as long again,
        // and times of any spread, is found too late: docs/latency.md.
        Self::Odds(1.5)
    }
}

impl Margin {
    /// True if it is compared at all.
    pub fn compares(self) -> bool {
        self != Self::Off
    }

    /// By how many edges the candidate's come later than stable's.
    pub(super) fn shift(self) -> usize {
        if let Self::Edges(edges) = self { edges } else { 0 }
    }

    /// The odds up to which it is no worse.
    pub(super) fn no_worse(self) -> f64 {
        if let Self::Odds(odds) = self { odds } else { 1.0 }
    }

    /// The odds from which on it is materially slower: above [`Self::no_worse`].
    pub fn material(self) -> f64 {
        (self.no_worse() * MATERIAL).max(LEAST_MATERIAL)
    }

    /// What is out of its range.
    pub(in crate::evidence) fn check(self) -> Result<(), String> {
        match self {
            Self::Edges(edges) if edges > MOST_EDGES => Err(format!("{edges} edges are above {MOST_EDGES}")),
            Self::Odds(odds) if !(1.0..=MOST_ODDS).contains(&odds) => {
                Err(format!("odds of {odds}: a number from 1 to {MOST_ODDS}"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Margin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Edges(edges) => write!(f, "{edges}"),
            Self::Odds(odds) => write!(f, "odds:{odds}"),
        }
    }
}

impl FromStr for Margin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "`odds:1.5` (odds from 1 to 100), a whole number of edges from 0 to 10, or `off`".to_owned();
        let margin = match text.split_once(':') {
            Some(("odds", odds)) => Self::Odds(odds.parse().map_err(|_| bad())?),
            None if text == "off" => Self::Off,
            None => Self::Edges(text.parse().map_err(|_| bad())?),
            Some(_) => return Err(bad()),
        };
        margin.check().map(|()| margin).map_err(|_| bad())
    }
}

/// A number of edges is a number and `off` is null, as both always were; odds are their text.
impl Serialize for Margin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_none(),
            Self::Edges(edges) => serializer.serialize_u64(*edges as u64),
            Self::Odds(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Margin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyForm)
    }
}

struct AnyForm;

impl Visitor<'_> for AnyForm {
    type Value = Margin;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`odds:1.5`, a whole number of edges from 0 to 10, or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Margin, E> {
        Ok(Margin::Off)
    }

    fn visit_u64<E: Error>(self, edges: u64) -> Result<Margin, E> {
        let bad = |_| E::invalid_value(Unexpected::Unsigned(edges), &self);
        let margin = Margin::Edges(usize::try_from(edges).map_err(bad)?);
        margin.check().map(|()| margin).map_err(|_| E::invalid_value(Unexpected::Unsigned(edges), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Margin, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (text, margin, json) in [
            ("off", Margin::Off, "null"),
            ("0", Margin::Edges(0), "0"),
            ("10", Margin::Edges(10), "10"),
            ("odds:1.5", Margin::Odds(1.5), "\"odds:1.5\""),
            ("odds:1", Margin::Odds(1.0), "\"odds:1\""),
        ] {
            assert_eq!((text.parse(), margin.to_string().as_str()), (Ok(margin), text));
            assert_eq!(serde_json::to_string(&margin).unwrap(), json);
            assert_eq!(serde_json::from_str::<Margin>(json).unwrap(), margin);
        }
        for bad in ["", "11", "-1", "1.5", "odds", "odds:", "odds:0.9", "odds:NaN", "odds:101", "times:2", "odds:inf"] {
            assert!(bad.parse::<Margin>().unwrap_err().starts_with("`odds:1.5`"), "{bad}");
        }
        for bad in ["11", "-1", "\"odds:0\"", "1.5", "true"] {
            assert!(serde_json::from_str::<Margin>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_the_margin_allows_is_never_material() {
        for margin in ["odds:1", "odds:1.5", "odds:4", "odds:100", "0", "3"].map(|text| text.parse::<Margin>().unwrap())
        {
            assert!(margin.material() >= 4.0 && margin.material() > 2.0 * margin.no_worse(), "{margin}");
        }
        assert!((Margin::default().material() - 4.0).abs() < 1e-12);
    }
}
