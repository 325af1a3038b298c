//! Asks the owner's own gates, and reads the counters that the owner has compared.
//!
//! Decides which failure is "nothing there" and which is "no answer". Of a body only the field that was asked for is
//! printed, shortened, because the rest is nobody's business here. Depends on the fetch and the gates.

use super::fetch::{BadFetch, Fetch};
use super::printable::printable;
use super::prometheus::{self, Value};
use crate::evidence::compare::{CompareRow, RowTally};
use crate::evidence::gate::{Ask, Gate, Measured};
use crate::evidence::reading::Arms;
use reqwest::Url;
use serde_json::Value as Json;

/// Who is asked.
#[derive(Debug)]
pub struct Gates {
    fetch: Fetch,
    /// A client without the owner's credentials, because an HTTP gate is somebody else's server.
    plain: Fetch,
    prometheus: Option<Url>,
}

impl Gates {
    /// The clients that ask; `prometheus` answers queries.
    pub fn new(fetch: Fetch, plain: Fetch, prometheus: Option<&str>) -> Result<Self, BadFetch> {
        let prometheus = prometheus.map(|url| fetch.check(url)).transpose()?;
        Ok(Self { fetch, plain, prometheus })
    }

    pub(super) async fn measure(&self, gate: &Gate, arms: &Arms) -> Measured {
        match gate.ask_of(arms) {
            Ask::PromQl(query) => self.query(&query).await,
            Ask::Http { url, field } => self.get(&url, field.as_deref()).await,
        }
    }

    /// The counters of a row, at one instant.
    pub(super) async fn count(&self, row: &CompareRow, arms: &Arms) -> Result<RowTally, String> {
        let base = self.prometheus.as_ref().ok_or("no Prometheus was named")?;
        match prometheus::ask(&self.fetch, base, &row.promql(arms), "Prometheus").await {
            Ok(Value::Vector(time, samples)) => RowTally::read(time, &samples),
            Ok(Value::Scalar(_)) => Err("the query comes to a number instead of series".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn query(&self, query: &str) -> Measured {
        let Some(base) = &self.prometheus else { return Measured::Unanswered("no Prometheus was named".into()) };
        match prometheus::ask(&self.fetch, base, query, "Prometheus").await {
            Ok(Value::Scalar(number)) => Measured::Number(number),
            Ok(Value::Vector(_, series)) => match series.as_slice() {
                [] => Measured::Nothing("no series".into()),
                [one] => Measured::Number(one.value),
                many => Measured::Unanswered(format!(
                    "the query comes to {} series, wanted one: sum(), max() or avg() make one of them",
                    many.len()
                )),
            },
            Err(error) => Measured::Unanswered(error.to_string()),
        }
    }

    async fn get(&self, url: &str, field: Option<&str>) -> Measured {
        let url = match self.plain.check(url) {
            Ok(url) => url,
            Err(error) => return Measured::Unanswered(error.to_string()),
        };
        let from = url.authority().to_owned();
        let fetched = match self.plain.get(url, &from).await {
            Ok(fetched) => fetched,
            Err(error) => return Measured::Unanswered(error.to_string()),
        };
        let Some(field) = field else { return Measured::Status(fetched.status) };
        // An error page may be JSON as well, and its fields answer another question.
        if !(200..300).contains(&fetched.status) {
            return Measured::Unanswered(format!("{from} answered {}", fetched.status));
        }
        let Ok(body) = serde_json::from_str::<Json>(&fetched.body) else {
            return Measured::Unanswered(format!("{from} did not answer with JSON"));
        };
        match body.pointer(field) {
            None | Some(Json::Null) => Measured::Nothing(format!("no field {field}")),
            Some(Json::Number(number)) => Measured::Number(number.as_f64().unwrap_or(f64::NAN)),
            Some(Json::Bool(truth)) => Measured::Text(truth.to_string()),
            Some(Json::String(text)) => Measured::Text(printable(text)),
            Some(_) => Measured::Unanswered(format!("{field} is neither a number nor a text")),
        }
    }
}
