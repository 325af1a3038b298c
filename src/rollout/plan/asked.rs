//! A step as it is asked for: its percentage and, after `@`, how long users stay there at least.
//!
//! Decides how that is written (`5`, `5@10m`), and what is no step. Depends on percents and humantime only.

use super::{BadPlan, PlanOptions};
use crate::model::percent::{BadPercent, Percent};
use crate::model::time::{LONGEST, words};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A step that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedStep {
    /// Percents of what stable had.
    pub percent: Percent,
    /// How long to stay there at least, above 0; none: as long as at the others.
    pub dwell: Option<Duration>,
}

/// A text that is no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStep {
    /// Its percentage is none.
    #[error("{0}; a step is a percentage such as 5, or 5@10m with the time to stay there at least")]
    Percent(#[from] BadPercent),
    /// What follows `@` is no time.
    #[error("`{0}`: `{1}` is no time above 0 and of at most 31 days: write the step like 5@10m or 5@90s")]
    Time(String, String),
}

impl FromStr for AskedStep {
    type Err = BadStep;

    /// Accepts `5`, `5%` and `5@10m`.
    fn from_str(text: &str) -> Result<Self, BadStep> {
        let Some((percent, time)) = text.split_once('@') else {
            return Ok(Self::from(text.trim().parse::<Percent>()?));
        };
        let percent = percent.trim().parse()?;
        // Whole milliseconds, as the record keeps it.
        let fits = |t: &Duration| !t.is_zero() && *t <= LONGEST && t.subsec_nanos().is_multiple_of(1_000_000);
        let dwell = humantime::parse_duration(time.trim()).ok().filter(fits);
        let dwell = dwell.ok_or_else(|| BadStep::Time(text.to_owned(), time.to_owned()))?;
        Ok(Self { percent, dwell: Some(dwell) })
    }
}

impl From<Percent> for AskedStep {
    fn from(percent: Percent) -> Self {
        Self { percent, dwell: None }
    }
}

impl TryFrom<i64> for AskedStep {
    type Error = BadPercent;

    fn try_from(value: i64) -> Result<Self, BadPercent> {
        Percent::try_from(value).map(Self::from)
    }
}

impl fmt::Display for AskedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dwell {
            None => write!(f, "{}", self.percent.get()),
            Some(dwell) => write!(f, "{}@{}", self.percent.get(), words(dwell)),
        }
    }
}

/// A number where it has no time of its own, as it was before steps could have one; else a text.
impl Serialize for AskedStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.dwell {
            None => self.percent.serialize(serializer),
            Some(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for AskedStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum StepForm {
            Number(i64),
            Text(String),
        }
        match StepForm::deserialize(deserializer)? {
            StepForm::Number(number) => number.try_into().map_err(serde::de::Error::custom),
            StepForm::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl PlanOptions {
    /// The steps that are asked for, or the style's own, if they rise.
    pub(super) fn asked_steps(&self) -> Result<Vec<AskedStep>, BadPlan> {
        let own = || self.style.own_steps().into_iter().filter_map(|n| n.try_into().ok()).collect();
        let steps: Vec<AskedStep> = if self.steps.is_empty() { own() } else { self.steps.clone() };
        if steps.iter().any(|step| step.percent.is_zero()) {
            return Err(BadPlan::Zero);
        }
        if let Some(whole) = steps.iter().find(|step| step.percent == Percent::FULL && step.dwell.is_some()) {
            return Err(BadPlan::LastTime(whole.percent.get()));
        }
        let pairs = steps.iter().zip(steps.iter().skip(1)).map(|(a, b)| (a.percent, b.percent));
        match pairs.into_iter().find(|(a, b)| a >= b) {
            Some((a, b)) => Err(BadPlan::Order(a, b)),
            None => Ok(steps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_may_have_a_time_of_its_own() {
        for (text, percent, seconds) in [
            ("5", 5, None),
            ("5%", 5, None),
            ("5@10m", 5, Some(600)),
            ("50% @ 1m 30s", 50, Some(90)),
            ("1@90s", 1, Some(90)),
        ] {
            let step: AskedStep = text.parse().unwrap();
            assert_eq!((step.percent.get(), step.dwell.map(|d| d.as_secs())), (percent, seconds), "{text}");
            assert_eq!(step.to_string().parse(), Ok(step));
            let json = serde_json::to_string(&step).unwrap();
            assert_eq!(serde_json::from_str::<AskedStep>(&json).unwrap(), step, "{json}");
            assert_eq!(json.starts_with('"'), seconds.is_some(), "a plain step is written as ever: {json}");
        }
    }

    #[test]
    fn what_is_no_step_is_refused_with_the_way_to_write_it() {
        for bad in ["", "@", "@10m", "5@", "5@0s", "5@x", "5@10", "5@1m@2m", "x@1m", "101@1m", "5@2months", "+5@1m"] {
            let error = bad.parse::<AskedStep>().unwrap_err().to_string();
            assert!(error.contains("5@10m"), "{bad}: {error}");
        }
    }
}
