//! What a counter may be, as an expression of PromQL: series as they were scraped.
//!
//! Decides what is refused before anything is asked. A counter of one pod never falls but for a restart, which is seen and
//! reckoned with. A sum over pods falls when a pod ends, and a walk is a time in which pods end: stable's bad ones would vanish
//! with its pods. `rate()` and `increase()` guess between scrapes, and a test of counts needs counts. So functions and
//! aggregations are refused; filters, `or` and what only renames labels are not. Depends on nothing.

/// Why an expression is no counter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCounter {
    /// Nothing there, or too much.
    #[error("an expression of 1 to {LONGEST} characters is wanted")]
    Length,
    /// Brackets or quotes that do not close.
    #[error("its brackets or quotes do not close")]
    Unclosed,
    /// It would be the same for both revisions.
    #[error(
        "without {{revision}} it is the same counter for both revisions: put it where the revision's name stands, as in `{{rev=\"{{revision}}\"}}`"
    )]
    NoRevision,
    /// It would be one revision's, whoever is asked about.
    #[error("{0} is one of the two revisions: write {{revision}}, which is asked for both")]
    OneRevision(&'static str),
    /// An aggregation.
    #[error(
        "{0}() adds up series of several pods, and falls when one of them ends: name the series themselves, and their growth is \
         added up here"
    )]
    Aggregate(String),
    /// A function.
    #[error(
        "{0}() is no raw counter: name the series themselves, whose growth is taken here without a guess between scrapes"
    )]
    Function(String),
    /// Another time, or a range of times.
    #[error("`{0}` asks for other times: name the series themselves, as they are now")]
    Times(&'static str),
}

/// So many characters an expression may have.
const LONGEST: usize = 500;

/// What makes one series of many.
const AGGREGATES: [&str; 15] = [
    "sum",
    "avg",
    "min",
    "max",
    "count",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "quantile",
    "count_values",
    "limitk",
    "limit_ratio",
    "by",
];

/// What may stand before a bracket: it chooses among series, or renames labels.
const HARMLESS: [&str; 9] =
    ["and", "or", "unless", "on", "ignoring", "group_left", "group_right", "label_replace", "label_join"];

/// A part of an expression, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    /// A word outside of quotes and braces.
    Word(&'a str),
    /// A sign there.
    Sign(char),
}

/// Words and signs outside of quotes and of label matchers; none where something does not close.
fn pieces(text: &str) -> Option<Vec<(usize, Piece<'_>)>> {
    let (mut pieces, mut open) = (Vec::new(), Vec::new());
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let in_braces = open.contains(&'}');
        match c {
            '"' | '\'' | '`' => loop {
                match rest.next()?.1 {
                    '\\' if c != '`' => {
                        rest.next()?;
                    }
                    end if end == c => break,
                    _ => {}
                }
            },
            '(' | '[' | '{' => {
                if !in_braces {
                    pieces.push((at, Piece::Sign(c)));
                }
                open.push(match c {
                    '(' => ')',
                    '[' => ']',
                    _ => '}',
                });
            }
            ')' | ']' | '}' => {
                if open.pop() != Some(c) {
                    return None;
                }
                if !open.contains(&'}') && c != '}' {
                    pieces.push((at, Piece::Sign(c)));
                }
            }
            c if in_braces || c.is_whitespace() => {}
            c if c.is_ascii_alphabetic() || c == '_' || c == ':' => {
                let word = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == ':';
                let mut end = at + c.len_utf8();
                while let Some((at, c)) = rest.next_if(|(_, c)| word(c)) {
                    end = at + c.len_utf8();
                }
                pieces.push((at, Piece::Word(text.get(at..end)?)));
            }
            c => pieces.push((at, Piece::Sign(c))),
        }
    }
    open.is_empty().then_some(pieces)
}

/// Splits `key=value key=value` where the keys stand outside of quotes and brackets; none where it does not begin with a key,
/// or something does not close.
pub(super) fn settings<'a, 'k>(text: &'a str, keys: &[&'k str]) -> Option<Vec<(&'k str, &'a str)>> {
    let text = text.trim();
    let mut depth = 0_usize;
    let mut starts = Vec::new();
    // Brackets that close are no pieces, so that the depth is counted here once more, by the same rules.
    let mut quoted = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (quoted, c) {
            (Some(quote), c) if c == quote && before != '\\' => quoted = None,
            (None, '"' | '\'' | '`') => quoted = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.checked_sub(1)?,
            (None, _) if depth == 0 && before.is_whitespace() => {
                let key = keys.iter().find(|key| text.get(at..).is_some_and(|rest| rest.starts_with(**key)));
                starts.extend(key.map(|key| (at, *key)));
            }
            _ => {}
        }
        // A backslash that is escaped itself escapes nothing.
        before = if before == '\\' && c == '\\' { ' ' } else { c };
    }
    if starts.first().is_none_or(|(at, _)| *at > 0) {
        return None;
    }
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    let value = |((at, key), end): (&(usize, &'k str), usize)| Some((*key, text.get(at + key.len()..end)?.trim()));
    starts.iter().zip(ends).map(value).collect()
}

/// The operands of `or`, where that is all that joins them; else the whole text.
pub(super) fn alternatives(text: &str) -> Vec<&str> {
    let Some(pieces) = pieces(text) else { return vec![text] };
    let (mut depth, mut parts, mut begin) = (0_usize, Vec::new(), 0);
    for (n, (at, piece)) in pieces.iter().enumerate() {
        match piece {
            Piece::Sign('(') => depth += 1,
            Piece::Sign(')') => depth = depth.saturating_sub(1),
            Piece::Word("or") if depth == 0 => {
                if matches!(pieces.get(n + 1), Some((_, Piece::Word("on" | "ignoring")))) {
                    return vec![text];
                }
                parts.extend(text.get(begin..*at).map(str::trim));
                begin = at + "or".len();
            }
            _ => {}
        }
    }
    parts.extend(text.get(begin..).map(str::trim));
    parts
}

/// Whether it can be a raw counter of one revision.
pub(super) fn check(text: &str) -> Result<(), BadCounter> {
    if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(BadCounter::Length);
    }
    if let Some(one) = ["{stable}", "{candidate}"].into_iter().find(|one| text.contains(one)) {
        return Err(BadCounter::OneRevision(one));
    }
    if !text.contains("{revision}") {
        return Err(BadCounter::NoRevision);
    }
    let filled = text.replace("{revision}", "r").replace("{namespace}", "n");
    let pieces = pieces(&filled).ok_or(BadCounter::Unclosed)?;
    let mut words = pieces.iter().map(|(_, piece)| *piece).peekable();
    while let Some(piece) = words.next() {
        match (piece, words.peek()) {
            (Piece::Sign('['), _) => return Err(BadCounter::Times("[...]")),
            (Piece::Sign('@'), _) => return Err(BadCounter::Times("@")),
            (Piece::Word("offset"), Some(_)) => return Err(BadCounter::Times("offset")),
            (Piece::Word(word), Some(Piece::Sign('('))) if !HARMLESS.contains(&word) => {
                let word = word.to_owned();
                let adds_up = AGGREGATES.contains(&word.as_str());
                return Err(if adds_up { BadCounter::Aggregate(word) } else { BadCounter::Function(word) });
            }
            (Piece::Word(word), Some(Piece::Word("by" | "without"))) => {
                return Err(BadCounter::Aggregate(word.to_owned()));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_or_joins_is_told_apart() {
        for (text, parts) in [
            ("a", &["a"][..]),
            ("a{x=\" or \"} or b_{c} or (d or e)", &["a{x=\" or \"}", "b_{c}", "(d or e)"]),
            ("a or on (x) b", &["a or on (x) b"]),
        ] {
            assert_eq!(alternatives(text), parts, "{text}");
        }
    }

    #[test]
    fn series_as_they_were_scraped_are_counters() {
        for good in [
            "orders_total{rev=\"{revision}\"}",
            "{__name__=\"orders.total\", rev='{revision}', path=~\"/(a|b)\\\"[0-9]+\"}",
            "orders_{revision}",
            "a{r=\"{revision}\"} or b{r=\"{revision}\"}",
            "a{r=\"{revision}\"} + on (pod, instance) (b{r=\"{revision}\"})",
            "label_replace(a{r=\"{revision}\"}, \"x\", \"sum(y)\", \"\", \"\")",
            "sum_total{r=\"{revision}\"}",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_no_raw_counter_says_why() {
        let sum = |word: &str| BadCounter::Aggregate(word.to_owned());
        let function = |word: &str| BadCounter::Function(word.to_owned());
        for (text, wanted) in [
            ("", BadCounter::Length),
            (&"x".repeat(501), BadCounter::Length),
            ("a", BadCounter::NoRevision),
            ("a{r=\"{candidate}\"}", BadCounter::OneRevision("{candidate}")),
            ("a{r=\"{stable}\",s=\"{revision}\"}", BadCounter::OneRevision("{stable}")),
            ("a{r=\"{revision}\"", BadCounter::Unclosed),
            ("a{r=\"{revision}}", BadCounter::Unclosed),
            ("a{r=\"{revision}\"})", BadCounter::Unclosed),
            ("sum(a{r=\"{revision}\"})", sum("sum")),
            ("sum by (r) (a{r=\"{revision}\"})", sum("sum")),
            ("1 * max  (a{r=\"{revision}\"}) ", sum("max")),
            ("rate(a{r=\"{revision}\"}[1m])", function("rate")),
            ("a{r=\"{revision}\"}[1m]", BadCounter::Times("[...]")),
            ("a{r=\"{revision}\"} offset 5m", BadCounter::Times("offset")),
            ("a{r=\"{revision}\"} @ 1", BadCounter::Times("@")),
        ] {
            assert_eq!(check(text), Err(wanted), "{text}");
        }
    }
}
