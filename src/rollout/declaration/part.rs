//! The annotations that declare, by name.
//!
//! Decides what each is called, what may stand there in words, which others are Andante's own, and which name was probably
//! meant by a misspelt one. Depends on the names of our annotations.

use crate::image::defaults::ANNOTATION as IMAGE_REPOSITORY;
use crate::model::observed::{CONTROL, GOAL_STATUS, PIPELINE, PROGRESS, RECORD};
use crate::model::template::{AGAIN, DIGEST};

/// What every annotation of ours begins with.
pub(crate) const PREFIX: &str = "andante.dev/";

/// What can be declared; each has an annotation of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeclaredPart {
    /// Who is in charge.
    Pipeline,
    /// Parameters for it.
    Params,
    /// The repository of the source.
    Source,
    /// The commit, or the name of a branch or tag.
    SourceRevision,
    /// The folder in it.
    SourcePath,
    /// Where the image goes.
    ImageRepository,
    /// Which container gets the image.
    Container,
    /// The share of users that the goal's code shall end with.
    Traffic,
    /// Nothing is started, and what runs holds. It is no part of the goal.
    Suspend,
}

impl DeclaredPart {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Pipeline,
        Self::Params,
        Self::Source,
        Self::SourceRevision,
        Self::SourcePath,
        Self::ImageRepository,
        Self::Container,
        Self::Traffic,
        Self::Suspend,
    ];

    /// Its annotation.
    pub const fn annotation(self) -> &'static str {
        match self {
            Self::Pipeline => PIPELINE,
            Self::Params => "andante.dev/params",
            Self::Source => "andante.dev/source",
            Self::SourceRevision => "andante.dev/source-revision",
            Self::SourcePath => "andante.dev/source-path",
            Self::ImageRepository => IMAGE_REPOSITORY,
            Self::Container => "andante.dev/container",
            Self::Traffic => "andante.dev/traffic",
            Self::Suspend => "andante.dev/suspend",
        }
    }

    /// What only those may write who have the right to declare (docs/care.md): every part, and the word that asks for one more
    /// run. The policies of `config/care` hold the same list.
    pub fn guarded() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::annotation).chain([AGAIN])
    }

    /// What may stand there, as an instruction.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Pipeline => {
                "write NAME (a Pipeline of this namespace), KIND/NAME, APIVERSION/KIND/NAME, ExternalOperation, or an object \
                 {apiVersion, kind, name} or {apiVersion, kind, resolver, params}"
            }
            Self::Params => {
                "write a YAML or JSON map of texts and lists of texts, such as {style: canary, steps: ['5', '25']}"
            }
            Self::Source => {
                "write a repository's address: https://HOST/PATH, http://HOST/PATH, ssh://git@HOST/PATH, git://HOST/PATH or \
                 git@HOST:PATH"
            }
            Self::SourceRevision => "write a commit's whole hash, or the name of a branch or tag",
            Self::SourcePath => "write a folder of the repository, such as services/shop",
            Self::ImageRepository => {
                "write a repository such as registry.example.com/team, also with {service} and {namespace}"
            }
            Self::Container => "write the name of a container of the template",
            Self::Traffic => "write a whole percentage from 1 to 100",
            Self::Suspend => "write true, or say why in words",
        }
    }

    /// The part whose annotation has this name.
    pub(crate) fn of_annotation(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.annotation() == name)
    }
}

/// Who was in charge before `ExternalOperation` was declared: the owner's memory, which declares nothing.
pub(crate) const PIPELINE_WAS: &str = "andante.dev/pipeline-was";

/// Of which set the Service's file was when it was applied (`andante apply --set`): who is no longer in the set can be told by it.
pub(crate) const APPLIED_SET: &str = "andante.dev/applied-set";

/// It lets one write through in care, whoever's that is.
pub(crate) const BREAK_GLASS: &str = "andante.dev/break-glass";

/// What processes of ours note on a Service. In care the policies put back what somebody else's write drops of it (`config/care`).
pub const NOTES: [&str; 4] = [RECORD, CONTROL, GOAL_STATUS, PROGRESS];

/// Other annotations of ours that declare nothing: they ask one thing once, or remember.
const OTHERS: [&str; 6] = [AGAIN, DIGEST, PIPELINE_WAS, "andante.dev/kept", BREAK_GLASS, APPLIED_SET];

/// What the name of an annotation of ours that is not known here was probably meant to be.
pub(super) enum Unknown {
    /// It differs from this one by a slip.
    Misspelt(DeclaredPart),
    /// It is like none of them: a newer Andante's, perhaps.
    Strange,
}

/// What an annotation is that does not declare; `None` for those of others, and for ours that are known.
pub(super) fn unknown(name: &str) -> Option<Unknown> {
    let key = plain(name.strip_prefix(PREFIX)?);
    if DeclaredPart::of_annotation(name).is_some() || NOTES.contains(&name) || OTHERS.contains(&name) {
        return None;
    }
    let known = DeclaredPart::ALL.map(|part| (part, plain(part.annotation().trim_start_matches(PREFIX))));
    let near = known.into_iter().map(|(part, known)| (distance(&key, &known), part)).min();
    // Two slips in a long word; a shorter one is another word soon.
    Some(match near {
        Some((slips, part)) if slips <= 2 && slips * 3 < key.chars().count() => Unknown::Misspelt(part),
        _ => Unknown::Strange,
    })
}

/// A name as it sounds: `sourceRevision`, `source_revision` and `source-revision` are one.
fn plain(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// How many letters have to be put in, taken away or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((to, above), diagonal) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(from != *to)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        for (name, meant) in [
            ("piplines", DeclaredPart::Pipeline),
            ("Pipeline", DeclaredPart::Pipeline),
            ("pipeline-ref", DeclaredPart::Pipeline),
            ("param", DeclaredPart::Params),
            ("sourceRevision", DeclaredPart::SourceRevision),
            ("source_path", DeclaredPart::SourcePath),
            ("image-repositry", DeclaredPart::ImageRepository),
            ("contaner", DeclaredPart::Container),
            ("trafic", DeclaredPart::Traffic),
            ("suspended", DeclaredPart::Suspend),
        ] {
            let found = unknown(&format!("{PREFIX}{name}"));
            let same = matches!(found, Some(Unknown::Misspelt(part)) if part == meant);
            assert_eq!(same, name != "pipeline-ref", "{name}");
        }
        for name in ["style", "team", "x", "", "par", "goal"] {
            assert!(matches!(unknown(&format!("{PREFIX}{name}")), Some(Unknown::Strange)), "{name}");
        }
        for name in NOTES.into_iter().chain(OTHERS).chain(DeclaredPart::ALL.map(DeclaredPart::annotation)) {
            assert!(name.starts_with(PREFIX) && unknown(name).is_none(), "{name}");
        }
        assert!(unknown("example.com/trafic").is_none());
    }

    #[test]
    fn a_distance_is_the_number_of_slips() {
        for (a, b, slips) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("abc", "abc", 0), ("abc", "axc", 1), ("abcd", "bd", 2)]
        {
            assert_eq!(distance(a, b), slips, "{a} {b}");
            assert_eq!(distance(b, a), slips, "{a} {b}");
        }
    }
}
