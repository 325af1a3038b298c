//! The owner's own gates: a question to a Prometheus or to any HTTP address, and the answer that is wanted.
//!
//! Decides how a gate is written, and what an answer means. An answer without a value is neither a failure nor a pass.
//! Asking is an adapter's work. Depends on names.
//!
//! ```
//! use andante::evidence::gate::{Gate, Judged, Measured};
//!
//! let gate: Gate = "orders: promql sum(rate(orders_total{rev=\"{candidate}\"}[1m])) > 0.5".parse()?;
//! assert_eq!(gate.judge(&Measured::Number(0.7)), Judged::Pass("orders: 0.7, wanted > 0.5".into()));
//! assert_eq!(gate.judge(&Measured::Number(0.1)), Judged::Fail("orders: 0.1, wanted > 0.5".into()));
//! // Without requests a rate divided by a rate is NaN: the step waits, and nobody is sent back.
//! assert!(matches!(gate.judge(&Measured::Number(f64::NAN)), Judged::NoData(_)));
//! # Ok::<(), andante::evidence::gate::BadGate>(())
//! ```

mod row;
mod text;

pub use row::{GateEnd, GateRow, Patience};

use crate::evidence::reading::Arms;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gate {
    /// As it is called in lines and reasons.
    pub name: String,
    /// What is asked. `{namespace}`, `{stable}` and `{candidate}` stand for names.
    pub ask: Ask,
    /// The answer that passes.
    pub wanted: Wanted,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// An instant query that comes to one number.
    PromQl(String),
    /// A GET; its status, or a field of its JSON body by its pointer (RFC 6901).
    Http {
        /// The address.
        url: String,
        /// The field.
        field: Option<String>,
    },
}

/// The answer that passes.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Any 2xx.
    Success,
    /// A number on this side of a bound.
    Bound(BoundSide, f64),
    /// A number between two, both included.
    Within(f64, f64),
    /// This very text (or number, or truth).
    Is(String),
}

/// A side of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundSide {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// A number; it may be none (NaN).
    Number(f64),
    /// Another value of a field.
    Text(String),
    /// An HTTP status, where that is all that is asked.
    Status(u16),
    /// Asked and answered, but there is nothing: no series, no such field.
    Nothing(String),
    /// No usable answer.
    Unanswered(String),
}

/// What an answer means; the text has the value and what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// As wanted.
    Pass(String),
    /// Not as wanted.
    Fail(String),
    /// There is nothing to judge by yet. This is neither a pass nor a failure.
    NoData(String),
    /// The gate could not be asked. This is neither, and users go back if it lasts.
    Error(String),
}

/// A gate that cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadGate {
    /// No name before a colon.
    #[error("`{0}` has no name: write `NAME: promql ...` or `NAME: http ...`")]
    Name(String),
    /// Neither of the two kinds.
    #[error("gate `{0}` is neither `promql EXPRESSION <= NUMBER` nor `http URL`")]
    Kind(String),
    /// A query without a bound.
    #[error("gate `{0}` has no bound at its end: `<= NUMBER`, `<`, `>=`, `>` or `in MIN..MAX`")]
    Bound(String),
    /// Not an address.
    #[error("gate `{0}` has no address that begins with http:// or https://")]
    Address(String),
    /// A user or a password in the address would stand in every log.
    #[error(
        "gate `{0}`: its address holds a user or a password, which are not sent: let the judge know its callers otherwise"
    )]
    User(String),
    /// The text after the address is no question to a field.
    #[error(
        "gate `{0}`: after the address comes nothing, or `/FIELD/OF/THE/BODY == VALUE` (or <=, <, >=, >, in MIN..MAX)"
    )]
    Field(String),
    /// A range that holds nothing.
    #[error("gate `{0}`: nothing is in {1}..{2}")]
    Empty(String, f64, f64),
}

impl std::str::FromStr for Gate {
    type Err = BadGate;

    fn from_str(text: &str) -> Result<Self, BadGate> {
        let (name, question) =
            named(text).ok_or_else(|| BadGate::Name(text.chars().filter(|c| !c.is_control()).take(60).collect()))?;
        let name = name.to_owned();
        let (kind, rest) = question.trim().split_once(char::is_whitespace).unwrap_or((question.trim(), ""));
        match kind {
            "promql" => {
                let (query, wanted) = bound(rest.trim(), &name)?.ok_or_else(|| BadGate::Bound(name.clone()))?;
                if query.is_empty() {
                    return Err(BadGate::Bound(name));
                }
                Ok(Self { name, ask: Ask::PromQl(query.to_owned()), wanted })
            }
            "http" => {
                let (url, rest) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
                let after = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
                let host = after.and_then(|after| after.split(['/', '?', '#']).next());
                match host.filter(|host| !host.is_empty()) {
                    None => return Err(BadGate::Address(name)),
                    Some(host) if host.contains('@') => return Err(BadGate::User(name)),
                    Some(_) => {}
                }
                let (field, wanted) = field(rest.trim(), &name)?;
                Ok(Self { name, ask: Ask::Http { url: url.to_owned(), field }, wanted })
            }
            _ => Err(BadGate::Kind(name)),
        }
    }
}

/// The name before a colon, and what comes after it; none where that is no name.
pub(super) fn named(text: &str) -> Option<(&str, &str)> {
    let ok = |c: char| c.is_alphanumeric() || " _.-/".contains(c);
    let (name, rest) = text.split_once(':')?;
    let is_name = !name.trim().is_empty() && name.len() <= 60 && name.chars().all(ok);
    is_name.then_some((name.trim(), rest))
}

/// A text with a bound at its end; none where there is none. The last operator that a number follows is the bound: those
/// before it are the text's own.
fn bound<'a>(text: &'a str, name: &str) -> Result<Option<(&'a str, Wanted)>, BadGate> {
    if let Some((query, range)) = text.rsplit_once(" in ")
        && let Some((from, to)) = range.split_once("..")
        && let (Ok(min), Ok(max)) = (from.trim().parse::<f64>(), to.trim().parse::<f64>())
    {
        if min > max || min.is_nan() || max.is_nan() {
            return Err(BadGate::Empty(name.to_owned(), min, max));
        }
        return Ok(Some((query.trim(), Wanted::Within(min, max))));
    }
    // The longer operators come first, because `<=` also holds a `<`.
    for (word, side) in
        [("<=", BoundSide::AtMost), (">=", BoundSide::AtLeast), ("<", BoundSide::Below), (">", BoundSide::Above)]
    {
        if let Some((query, number)) = text.rsplit_once(word)
            && let Ok(number) = number.trim().parse::<f64>()
            && !number.is_nan()
        {
            return Ok(Some((query.trim(), Wanted::Bound(side, number))));
        }
    }
    Ok(None)
}

/// A field of a body and what it must be; nothing at all: the status.
fn field(text: &str, name: &str) -> Result<(Option<String>, Wanted), BadGate> {
    if text.is_empty() {
        return Ok((None, Wanted::Success));
    }
    let bad = || BadGate::Field(name.to_owned());
    let (pointer, wanted) = match text.split_once("==") {
        Some((pointer, value)) => (pointer.trim(), Wanted::Is(value.trim().trim_matches('"').to_owned())),
        None => bound(text, name)?.ok_or_else(bad)?,
    };
    if !pointer.starts_with('/') || pointer.contains(char::is_whitespace) {
        return Err(bad());
    }
    Ok((Some(pointer.to_owned()), wanted))
}

impl Gate {
    /// The question about these two revisions.
    pub fn ask_of(&self, arms: &Arms) -> Ask {
        let filled = |text: &str| {
            text.replace("{namespace}", arms.namespace.as_str())
                .replace("{stable}", arms.stable.as_str())
                .replace("{candidate}", arms.candidate.as_str())
        };
        match &self.ask {
            Ask::PromQl(query) => Ask::PromQl(filled(query)),
            Ask::Http { url, field } => Ask::Http { url: filled(url), field: field.clone() },
        }
    }

    /// What an answer means.
    pub fn judge(&self, measured: &Measured) -> Judged {
        let wanted = &self.wanted;
        let verdict = |good: bool, value: &dyn fmt::Display| {
            let text = format!("{}: {value}, wanted {wanted}", self.name);
            if good { Judged::Pass(text) } else { Judged::Fail(text) }
        };
        match measured {
            Measured::Unanswered(why) => Judged::Error(format!("{}: {why}", self.name)),
            Measured::Nothing(why) => Judged::NoData(format!("{}: no data ({why}), wanted {wanted}", self.name)),
            // PromQL's 0/0: no evidence, and no sign of health either.
            Measured::Number(number) if number.is_nan() => {
                Judged::NoData(format!("{}: not a number (NaN), wanted {wanted}", self.name))
            }
            Measured::Number(number) => match wanted {
                Wanted::Bound(side, bound) => verdict(side.holds(*number, *bound), number),
                Wanted::Within(min, max) => verdict((*min..=*max).contains(number), number),
                Wanted::Is(text) => verdict(text.parse() == Ok(*number), number),
                Wanted::Success => verdict(false, number),
            },
            Measured::Text(value) => match wanted {
                Wanted::Is(text) => verdict(text == value, &format!("{value:?}")),
                _ => Judged::Error(format!("{}: {value:?} is no number, wanted {wanted}", self.name)),
            },
            // A judge that is too busy to judge has not judged; 502 and 504 are a proxy's that did not reach it.
            Measured::Status(status @ (408 | 429 | 502 | 503 | 504)) => {
                Judged::Error(format!("{}: status {status}, wanted {wanted}", self.name))
            }
            Measured::Status(status) => verdict((200..300).contains(status), &format!("status {status}")),
        }
    }
}

impl BoundSide {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("2xx"),
            Self::Bound(BoundSide::Below, bound) => write!(f, "< {bound}"),
            Self::Bound(BoundSide::AtMost, bound) => write!(f, "<= {bound}"),
            Self::Bound(BoundSide::Above, bound) => write!(f, "> {bound}"),
            Self::Bound(BoundSide::AtLeast, bound) => write!(f, ">= {bound}"),
            Self::Within(min, max) => write!(f, "{min}..{max}"),
            Self::Is(text) => write!(f, "{text:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
