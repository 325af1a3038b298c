//! Probes of the candidate's own address: what is asked, what an acceptable answer is, how many make a verdict.
//!
//! Decides whether an answer passes and what a row of answers means. Sending is an adapter's work. Depends on names and the
//! verdict.

use crate::evidence::verdict::Verdict;
use crate::model::name::{Namespace, ServiceName, Tag};
use crate::model::time::human;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Which of a tag's two addresses is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The one that Knative reports in `status.traffic`.
    Public,
    /// The cluster's own, for where the public name does not resolve: Knative makes one placeholder Service a tag.
    Cluster(Namespace),
}

impl Address {
    /// The address of a tag, if there is one yet.
    pub fn of(&self, reported: Option<&str>, service: &ServiceName, tag: &Tag) -> Option<String> {
        match self {
            // Read, never built: an operator may have changed Knative's templates of tags and domains.
            Self::Public => reported.map(str::to_owned),
            Self::Cluster(namespace) => Some(format!("http://{tag}-{service}.{namespace}.svc.cluster.local")),
        }
    }
}

/// How a probe of the candidate is made and judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Probe {
    /// Path and query, beginning with `/`.
    pub path: String,
    /// The status that passes; none: any 2xx or 3xx.
    pub status: Option<u16>,
    /// Text that the body must contain.
    pub body: Option<String>,
    /// A header that must be there, and the text that its value must contain.
    pub header: Option<(String, String)>,
    /// The longest time to the whole answer.
    #[serde(with = "human::option", skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<Duration>,
    /// How many must pass in a row.
    pub passes: u32,
    /// How many failures in a row are a Fail.
    pub failures: u32,
    /// Time between two probes.
    #[serde(with = "human")]
    pub interval: Duration,
    /// Time limit of one.
    #[serde(with = "human")]
    pub timeout: Duration,
    /// How long the address may be out of reach from here, which is nobody's failure.
    #[serde(with = "human")]
    pub patience: Duration,
}

/// The defaults of the command line, at the path `/`.
impl Default for Probe {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            status: None,
            body: None,
            header: None,
            max_latency: None,
            passes: 3,
            failures: 3,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            // Longer than a name that was not there a moment ago is remembered as such: CoreDNS keeps that for 30 s.
            patience: Duration::from_secs(60),
        }
    }
}

/// One request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRequest {
    /// The tag's address, as Knative reports it.
    pub url: String,
    /// Path and query to add.
    pub path: String,
    /// Time limit.
    pub timeout: Duration,
    /// What else it holds; none: a plain GET.
    pub form: Option<Arc<HttpForm>>,
}

/// Method, headers and body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpForm {
    /// The method, in capitals.
    pub method: String,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body; empty: none.
    pub body: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: u16,
        /// Its headers, names in lower case.
        headers: Vec<(String, String)>,
        /// The beginning of its body, at most 64 KiB.
        body: String,
        /// Time to the end of it.
        latency: Duration,
    },
    /// The address was reached, but no answer came in time, or the answer broke off. This is the candidate's fault.
    Silent(String),
    /// The address cannot be reached from here (name or connection). This says nothing about the candidate.
    Unreachable(String),
}

impl Probe {
    /// A path and query as they may be put behind an address: one without the slash would change the host that is asked.
    pub fn check_path(text: &str) -> Result<(), &'static str> {
        if !text.starts_with('/') || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("a path begins with `/` and has no spaces");
        }
        Ok(())
    }

    /// What about it cannot be asked for.
    pub fn check(&self) -> Result<(), String> {
        Self::check_path(&self.path)?;
        if self.status.is_some_and(|status| !(100..600).contains(&status)) {
            return Err("a status is between 100 and 599".to_owned());
        }
        self.header.as_ref().map_or(Ok(()), |(name, _)| Self::check_header(name))
    }

    /// A header's name, which has the characters of a token (RFC 9110, section 5.6.2).
    pub fn check_header(name: &str) -> Result<(), String> {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            return Err(format!("`{name}` is not a header name"));
        }
        Ok(())
    }

    /// The words for a row that passes.
    pub fn passed(&self) -> String {
        format!("{} of {} passed in a row", counted(self.passes), self.path)
    }

    /// Judges one answer: passes, or the reason in a few words.
    pub fn judge(&self, answer: &Answer) -> Result<(), String> {
        let (status, headers, body, latency) = match answer {
            Answer::Http { status, headers, body, latency } => (*status, headers, body, *latency),
            Answer::Silent(why) | Answer::Unreachable(why) => return Err(why.clone()),
        };
        let status_fits = self.status.map_or((200..400).contains(&status), |wanted| wanted == status);
        if !status_fits {
            let wanted = self.status.map_or_else(|| "2xx or 3xx".into(), |s| s.to_string());
            return Err(format!("status {status}, wanted {wanted}"));
        }
        if let Some(text) = self.body.as_ref().filter(|t| !body.contains(t.as_str())) {
            return Err(format!("the body does not contain {text:?}"));
        }
        if let Some((name, text)) = &self.header {
            let found = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            match found {
                None => return Err(format!("no header {name}")),
                Some((_, value)) if !value.contains(text.as_str()) => {
                    return Err(format!("header {name} is {value:?}, wanted {text:?}"));
                }
                Some(_) => {}
            }
        }
        match self.max_latency {
            Some(limit) if latency > limit => {
                Err(format!("took {} ms, at most {} ms wanted", latency.as_millis(), limit.as_millis()))
            }
            _ => Ok(()),
        }
    }
}

/// `1 probe`, `3 probes`.
pub(crate) fn counted(probes: u32) -> String {
    if probes == 1 { "1 probe".to_owned() } else { format!("{probes} probes") }
}

/// A row of judged answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeRow {
    passed: u32,
    failed: u32,
    last_failure: Option<String>,
}

impl ProbeRow {
    /// Adds a judgement; a good one ends a row of failures and the other way round.
    pub fn add(&mut self, judged: Result<(), String>) {
        match judged {
            Ok(()) => {
                self.passed = self.passed.saturating_add(1);
                self.failed = 0;
            }
            Err(why) => {
                self.passed = 0;
                self.failed = self.failed.saturating_add(1);
                self.last_failure = Some(why);
            }
        }
    }

    /// Nothing came back that says anything of the candidate: what passes in a row begins anew, what failed still did.
    pub fn interrupt(&mut self) {
        self.passed = 0;
    }

    /// What the row says so far.
    pub fn verdict(&self, probe: &Probe) -> Verdict {
        // A candidate that crashes and restarts fails and passes in turn, and would pass "N in a row" by luck: so a dwell
        // counts from the last failed probe, and the row only says what the newest answers say.
        if self.failed >= probe.failures {
            let why = self.last_failure.clone().unwrap_or_default();
            Verdict::Fail(format!("{} of {} failed in a row: {why}", counted(self.failed), probe.path))
        } else if self.passed >= probe.passes {
            Verdict::Pass
        } else {
            Verdict::Wait(format!("{} of {} probes of {} passed", self.passed, probe.passes, probe.path))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe() -> Probe {
        Probe {
            path: "/healthz".into(),
            status: None,
            body: None,
            header: None,
            max_latency: None,
            passes: 3,
            failures: 2,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            patience: Duration::from_secs(60),
        }
    }

    fn http(status: u16) -> Answer {
        Answer::Http {
            status,
            headers: vec![("x-version".into(), "v2".into())],
            body: "v2 ok".into(),
            latency: Duration::from_millis(30),
        }
    }

    #[test]
    fn answers_are_judged_by_every_wish() {
        let cases: [(Probe, Answer, Option<&str>); 9] = [
            (probe(), http(200), None),
            (probe(), http(302), None),
            (probe(), http(500), Some("status 500, wanted 2xx or 3xx")),
            (Probe { status: Some(418), ..probe() }, http(418), None),
            (Probe { status: Some(418), ..probe() }, http(200), Some("status 200, wanted 418")),
            (Probe { body: Some("v3".into()), ..probe() }, http(200), Some("the body does not contain \"v3\"")),
            (
                Probe { header: Some(("X-Version".into(), "v3".into())), ..probe() },
                http(200),
                Some("header X-Version is \"v2\", wanted \"v3\""),
            ),
            (
                Probe { header: Some(("X-Other".into(), String::new())), ..probe() },
                http(200),
                Some("no header X-Other"),
            ),
            (
                Probe { max_latency: Some(Duration::from_millis(20)), ..probe() },
                http(200),
                Some("took 30 ms, at most 20 ms wanted"),
            ),
        ];
        for (probe, answer, expected) in cases {
            assert_eq!(probe.judge(&answer).err().as_deref(), expected);
        }
        assert_eq!(probe().judge(&Answer::Silent("no answer in 1 s".into())), Err("no answer in 1 s".into()));
    }

    #[test]
    fn a_tag_has_two_addresses() {
        let (service, tag) = ("hello".parse().unwrap(), "candidate".parse().unwrap());
        let inside = Address::Cluster("shop".parse().unwrap()).of(None, &service, &tag);
        assert_eq!(inside.as_deref(), Some("http://candidate-hello.shop.svc.cluster.local"));
        let outside = Address::Public.of(Some("http://x.example.com"), &service, &tag);
        assert_eq!(outside.as_deref(), Some("http://x.example.com"));
        assert_eq!(Address::Public.of(None, &service, &tag), None);
    }

    #[test]
    fn only_a_row_counts() {
        let mut row = ProbeRow::default();
        for good in [true, true, false, true, true] {
            row.add(if good { Ok(()) } else { Err("bad".into()) });
            assert!(matches!(row.verdict(&probe()), Verdict::Wait(_)));
        }
        row.add(Ok(()));
        assert_eq!(row.verdict(&probe()), Verdict::Pass);
        row.add(Err("bad".into()));
        row.add(Err("worse".into()));
        assert_eq!(row.verdict(&probe()), Verdict::Fail("2 probes of /healthz failed in a row: worse".into()));
    }
}
