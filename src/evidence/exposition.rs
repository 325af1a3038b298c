//! The text in which processes expose their metrics (Prometheus text format 0.0.4, and OpenMetrics as far as it is the
//! same): samples out of it.
//!
//! Decides what is a sample and what cannot be one. Only lines of wanted names are read whole, because a gateway of a
//! thousand services writes some 50 MB, nearly all of it about others. Depends on the bound
//! of a count.

use super::reading::MOST_COUNTED;
use std::collections::BTreeMap;

/// One series at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value, unchecked: [`crate::evidence::series`] checks that a count is one.
    pub value: f64,
}

impl Sample {
    /// Its value as a count: a whole number from 0 to [`MOST_COUNTED`]; none if it is not one.
    pub fn count(&self) -> Option<u64> {
        let value = Some(self.value).filter(|v| v.is_finite() && *v >= 0.0 && v.fract() == 0.0)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole; too much is cut")]
        let count = value as u64;
        (count <= MOST_COUNTED).then_some(count)
    }
}

/// A line that is none of the format's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Malformed {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it; none of its own text, which may be anything.
    pub why: &'static str,
}

/// More labels than any exporter of requests gives a series.
const MOST_LABELS: usize = 128;

/// The samples whose name is wanted, in the order of the text. A line that does not even begin with a name is an error
/// wherever it stands, because the text is no exposition then (a login page, say).
pub fn parse(text: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<Sample>, Malformed> {
    let mut samples = Vec::new();
    // Lines end with a line feed alone: a label's value may hold other separators.
    for (i, line) in text.split('\n').enumerate() {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let malformed = |why| Malformed { line: i + 1, why };
        let end = line.find(|c: char| !is_name(c)).ok_or_else(|| malformed("a name without a value"))?;
        let (name, rest) = line.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !rest.starts_with(['{', ' ', '\t']) {
            return Err(malformed("it does not begin with the name of a metric"));
        }
        if wanted(name) {
            let (labels, rest) = labels(rest).map_err(malformed)?;
            let value = value(rest).map_err(malformed)?;
            samples.push(Sample { name: name.to_owned(), labels, value });
        }
    }
    Ok(samples)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// The labels in braces, if there are any, and what follows them.
fn labels(text: &str) -> Result<(BTreeMap<String, String>, &str), &'static str> {
    let mut labels = BTreeMap::new();
    let text = text.trim_start();
    let Some(mut rest) = text.strip_prefix('{') else { return Ok((labels, text)) };
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, after) = rest.split_once('=').ok_or("a label without `=`")?;
        let name = name.trim();
        if name.is_empty() || !name.chars().all(is_name) {
            return Err("a label whose name is none");
        }
        let (value, after) = quoted(after.trim_start())?;
        // Which of the two is meant decides whose the series is, so neither is taken.
        if labels.insert(name.to_owned(), value).is_some() {
            return Err("a label that stands there twice");
        }
        if labels.len() > MOST_LABELS {
            return Err("too many labels");
        }
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest,
            None if rest.starts_with('}') => rest,
            None => return Err("labels that are not separated by a comma"),
        };
    }
}

/// A quoted value, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let body = text.strip_prefix('"').ok_or("a label's value without quotes")?;
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, body.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('\\' | '"'))) => value.push(c),
                // As Prometheus reads it: an unknown escape stands for itself.
                Some((_, c)) => value.extend(['\\', c]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a label's value without an end")
}

/// The value; a time or an exemplar may follow it and is not looked at.
fn value(text: &str) -> Result<f64, &'static str> {
    let word = text.split_whitespace().next().ok_or("no value")?;
    // Rust reads `inf`, `NaN` and signs as the format writes them, but also words that it does not know.
    let known = word.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c))
        || ["nan", "inf", "+inf", "-inf"].contains(&word.to_ascii_lowercase().as_str());
    word.parse().ok().filter(|_| known).ok_or("a value that is no number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Result<Vec<Sample>, Malformed> {
        parse(text, |_| true)
    }

    fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Sample { name: name.into(), labels, value }
    }

    #[test]
    fn what_gateways_write_is_read() {
        let text = "# HELP x y\n# TYPE rq counter\nrq{cluster=\"shop/hello-1\",le=\"+Inf\"} 264\n\nplain 1e+06\n\
                    \ttimed{a=\"b\",} 3 1700000000000\r\nopen_total{} 7 # {trace=\"x\"} 1\nc:d{ a = \"\" , b=\"x\" }  +Inf\n# EOF\n";
        assert_eq!(
            all(text).unwrap(),
            [
                sample("rq", &[("cluster", "shop/hello-1"), ("le", "+Inf")], 264.0),
                sample("plain", &[], 1e6),
                sample("timed", &[("a", "b")], 3.0),
                sample("open_total", &[], 7.0),
                sample("c:d", &[("a", ""), ("b", "x")], f64::INFINITY),
            ]
        );
    }

    #[test]
    fn escapes_and_separators_stay_in_their_value() {
        let text = r#"x{a="quote \" brace } comma , slash \\ line \n other \d"} 1"#;
        let labels = all(text).unwrap().remove(0).labels;
        assert_eq!(labels["a"], "quote \" brace } comma , slash \\ line \n other \\d");
    }

    #[test]
    fn what_is_no_sample_is_named_by_its_line() {
        for (text, line, why) in [
            ("<html>", 1, "it does not begin with the name of a metric"),
            ("a 1\n{} 2", 2, "it does not begin with the name of a metric"),
            ("1a 2", 1, "it does not begin with the name of a metric"),
            ("a=2", 1, "it does not begin with the name of a metric"),
            ("a", 1, "a name without a value"),
            ("a ", 1, "a name without a value"),
            ("a{} ", 1, "no value"),
            ("a one", 1, "a value that is no number"),
            ("a infinity", 1, "a value that is no number"),
            ("a{b} 1", 1, "a label without `=`"),
            ("a{b=c} 1", 1, "a label's value without quotes"),
            ("a{b=\"c} 1", 1, "a label's value without an end"),
            ("a{b=\"c\\", 1, "a label's value without an end"),
            ("a{b=\"c\" d=\"e\"} 1", 1, "labels that are not separated by a comma"),
            ("a{b=\"c\",b=\"d\"} 1", 1, "a label that stands there twice"),
            ("a{=\"c\"} 1", 1, "a label whose name is none"),
        ] {
            assert_eq!(all(text), Err(Malformed { line, why }), "{text}");
        }
        let many: Vec<String> = (0..200).map(|n| format!("l{n}=\"\"")).collect();
        assert_eq!(all(&format!("a{{{}}} 1", many.join(","))).unwrap_err().why, "too many labels");
    }

    #[test]
    fn only_wanted_names_are_read_whole() {
        let text = "other{broken} what\nwanted 1\n";
        assert_eq!(parse(text, |name| name == "wanted").unwrap(), [sample("wanted", &[], 1.0)]);
    }

    proptest! {
        /// What is written by the format's rules is read back as it was.
        #[test]
        fn written_is_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
            labels in proptest::collection::btree_map("[a-z_][a-z0-9_]{0,8}", any::<String>(), 0..6),
            value in any::<f64>(),
        ) {
            let escape = |v: &String| v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let inside: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escape(v))).collect();
            // A name or a label may hold `inf` as well, so the value alone is written otherwise.
            let number = format!("{value:e}").replace("inf", "Inf");
            let text = format!("# TYPE {name} counter\n{name}{{{}}} {number}\n", inside.join(","));
            let read = all(&text).unwrap();
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(&read[0].name, &name);
            prop_assert_eq!(&read[0].labels, &labels);
            prop_assert!(read[0].value.to_bits() == value.to_bits() || (value.is_nan() && read[0].value.is_nan()));
        }

        /// Nothing that anybody sends brings it down, and what it takes has a name.
        #[test]
        fn anything_is_borne(text in "(?s).{0,400}", spice in "[a{}=\",\\\\ \n0-9]{0,200}") {
            for text in [&text, &spice, &format!("{spice}{text}")] {
                for sample in all(text).unwrap_or_default() {
                    prop_assert!(!sample.name.is_empty());
                }
            }
        }
    }
}
