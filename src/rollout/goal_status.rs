//! What was started for a Service's goal, as it stands on the Service: annotation `andante.dev/goal-status`, as a value.
//!
//! Decides the form of the annotation and its bounds, that it counts for the one object that it was written on, and that one which
//! cannot be read says nothing but is told from another one. What only a newer Andante knows is written back as it was. A status
//! that names the declared goal means that nothing is to be started for it. Depends on names, the owner, times and JSON.

use crate::model::name::{GoalId, name_type};
use crate::model::observed::{GOAL_STATUS, Service};
use crate::model::template::AGAIN;
use crate::rollout::owner::{Owner, OwnerKind};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

name_type! {
    /// The name of a run that was started.
    RunName, "name of a run", "lower-case letters, digits and `-`, at most 63 characters",
    |t| t.len() <= 63 && !t.is_empty() && !t.starts_with('-') && !t.ends_with('-')
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The longest text that is read, in bytes.
const LONGEST: usize = 4096;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 512;
/// The longest word by which a second start was asked for, in characters.
const LONGEST_AGAIN: usize = 64;
/// What is read of the annotation; the rest is a newer Andante's.
const FIELDS: [&str; 9] = ["goal", "run", "kind", "made", "phase", "reason", "time", "again", "uid"];

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
    /// The run is known to have been made. One that is not is named alone, so that whoever comes next makes it.
    pub made: bool,
    /// Where the way to it is.
    pub phase: GoalPhase,
    /// A sentence for people, at most 512 characters.
    pub reason: String,
    /// When this was written.
    pub time: Option<Timestamp>,
    /// The word by which a second start was asked for last, in the annotation `andante.dev/again`; at most 64 characters.
    pub again: Option<String>,
    /// What only a newer Andante knows.
    pub newer: Map<String, Value>,
}

impl GoalStatus {
    /// A status that says this, and of no goal yet.
    pub fn new(phase: GoalPhase, reason: impl Into<String>, time: Option<Timestamp>) -> Self {
        Self { goal: None, run: None, made: true, phase, reason: reason.into(), time, again: None, newer: Map::new() }
    }

    /// The status of a run that nobody noted when it was started; none of a person's, which is no run.
    pub fn of_run(goal: &GoalId, owner: &Owner, service: &Service, at: Timestamp) -> Option<Self> {
        if owner.kind == OwnerKind::Person {
            return None;
        }
        // The run lives in the Service's namespace, and the status names it without that.
        let name = owner.name.rsplit('/').next().unwrap_or_default().parse().ok()?;
        let run = StartedRun { kind: Some(format!("{:?}", owner.kind)), name };
        // The word that stands there asked for what works now: left out, it would ask for one more run.
        let again = asked_again(service);
        let status = Self::new(GoalPhase::Started, format!("{owner} works for it"), Some(at));
        Some(Self { goal: Some(goal.clone()), run: Some(run), again, ..status })
    }

    /// Reads the annotation; an error says why it cannot be read, none that it was written on another object: one that was
    /// copied or restored from a backup was never acted on.
    fn read(text: &str, uid: &str) -> Result<Option<Self>, String> {
        if text.len() > LONGEST {
            return Err(format!("it has {} bytes, and at most {LONGEST} are read", text.len()));
        }
        let mut object: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| "it is no JSON object".to_owned())?;
        let field = |name: &str| object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        // Those of old name none.
        if field("uid").is_some_and(|written_on| written_on != uid) {
            return Ok(None);
        }
        let goal = field("goal").map(str::parse).transpose().map_err(|e: crate::model::name::BadName| e.to_string())?;
        let name = field("run").map(str::parse).transpose().map_err(|e: crate::model::name::BadName| e.to_string())?;
        let kind = field("kind").filter(|kind| kind.bytes().all(|b| b.is_ascii_alphanumeric())).map(str::to_owned);
        let phase = GoalPhase::of_word(field("phase").ok_or("it has no `phase`")?);
        let made = object.get("made").and_then(Value::as_bool).unwrap_or(true);
        let reason = cut(field("reason").unwrap_or_default(), LONGEST_REASON);
        let time = field("time").and_then(|time| time.parse().ok());
        let again = field("again").map(again_of);
        object.retain(|name, _| !FIELDS.contains(&name.as_str()) || (phase == GoalPhase::Other && name == "phase"));
        let run = name.map(|name| StartedRun { kind, name });
        Ok(Some(Self { goal, run, made, phase, reason, time, again, newer: object }))
    }

    /// The annotation's text, on the object with this uid.
    pub fn text(&self, uid: &str) -> String {
        let mut object = Map::new();
        let mut put = |name: &str, value: Option<Value>| object.extend(value.map(|value| (name.to_owned(), value)));
        put("goal", self.goal.as_ref().map(|goal| json!(goal)));
        put("run", self.run.as_ref().map(|run| json!(run.name)));
        put("kind", self.run.as_ref().and_then(|run| run.kind.as_ref()).map(|kind| json!(kind)));
        put("made", (!self.made).then_some(json!(false)));
        put("phase", Some(json!(self.phase.word())));
        put("reason", Some(json!(cut(&self.reason, LONGEST_REASON))));
        put("time", self.time.map(|time| json!(time)));
        put("again", self.again.as_ref().map(|again| json!(again)));
        put("uid", Some(json!(uid)));
        object.extend(self.newer.clone());
        let text = Value::Object(object).to_string();
        // What is too long to be read would count for none.
        if text.len() <= LONGEST || self.newer.is_empty() {
            return text;
        }
        Self { newer: Map::new(), ..self.clone() }.text(uid)
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
    /// Nothing, or what was written on another object: the Service is looked at for the first time.
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
    /// What stands on this Service.
    pub fn of(service: &Service) -> Self {
        let Some(text) = service.annotations.get(GOAL_STATUS) else { return Self::Absent };
        match GoalStatus::read(text, &service.uid) {
            Ok(status) => status.map_or(Self::Absent, Self::Read),
            Err(why) => Self::Unreadable { text: text.clone(), why },
        }
    }

    /// The status, if it can be read.
    pub fn status(&self) -> Option<&GoalStatus> {
        match self {
            Self::Read(status) => Some(status),
            Self::Absent | Self::Unreadable { .. } => None,
        }
    }

    /// The status, if it can be read.
    pub fn into_status(self) -> Option<GoalStatus> {
        match self {
            Self::Read(status) => Some(status),
            Self::Absent | Self::Unreadable { .. } => None,
        }
    }

    /// The goal that was acted on last.
    pub fn goal(&self) -> Option<&GoalId> {
        self.status()?.goal.as_ref()
    }

    /// What the next run's name is told apart by: the run that was named before; where none was, what stands in its place and since
    /// when; where nothing does, which state of the Service it is.
    // Phases and times change under a run that goes on, so they are not in it: two that ask at one moment name one run. Without a
    // run the time is what tells one `reached` from another of the same goal (an adoption, a first look after care was left), or
    // the goal that follows would meet the run of the last time. Whoever names by an older status cannot note it.
    pub fn before(&self, service: &Service) -> String {
        match self {
            Self::Absent => format!("generation {}", service.generation),
            Self::Read(GoalStatus { run: Some(run), .. }) => run.name.to_string(),
            Self::Read(GoalStatus { goal, time, .. }) => {
                let since = time.map(|time| format!(" {time}")).unwrap_or_default();
                format!("{}{since}", goal.as_ref().map_or("", |goal| goal.as_str()))
            }
            Self::Unreadable { text, .. } => text.clone(),
        }
    }
}

/// The word that stands on the Service by which another start is asked for; none where nothing is asked.
pub fn asked_again(service: &Service) -> Option<String> {
    service.annotations.get(AGAIN).map(|text| again_of(text)).filter(|text| !text.is_empty())
}

/// The part that is kept of a word by which a second start is asked for. What was kept is kept whole the next time: a word that
/// came back otherwise would ask for a start without end.
fn again_of(text: &str) -> String {
    cut(one_line(text).trim(), LONGEST_AGAIN)
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// One line of at most so many characters.
pub(super) fn cut(text: &str, longest: usize) -> String {
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
        let started = GoalStatus::new(GoalPhase::Started, "started", "2026-11-30T04:00:00Z".parse().ok());
        let run = StartedRun { kind: Some("PipelineRun".into()), name: "hello-1".parse().unwrap() };
        GoalStatus { goal: Some("0123456789ab".parse().unwrap()), run: Some(run), ..started }
    }

    fn read(text: &str) -> Result<GoalStatus, String> {
        GoalStatus::read(text, "u").map(|read| read.expect("it is of this object"))
    }

    fn service(annotations: Value) -> Service {
        Service::from_json(
            &json!({"metadata": {"name": "hello", "uid": "u", "generation": 1, "annotations": annotations}}),
        )
        .unwrap()
    }

    fn seen(text: &str) -> StatusSeen {
        StatusSeen::of(&service(json!({GOAL_STATUS: text})))
    }

    #[test]
    fn a_status_is_one_small_object() {
        assert_eq!(
            status().text("u"),
            r#"{"goal":"0123456789ab","kind":"PipelineRun","phase":"started","reason":"started","run":"hello-1","time":"2026-11-30T04:00:00Z","uid":"u"}"#
        );
        assert_eq!(read(&status().text("u")), Ok(status()));
        let adopted = GoalStatus { run: None, again: Some("x".into()), phase: GoalPhase::Reached, ..status() };
        assert_eq!(read(&adopted.text("u")), Ok(adopted));
        let named = GoalStatus { made: false, ..status() };
        assert!(named.text("u").contains(r#""made":false"#), "{}", named.text("u"));
        assert_eq!(read(&named.text("u")), Ok(named));
    }

    #[test]
    fn what_was_written_on_another_object_was_never_acted_on() {
        assert_eq!(seen(&status().text("u")), StatusSeen::Read(status()));
        assert_eq!(seen(&status().text("of a Service that was copied")), StatusSeen::Absent);
        // One of old counts as it did.
        let of_old = status().text("u").replace(r#","uid":"u""#, "");
        assert_eq!(seen(&of_old), StatusSeen::Read(status()));
    }

    #[test]
    fn a_status_has_bounds() {
        let long = GoalStatus { reason: "ä\n".repeat(5000), ..status() };
        assert!(long.text("u").len() < LONGEST, "{}", long.text("u").len());
        let short = read(&long.text("u")).unwrap();
        assert_eq!(short.reason.chars().count(), LONGEST_REASON);
        assert!(short.says_the_same(&long) && !short.says_the_same(&status()));
        assert!(read(&" ".repeat(LONGEST + 1)).unwrap_err().contains("at most 4096"));
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
            let found = read(text).unwrap_err();
            assert!(found.starts_with(why), "{text}: {found}");
            assert_eq!((seen(text).before(&service(json!({}))).as_str(), seen(text).goal()), (text, None));
        }
        assert_eq!(StatusSeen::of(&service(json!({}))), StatusSeen::Absent);
    }

    #[test]
    fn what_a_newer_one_says_is_written_back() {
        let text = r#"{"phase":"pondering","goal":"0123456789ab","more":[1]}"#;
        let newer = read(text).unwrap();
        let before = seen(text).before(&service(json!({})));
        assert_eq!((newer.phase, before.as_str()), (GoalPhase::Other, "0123456789ab"));
        let carried = GoalStatus { goal: "ba9876543210".parse().ok(), ..newer };
        let written: Value = serde_json::from_str(&carried.text("u")).unwrap();
        let wanted = json!({"phase": "pondering", "goal": "ba9876543210", "more": [1], "reason": "", "uid": "u"});
        assert_eq!(written, wanted);
    }

    #[test]
    fn a_run_is_noted_with_the_word_that_asked_for_it_and_a_person_is_none() {
        let owner = Owner { kind: OwnerKind::PipelineRun, name: "shop/run-1".into(), uid: "r".into() };
        let (goal, service) = ("0123456789ab".parse().unwrap(), service(json!({AGAIN: " once\nmore"})));
        let noted = GoalStatus::of_run(&goal, &owner, &service, Timestamp::UNIX_EPOCH).unwrap();
        let wanted = json!({"goal": "0123456789ab", "run": "run-1", "kind": "PipelineRun", "phase": "started",
            "reason": "PipelineRun shop/run-1 works for it", "time": "1970-01-01T00:00:00Z", "again": "once more", "uid": "u"});
        assert_eq!(serde_json::from_str::<Value>(&noted.text("u")).unwrap(), wanted);
        let kim = Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() };
        assert_eq!(GoalStatus::of_run(&goal, &kim, &service, Timestamp::UNIX_EPOCH), None);
    }

    proptest! {
        #[test]
        fn a_word_that_was_kept_is_kept_whole(text in "[ a\\x00-\\x1f\\x7f\u{85}é]{0,90}") {
            let kept = again_of(&text);
            prop_assert_eq!(again_of(&kept), kept);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = GoalStatus::read(&text, "u");
        }

        #[test]
        fn what_is_written_is_read(reason in ".{0,700}", again in proptest::option::of("[a-z]{1,64}")) {
            let wrote = GoalStatus { reason, again, ..status() };
            let again = read(&wrote.text("u")).unwrap();
            prop_assert_eq!(again.text("u"), wrote.text("u"));
            prop_assert!(wrote.text("u").len() <= LONGEST);
        }
    }
}
