//! What was started stands on the Service: annotation `andante.dev/goal-status`, as a value.
//!
//! Decides the form of the annotation and its bounds, and that one which cannot be read says nothing but is told from another
//! one. Depends on names, times and JSON.

use super::run_name::RunName;
use crate::model::name::GoalId;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The longest text that is read, in bytes.
const LONGEST: usize = 4096;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 512;
/// The longest word by which a second start was asked for, in characters.
const LONGEST_AGAIN: usize = 64;

/// Where the way to a goal is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoalPhase {
    /// A run was started for it.
    Started,
    /// It serves, and nothing had to be started.
    Reached,
    /// Its run ended well.
    Done,
    /// Its run failed.
    Failed,
    /// The declaration cannot be acted on; goal and run are those of before.
    Unreadable,
    /// A word that only a newer Andante knows.
    Other,
}

impl GoalPhase {
    const ALL: [Self; 6] = [Self::Started, Self::Reached, Self::Done, Self::Failed, Self::Unreadable, Self::Other];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Reached => "reached",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unreadable => "unreadable",
            Self::Other => "other",
        }
    }

    fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|phase| phase.word() == word).unwrap_or(Self::Other)
    }
}

/// A run that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedRun {
    /// Its kind, as far as it is known: `PipelineRun`.
    pub kind: Option<String>,
    /// Its name, in the Service's namespace.
    pub name: RunName,
}

/// What the annotation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalStatus {
    /// The goal that was acted on last; none: nothing but faults was ever found.
    pub goal: Option<GoalId>,
    /// The run that was started for it; none: it was reached without one.
    pub run: Option<StartedRun>,
    /// Where the way to it is.
    pub phase: GoalPhase,
    /// A sentence for people, at most 512 characters.
    pub reason: String,
    /// When this was written.
    pub time: Option<Timestamp>,
    /// The word by which a second start was asked for last, in the annotation `andante.dev/again`; at most 64 characters.
    pub again: Option<String>,
}

impl GoalStatus {
    /// Reads the annotation; an error says why it cannot be read.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it has {} bytes, and at most {LONGEST} are read", text.len()));
        }
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|_| "it is no JSON object".to_owned())?;
        let field = |name: &str| object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let goal = field("goal").map(str::parse).transpose().map_err(|e: crate::model::name::BadName| e.to_string())?;
        let name = field("run").map(str::parse).transpose().map_err(|e: crate::model::name::BadName| e.to_string())?;
        let kind = field("kind").filter(|kind| kind.bytes().all(|b| b.is_ascii_alphanumeric())).map(str::to_owned);
        let phase = GoalPhase::of_word(field("phase").ok_or("it has no `phase`")?);
        Ok(Self {
            goal,
            run: name.map(|name| StartedRun { kind, name }),
            phase,
            reason: cut(field("reason").unwrap_or_default(), LONGEST_REASON),
            time: field("time").and_then(|time| time.parse().ok()),
            again: field("again").map(again_of),
        })
    }

    /// The annotation's text.
    pub fn text(&self) -> String {
        let mut object = Map::new();
        let mut put = |name: &str, value: Option<Value>| object.extend(value.map(|value| (name.to_owned(), value)));
        put("goal", self.goal.as_ref().map(|goal| json!(goal)));
        put("run", self.run.as_ref().map(|run| json!(run.name)));
        put("kind", self.run.as_ref().and_then(|run| run.kind.as_ref()).map(|kind| json!(kind)));
        put("phase", Some(json!(self.phase.word())));
        put("reason", Some(json!(cut(&self.reason, LONGEST_REASON))));
        put("time", self.time.map(|time| json!(time)));
        put("again", self.again.as_ref().map(|again| json!(again)));
        Value::Object(object).to_string()
    }

    /// The same but for its time: it need not be written again.
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { time: None, reason: cut(&self.reason, LONGEST_REASON), ..self.clone() }
            == Self { time: None, reason: cut(&other.reason, LONGEST_REASON), ..other.clone() }
    }
}

/// What stands where the status would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusSeen {
    /// Nothing: the Service is looked at for the first time.
    Absent,
    /// A status.
    Read(GoalStatus),
    /// Something that nobody can read.
    Unreadable {
        /// The text.
        text: String,
        /// Why it cannot be read.
        why: String,
    },
}

impl StatusSeen {
    /// What this annotation says.
    pub fn of(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::Absent };
        GoalStatus::read(text).map_or_else(|why| Self::Unreadable { text: text.to_owned(), why }, Self::Read)
    }

    /// The status, if it can be read.
    pub fn status(&self) -> Option<&GoalStatus> {
        match self {
            Self::Read(status) => Some(status),
            Self::Absent | Self::Unreadable { .. } => None,
        }
    }

    /// What the next run's name is told apart by: the run that was named before; else the goal; else whatever stands there.
    // Phases and times change under a run that goes on, so they are not in it: two that ask at one moment name one run.
    pub(super) fn before(&self) -> &str {
        match self {
            Self::Absent => "",
            Self::Read(GoalStatus { run: Some(run), .. }) => run.name.as_str(),
            Self::Read(GoalStatus { goal, .. }) => goal.as_ref().map_or("", |goal| goal.as_str()),
            Self::Unreadable { text, .. } => text,
        }
    }
}

/// The part that is kept of a word by which a second start is asked for. What was kept is kept whole the next time: a word that
/// came back otherwise would ask for a start without end.
pub(crate) fn again_of(text: &str) -> String {
    cut(one_line(text).trim(), LONGEST_AGAIN)
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// One line of at most so many characters.
fn cut(text: &str, longest: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= longest {
        return line;
    }
    line.chars().take(longest.saturating_sub(3)).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn status() -> GoalStatus {
        GoalStatus {
            goal: Some("0123456789ab".parse().unwrap()),
            run: Some(StartedRun { kind: Some("PipelineRun".into()), name: "hello-1".parse().unwrap() }),
            phase: GoalPhase::Started,
            reason: "started".into(),
            time: Some("2026-11-30T04:00:00Z".parse().unwrap()),
            again: None,
        }
    }

    #[test]
    fn a_status_is_one_small_object() {
        assert_eq!(
            status().text(),
            r#"{"goal":"0123456789ab","kind":"PipelineRun","phase":"started","reason":"started","run":"hello-1","time":"2026-11-30T04:00:00Z"}"#
        );
        assert_eq!(GoalStatus::read(&status().text()), Ok(status()));
        let adopted = GoalStatus { run: None, again: Some("x".into()), phase: GoalPhase::Reached, ..status() };
        assert_eq!(GoalStatus::read(&adopted.text()), Ok(adopted));
    }

    #[test]
    fn a_status_has_bounds() {
        let long = GoalStatus { reason: "ä\n".repeat(5000), ..status() };
        assert!(long.text().len() < LONGEST, "{}", long.text().len());
        let read = GoalStatus::read(&long.text()).unwrap();
        assert_eq!(read.reason.chars().count(), LONGEST_REASON);
        assert!(read.says_the_same(&long) && !read.says_the_same(&status()));
        assert!(GoalStatus::read(&" ".repeat(LONGEST + 1)).unwrap_err().contains("at most 4096"));
    }

    #[test]
    fn what_cannot_be_read_is_told_from_another() {
        for (text, why) in [
            ("", "it is no JSON object"),
            ("[]", "it is no JSON object"),
            ("{}", "it has no `phase`"),
            (r#"{"phase":"started","goal":"x"}"#, "`x` is not a goal id"),
            (r#"{"phase":"started","run":"A b"}"#, "`A b` is not a name of a run"),
        ] {
            let found = GoalStatus::read(text).unwrap_err();
            assert!(found.starts_with(why), "{text}: {found}");
            assert_eq!(StatusSeen::of(Some(text)).before(), text);
        }
        assert_eq!(StatusSeen::of(None), StatusSeen::Absent);
        let newer = GoalStatus::read(r#"{"phase":"pondering","goal":"0123456789ab","more":1}"#).unwrap();
        assert_eq!((newer.phase, StatusSeen::Read(newer).before()), (GoalPhase::Other, "0123456789ab"));
    }

    proptest! {
        #[test]
        fn a_word_that_was_kept_is_kept_whole(text in "[ a\\x00-\\x1f\\x7f\u{85}é]{0,90}") {
            let kept = again_of(&text);
            prop_assert_eq!(again_of(&kept), kept);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = GoalStatus::read(&text);
        }

        #[test]
        fn what_is_written_is_read(reason in ".{0,700}", again in proptest::option::of("[a-z]{1,64}")) {
            let wrote = GoalStatus { reason, again, ..status() };
            let read = GoalStatus::read(&wrote.text()).unwrap();
            prop_assert_eq!(read.text(), wrote.text());
            prop_assert!(wrote.text().len() <= LONGEST);
        }
    }
}
