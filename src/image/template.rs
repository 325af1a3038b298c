//! Templates of names and tags: text with `{variables}`.
//!
//! Decides which variables there are, and what is no template. A brace cannot be escaped, because no reference can hold one.
//! Depends on nothing.

use std::fmt;

/// A variable of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// `{service}`: the Service's name.
    Service,
    /// `{namespace}`: its namespace.
    Namespace,
    /// `{branch}`: the branch.
    Branch,
    /// `{commit}`, or `{commit:7}` with so many digits.
    Commit(Option<usize>),
}

/// What the variables stand for; `None`: not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values<'a> {
    /// The Service's name.
    pub service: Option<&'a str>,
    /// Its namespace.
    pub namespace: Option<&'a str>,
    /// The branch.
    pub branch: Option<&'a str>,
    /// The commit's whole hash.
    pub commit: Option<&'a str>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TemplatePiece {
    /// Text as it is.
    Text(String),
    /// A variable.
    Variable(Variable),
}

/// A text with variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(super) pieces: Vec<TemplatePiece>,
}

/// A text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// An unknown variable.
    #[error("there is no variable `{{{found}}}` here; there are: {known}")]
    Unknown {
        /// What stands between the braces.
        found: String,
        /// Those that may.
        known: &'static str,
    },
    /// A brace without its other half.
    #[error("a `{{` or `}}` without its other half")]
    Brace,
    /// A variable whose value is not known.
    #[error("nothing says what `{0}` is")]
    Missing(Variable),
}

/// What a name's template may use.
const OF_NAMES: &str = "{service}, {namespace}";
/// What a tag's template may use.
const OF_TAGS: &str = "{commit}, {commit:N} (its first N digits, 4 to 64), {branch}, {service}, {namespace}";

impl Template {
    /// A template of a repository or a name below it.
    pub fn of_name(text: &str) -> Result<Self, BadTemplate> {
        Self::read(text, OF_NAMES, |word| match word {
            "service" => Some(Variable::Service),
            "namespace" => Some(Variable::Namespace),
            _ => None,
        })
    }

    /// A template of a tag.
    pub fn of_tag(text: &str) -> Result<Self, BadTemplate> {
        Self::read(text, OF_TAGS, |word| match word {
            "service" => Some(Variable::Service),
            "namespace" => Some(Variable::Namespace),
            "branch" => Some(Variable::Branch),
            "commit" => Some(Variable::Commit(None)),
            _ => {
                // git shortens no hash below four digits, and SHA-256 has 64.
                let digits = word.strip_prefix("commit:")?.parse().ok()?;
                (4..=64).contains(&digits).then_some(Variable::Commit(Some(digits)))
            }
        })
    }

    fn read(text: &str, known: &'static str, variable: impl Fn(&str) -> Option<Variable>) -> Result<Self, BadTemplate> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            let (word, after) = from.strip_prefix('{').and_then(|f| f.split_once('}')).ok_or(BadTemplate::Brace)?;
            if word.contains('{') {
                return Err(BadTemplate::Brace);
            }
            if !before.is_empty() {
                pieces.push(TemplatePiece::Text(before.to_owned()));
            }
            let unknown = || BadTemplate::Unknown { found: word.chars().take(40).collect(), known };
            pieces.push(TemplatePiece::Variable(variable(word).ok_or_else(unknown)?));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(TemplatePiece::Text(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// True if it uses a variable that this accepts.
    pub fn uses(&self, accepts: impl Fn(Variable) -> bool) -> bool {
        self.pieces.iter().any(|p| matches!(p, TemplatePiece::Variable(v) if accepts(*v)))
    }

    /// The text with every variable filled in.
    pub fn fill(&self, values: &Values<'_>) -> Result<String, BadTemplate> {
        self.pieces.iter().map(|piece| value(piece, values)).collect()
    }
}

/// What one piece stands for.
pub(super) fn value<'a>(piece: &'a TemplatePiece, values: &Values<'a>) -> Result<&'a str, BadTemplate> {
    let variable = match piece {
        TemplatePiece::Text(text) => return Ok(text),
        TemplatePiece::Variable(variable) => *variable,
    };
    let value = match variable {
        Variable::Service => values.service,
        Variable::Namespace => values.namespace,
        Variable::Branch => values.branch,
        Variable::Commit(None) => values.commit,
        Variable::Commit(Some(digits)) => values.commit.map(|c| c.get(..digits).unwrap_or(c)),
    };
    value.ok_or(BadTemplate::Missing(variable))
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("{service}"),
            Self::Namespace => f.write_str("{namespace}"),
            Self::Branch => f.write_str("{branch}"),
            Self::Commit(None) => f.write_str("{commit}"),
            Self::Commit(Some(digits)) => write!(f, "{{commit:{digits}}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALUES: Values<'_> =
        Values { service: Some("hello"), namespace: Some("shop"), branch: Some("main"), commit: Some("3f2a9c1d") };

    #[test]
    fn variables_are_filled_in() {
        for (text, filled) in [
            ("{service}", "hello"),
            ("{namespace}-{service}", "shop-hello"),
            ("mono/{namespace}/{service}", "mono/shop/hello"),
            ("constant", "constant"),
            ("", ""),
        ] {
            assert_eq!(Template::of_name(text).unwrap().fill(&VALUES).unwrap(), filled);
        }
        let tag = Template::of_tag("{branch}-{commit:4}+{commit}.{commit:64}").unwrap();
        assert_eq!(tag.fill(&VALUES).unwrap(), "main-3f2a+3f2a9c1d.3f2a9c1d");
    }

    #[test]
    fn what_is_no_template_is_told() {
        for (text, said) in [
            ("{commit}", "there is no variable `{commit}` here; there are: {service}, {namespace}"),
            ("{Service}", "there is no variable `{Service}` here; there are: {service}, {namespace}"),
            ("{}", "there is no variable `{}` here; there are: {service}, {namespace}"),
            ("{service", "a `{` or `}` without its other half"),
            ("service}", "a `{` or `}` without its other half"),
            ("{{service}}", "a `{` or `}` without its other half"),
        ] {
            assert_eq!(Template::of_name(text).unwrap_err().to_string(), said);
        }
        for text in ["{commit:3}", "{commit:65}", "{commit:}", "{commit:-7}", "{date}"] {
            assert!(Template::of_tag(text).unwrap_err().to_string().contains("{commit:N}"), "{text}");
        }
    }

    #[test]
    fn a_value_that_nobody_knows_is_named() {
        let error = Template::of_tag("{commit:8}").unwrap().fill(&Values::default()).unwrap_err();
        assert_eq!(error.to_string(), "nothing says what `{commit:8}` is");
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_told_not_to_be(text in "[a-z{}:0-9é-]{0,30}") {
            if let Ok(template) = Template::of_tag(&text) {
                // Without variables it is the text itself.
                if !template.uses(|_| true) {
                    prop_assert_eq!(&template.fill(&VALUES).unwrap(), &text);
                }
            }
            let _ = Template::of_name(&text);
        }
    }
}
