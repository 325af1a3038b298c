//! Label templates: how a metrics system names a revision, `envoy_cluster_name={namespace}/{revision}`.
//!
//! Decides whose a series is. `*` stands for anything. Depends on names.

use crate::model::name::{Namespace, RevisionName};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Labels that a series must have, with templates of their values; `{revision}` is in one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels(Vec<(String, String)>);

/// A template that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Not of the form.
    #[error("`{0}` is not of the form LABEL=TEMPLATE")]
    Form(String),
    /// A name that no label has.
    #[error("`{0}` is not the name of a label")]
    Name(String),
    /// Another word in braces.
    #[error("`{0}`: a template knows `{{namespace}}`, `{{revision}}` and `*`")]
    Word(String),
    /// Nothing tells the arms apart.
    #[error("no label's template has `{{revision}}` in it, so the two revisions cannot be told apart")]
    NoRevision,
}

impl Labels {
    /// Labels from `LABEL=TEMPLATE` texts.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPattern> {
        let labels = Self::pairs_of(texts)?;
        if !labels.iter().any(|(_, template)| template.contains("{revision}")) {
            return Err(BadPattern::NoRevision);
        }
        Ok(Self(labels))
    }

    /// Labels that are known to be good.
    pub(super) fn known(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// Labels and templates, whether or not they tell revisions apart.
    pub fn pairs_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<(String, String)>, BadPattern> {
        let pair = |text: &'a str| {
            let (name, template) = text.split_once('=').ok_or_else(|| BadPattern::Form(text.to_owned()))?;
            let ok = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(ok) || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(BadPattern::Name(name.to_owned()));
            }
            let rest = template.replace("{namespace}", "").replace("{revision}", "");
            if rest.contains(['{', '}']) || template.is_empty() {
                return Err(BadPattern::Word(text.to_owned()));
            }
            Ok((name.to_owned(), template.to_owned()))
        };
        texts.into_iter().map(pair).collect()
    }

    /// These, with those of `other` in the place of their like and the rest beside them.
    #[must_use]
    pub fn with(&self, other: &[(String, String)]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !other.iter().any(|(n, _)| n == name));
        Self(kept.chain(other).cloned().collect())
    }

    /// The template of a label, filled in for each of these revisions; none where there is no such label.
    pub fn values(&self, label: &str, namespace: &Namespace, revisions: [&RevisionName; 2]) -> Option<Vec<String>> {
        let (_, template) = self.0.iter().find(|(name, _)| name == label)?;
        Some(revisions.iter().map(|revision| filled(template, namespace, revision)).collect())
    }

    /// True if a series with these labels is this revision's.
    pub fn fits(&self, labels: &BTreeMap<String, String>, namespace: &Namespace, revision: &RevisionName) -> bool {
        self.0.iter().all(|(name, template)| {
            let wanted = filled(template, namespace, revision);
            glob(&wanted, labels.get(name).map_or("", String::as_str))
        })
    }

    /// As matchers of PromQL, for all the revisions at once.
    pub fn promql(&self, namespace: &Namespace, revisions: [&RevisionName; 2]) -> String {
        // `=~` must match the whole value (Prometheus anchors it), so that `hello-1` does not take `hello-11` along.
        let mut text = String::new();
        for (name, template) in &self.0 {
            let mut values: Vec<String> =
                revisions.iter().map(|r| expression(&filled(template, namespace, r))).collect();
            // Where a template has no `{revision}` both revisions ask for the same value.
            values.dedup();
            let value = values.join("|").replace('\\', "\\\\").replace('"', "\\\"");
            let _ = write!(text, ",{name}=~\"{value}\"");
        }
        text
    }
}

fn filled(template: &str, namespace: &Namespace, revision: &RevisionName) -> String {
    template.replace("{namespace}", namespace.as_str()).replace("{revision}", revision.as_str())
}

/// A regular expression (RE2) of a text with stars.
pub(crate) fn expression(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '*' => out.push_str(".*"),
            c if c.is_ascii_alphanumeric() || "_-/".contains(c) || !c.is_ascii() => out.push(c),
            // Names of revisions have dots, which would stand for any character.
            c => out.extend(['\\', c]),
        }
    }
    out
}

/// True if `text` is `pattern`, whose stars stand for anything.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[&str]) -> Labels {
        Labels::new(texts.iter().copied()).unwrap()
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "a", false),
            ("ab*bc", "abc", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("*", "", true),
            ("outbound|*||hello-1.*", "outbound|80||hello-1.shop.svc", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_series_is_whose_labels_say_so() {
        let labels = labels(&["envoy_cluster_name={namespace}/{revision}", "job=edge"]);
        let series = |cluster: &str, job: &str| {
            BTreeMap::from([("envoy_cluster_name".to_owned(), cluster.to_owned()), ("job".to_owned(), job.to_owned())])
        };
        let (namespace, revision) = ("shop".parse().unwrap(), "hello-1".parse().unwrap());
        assert!(labels.fits(&series("shop/hello-1", "edge"), &namespace, &revision));
        assert!(!labels.fits(&series("shop/hello-10", "edge"), &namespace, &revision));
        assert!(!labels.fits(&series("shop/hello-1", "other"), &namespace, &revision));
        assert!(!labels.fits(&BTreeMap::new(), &namespace, &revision));
    }

    #[test]
    fn promql_holds_both_arms_and_nothing_else_by_accident() {
        let (namespace, a, b) = ("shop".parse().unwrap(), "hello-1".parse().unwrap(), "hello-2".parse().unwrap());
        let labels = labels(&["cluster={namespace}/{revision}.*", "job=a\"b"]);
        assert_eq!(
            labels.promql(&namespace, [&a, &b]),
            r#",cluster=~"shop/hello-1\\..*|shop/hello-2\\..*",job=~"a\\\"b""#
        );
    }

    #[test]
    fn templates_that_name_nobody_are_refused() {
        for (texts, wanted) in [
            (vec!["x"], BadPattern::Form("x".into())),
            (vec!["1x={revision}"], BadPattern::Name("1x".into())),
            (vec!["={revision}"], BadPattern::Name(String::new())),
            (vec!["x={rev}"], BadPattern::Word("x={rev}".into())),
            (vec!["x="], BadPattern::Word("x=".into())),
            (vec!["x={namespace}"], BadPattern::NoRevision),
            (vec![], BadPattern::NoRevision),
        ] {
            assert_eq!(Labels::new(texts), Err(wanted));
        }
    }
}
