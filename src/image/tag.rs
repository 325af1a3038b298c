//! The tag of an image, made of its commit.
//!
//! Decides what each style is, and the one rule by which a text becomes a tag: every run of characters that a tag may
//! not hold becomes one `-`; `.` and `-` at the beginning go; a text of more than 128 characters loses the end of its
//! branch. The commit is never shortened, so two commits never share a tag by this rule. Depends on references.

use super::commit::SHORT;
use super::template::{BadTemplate, Template, TemplatePiece, Values, Variable, value};
use crate::image::reference::ImageTag;
use crate::image::reference::tag::{LONGEST, is_tag_byte};

/// Marks the image of a tree that differs from its commit; the word is that of `git describe --dirty`.
const DIRTY: &str = "-dirty";

/// A tag that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTag {
    /// The template cannot be filled.
    #[error(transparent)]
    Template(#[from] BadTemplate),
    /// No rule makes a tag of it.
    #[error("`{0}` cannot become a tag: a tag has letters, digits, `_`, `.` and `-`, does not begin with `.` or `-`")]
    Nothing(String),
    /// Too long, and there is no branch to shorten.
    #[error("`{found}` has {length} characters, a tag at most {LONGEST}")]
    Long {
        /// Its beginning.
        found: String,
        /// How long it is.
        length: usize,
    },
    /// It would have to be changed, and `--strict` forbids that.
    #[error(
        "`{found}` is not a tag (it would become `{tag}`), and --strict changes nothing: letters, digits, `_`, `.` \
             and `-`, not beginning with `.` or `-`, at most {LONGEST} characters"
    )]
    Strict {
        /// What it would have been.
        found: String,
        /// What the rule makes of it.
        tag: String,
    },
}

/// A tag, and what it was before the rule changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The tag.
    pub tag: ImageTag,
    /// What the template gave, where that was no tag.
    pub was: Option<String>,
}

/// The template of a style: `full`, `short`, `branch` (or `branch-commit`), or the text itself.
pub fn style(text: &str) -> Result<Template, BadTemplate> {
    match text {
        "full" => Template::of_tag("{commit}"),
        "short" => Template::of_tag(&format!("{{commit:{SHORT}}}")),
        "branch" | "branch-commit" => Template::of_tag(&format!("{{branch}}-{{commit:{SHORT}}}")),
        _ => Template::of_tag(text),
    }
}

/// Makes the tag.
pub fn make(template: &Template, values: &Values<'_>, dirty: bool, strict: bool) -> Result<Made, BadTag> {
    let mark = if dirty { DIRTY } else { "" };
    let was = template.fill(values)? + mark;
    let tag = by_rule(template, values, mark)?;
    if tag == was {
        return Ok(Made { tag: parsed(&tag, &was)?, was: None });
    }
    if strict {
        return Err(BadTag::Strict { found: clipped(&was), tag });
    }
    Ok(Made { tag: parsed(&tag, &was)?, was: Some(clipped(&was)) })
}

fn by_rule(template: &Template, values: &Values<'_>, mark: &str) -> Result<String, BadTag> {
    let mut parts = Vec::new();
    // Each piece is cleaned by itself, so that only the branch is shortened and the template's own separators stay.
    for piece in &template.pieces {
        let is_branch = *piece == TemplatePiece::Variable(Variable::Branch);
        parts.push((is_branch, cleaned(value(piece, values)?)));
    }
    parts.push((false, mark.to_owned()));
    let whole = |parts: &[(bool, String)]| {
        let text: String = parts.iter().map(|(_, text)| text.as_str()).collect();
        text.trim_start_matches(['.', '-']).to_owned()
    };
    let text = whole(&parts);
    if text.len() <= LONGEST {
        return Ok(text);
    }
    let fixed: usize = parts.iter().filter(|(branch, _)| !branch).map(|(_, text)| text.len()).sum();
    let branches = parts.iter().filter(|(branch, _)| *branch).count();
    let share = LONGEST.checked_sub(fixed).and_then(|room| room.checked_div(branches)).filter(|share| *share > 0);
    let Some(share) = share else { return Err(BadTag::Long { found: clipped(&text), length: text.len() }) };
    for (_, text) in parts.iter_mut().filter(|(branch, _)| *branch) {
        // Cleaned texts are ASCII.
        text.truncate(share);
        // A cut may leave a separator at the end, and the next one follows.
        text.truncate(text.trim_end_matches(['.', '-']).len());
    }
    Ok(whole(&parts))
}

/// Every run of characters that a tag may not hold becomes one `-`.
fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut replaced = false;
    for c in text.chars() {
        let fits = u8::try_from(c).is_ok_and(is_tag_byte);
        if fits || !replaced {
            clean.push(if fits { c } else { '-' });
        }
        replaced = !fits;
    }
    clean
}

fn parsed(tag: &str, was: &str) -> Result<ImageTag, BadTag> {
    tag.parse().map_err(|_| BadTag::Nothing(clipped(was)))
}

fn clipped(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMIT: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";

    fn made(template: &str, branch: &str, dirty: bool) -> Result<Made, BadTag> {
        let values = Values { branch: Some(branch), commit: Some(COMMIT), ..Values::default() };
        make(&style(template).unwrap(), &values, dirty, false)
    }

    fn tag(template: &str, branch: &str) -> String {
        made(template, branch, false).unwrap().tag.to_string()
    }

    #[test]
    fn styles() {
        for (template, expected) in [
            ("full", COMMIT),
            ("short", "3f2a9c1d5e6f"),
            ("branch", "main-3f2a9c1d5e6f"),
            ("branch-commit", "main-3f2a9c1d5e6f"),
            ("{commit:7}", "3f2a9c1"),
            ("v1.2.{commit:7}", "v1.2.3f2a9c1"),
            ("v1.2.3", "v1.2.3"),
        ] {
            let made = made(template, "main", false).unwrap();
            assert_eq!((made.tag.as_str(), made.was), (expected, None), "{template}");
        }
    }

    #[test]
    fn one_rule_makes_a_tag_of_anything() {
        for (branch, expected) in [
            ("feature/new-thing", "feature-new-thing-3f2a9c1d5e6f"),
            ("feature//new  thing", "feature-new-thing-3f2a9c1d5e6f"),
            ("dependabot/npm_and_yarn/x-1.2", "dependabot-npm_and_yarn-x-1.2-3f2a9c1d5e6f"),
            ("größe", "gr-e-3f2a9c1d5e6f"),
            ("-x", "x-3f2a9c1d5e6f"),
            ("..", "3f2a9c1d5e6f"),
            ("日本", "3f2a9c1d5e6f"),
            ("#42", "42-3f2a9c1d5e6f"),
        ] {
            let made = made("branch", branch, false).unwrap();
            assert_eq!(made.tag.as_str(), expected);
            assert_eq!(made.was, Some(format!("{branch}-3f2a9c1d5e6f")));
        }
    }

    #[test]
    fn a_long_branch_loses_its_end_and_the_commit_stays() {
        let long = tag("branch-commit", &"x/".repeat(100));
        assert_eq!(long, format!("{}x-3f2a9c1d5e6f", "x-".repeat(57)));
        let twice = tag("{branch}.{branch}.{commit}", &"b".repeat(100));
        assert_eq!(twice, format!("{}.{}.{COMMIT}", "b".repeat(43), "b".repeat(43)));
        let dirty = made("{branch}-{commit}", &"b".repeat(100), true).unwrap();
        assert_eq!(dirty.tag.as_str(), format!("{}-{COMMIT}-dirty", "b".repeat(81)));
    }

    #[test]
    fn what_no_rule_can_save_is_told() {
        let error = made("{branch}", "//", false).unwrap_err().to_string();
        assert!(error.starts_with("`//` cannot become a tag"), "{error}");
        let error = made(&"x".repeat(129), "", false).unwrap_err();
        assert_eq!(error, BadTag::Long { found: "x".repeat(129), length: 129 });
        assert!(matches!(made("", "", false), Err(BadTag::Nothing(_))));
    }

    #[test]
    fn strict_changes_nothing() {
        let values = Values { branch: Some("a/b"), commit: Some(COMMIT), ..Values::default() };
        let error = make(&style("branch").unwrap(), &values, false, true).unwrap_err().to_string();
        assert!(error.starts_with("`a/b-3f2a9c1d5e6f` is not a tag (it would become `a-b-3f2a9c1d5e6f`)"), "{error}");
        assert!(make(&style("full").unwrap(), &values, true, true).is_ok(), "a mark is no change");
    }

    #[test]
    fn a_dirty_tree_is_marked() {
        assert_eq!(made("short", "", true).unwrap().tag.as_str(), "3f2a9c1d5e6f-dirty");
    }

    proptest! {
        #[test]
        fn whatever_the_branch_is_the_commit_is_whole(branch in ".{0,300}", dirty: bool) {
            let made = made("{branch}-{commit}", &branch, dirty).unwrap();
            let end = if dirty { format!("{COMMIT}-dirty") } else { COMMIT.to_owned() };
            prop_assert!(made.tag.as_str().ends_with(&end));
            prop_assert!(made.tag.as_str().len() <= LONGEST);
        }

        #[test]
        fn a_tag_is_kept_and_the_rule_is_final(text in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}") {
            let made = made(&text, "", false).unwrap();
            prop_assert_eq!(made, Made { tag: text.parse().unwrap(), was: None });
        }

        #[test]
        fn any_template_makes_a_tag_or_tells(text in ".{0,200}", branch in ".{0,200}") {
            if let Ok(template) = style(&text) {
                let values = Values { branch: Some(&branch), commit: Some(COMMIT), ..Values::default() };
                let _ = make(&template, &values, false, false);
            }
        }
    }
}
