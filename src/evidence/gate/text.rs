//! A gate as it is written down: its own text, or one that means the same.

use super::{Ask, BadGate, Gate, Wanted};
use std::fmt;

impl TryFrom<String> for Gate {
    type Error = BadGate;

    fn try_from(text: String) -> Result<Self, BadGate> {
        text.parse()
    }
}

impl From<Gate> for String {
    fn from(gate: Gate) -> Self {
        gate.to_string()
    }
}

/// As it is read: the same text, or one that means the same.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ask {
            Ask::PromQl(query) => write!(f, "{}: promql {query} ", self.name)?,
            Ask::Http { url, field } => {
                write!(f, "{}: http {url}", self.name)?;
                if let Some(field) = field {
                    write!(f, " {field} ")?;
                }
            }
        }
        match &self.wanted {
            Wanted::Success => Ok(()),
            Wanted::Within(min, max) => write!(f, "in {min}..{max}"),
            Wanted::Is(text) => write!(f, "== \"{text}\""),
            bound @ Wanted::Bound(..) => write!(f, "{bound}"),
        }
    }
}
