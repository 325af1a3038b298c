//! What becomes of a directory of Services, for people and programs.
//!
//! Decides words and the form of the table; [`crate::machine::apply`] decides what becomes of each.

use crate::machine::apply::prune::Leftover;
use crate::machine::apply::{ApplyChange, Foreseen, Walker};
use crate::model::name::ServiceName;
use crate::model::outcome::{Code, Outcome};
use crate::model::writers::OwnedField;
use serde_json::{Value, json};

/// One Service of the directory.
#[derive(Debug)]
pub(crate) struct ApplyRow {
    /// Its name.
    pub service: ServiceName,
    /// Its file.
    pub file: String,
    /// What becomes of it, or why nothing can.
    pub foreseen: Result<Foreseen, Box<Outcome>>,
    /// What else is to be said.
    pub notes: Vec<String>,
}

/// Services whose files are gone.
#[derive(Debug)]
pub(crate) struct Leftovers {
    /// The set.
    pub set: String,
    /// The Services.
    pub left: Vec<Leftover>,
    /// By it somebody says that these are meant.
    pub hash: String,
}

fn named(fields: &[OwnedField]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl ApplyRow {
    /// Why nothing can be written, where that is so.
    pub(crate) fn refused(&self) -> Option<Outcome> {
        match &self.foreseen {
            Err(outcome) => Some(outcome.as_ref().clone()),
            Ok(foreseen) if !foreseen.conflicts.is_empty() => {
                Some(crate::machine::apply::conflict(&foreseen.conflicts))
            }
            Ok(_) => None,
        }
    }

    /// What is written of it, in a word or two.
    pub(crate) fn state(&self) -> String {
        match (&self.foreseen, self.refused()) {
            (_, Some(refused)) if refused.code == Code::TakenOver => "conflict".to_owned(),
            (Err(_), _) | (_, Some(_)) => "refused".to_owned(),
            (Ok(foreseen), None) if foreseen.parts.is_empty() => foreseen.change.word().to_owned(),
            (Ok(foreseen), None) => format!("{} ({})", foreseen.change.word(), foreseen.parts.join(", ")),
        }
    }

    /// Sentences below the table.
    fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(refused) = self.refused() {
            said.push(refused.line());
        }
        if let Ok(foreseen) = &self.foreseen {
            if foreseen.adopts {
                said.push(
                    "its users follow latest, so it is adopted first: they are named, and nobody moves".to_owned(),
                );
            }
            if foreseen.leaves_split {
                said.push("spec.traffic of the file is left out, since its rollouts write it".to_owned());
            }
            if !foreseen.taken.is_empty() {
                let same = if foreseen.change == ApplyChange::Owned { ", with the values that they have" } else { "" };
                said.push(format!("the files own from now on{same}: {}", named(&foreseen.taken)));
            }
            if !foreseen.drift.is_empty() {
                said.push(format!("drift, which stays: the file does not say {}", named(&foreseen.drift)));
            }
        }
        said.extend(self.notes.iter().cloned());
        said
    }

    fn json(&self) -> Value {
        let foreseen = self.foreseen.as_ref().ok();
        let fields = |of: fn(&Foreseen) -> &Vec<OwnedField>| -> Value {
            let list = foreseen.map(of).into_iter().flatten();
            list.map(|field| json!({"field": field.field.trim_start_matches('.'), "manager": field.manager})).collect()
        };
        let refused = self.refused();
        json!({
            "service": self.service,
            "file": self.file,
            "state": refused.as_ref().map_or_else(|| foreseen.map_or("refused", |f| f.change.word()), |_| "refused"),
            "parts": foreseen.map(|foreseen| foreseen.parts.clone()).unwrap_or_default(),
            "conflicts": fields(|foreseen| &foreseen.conflicts),
            "takenOver": fields(|foreseen| &foreseen.taken),
            "drift": fields(|foreseen| &foreseen.drift),
            "adopts": foreseen.is_some_and(|foreseen| foreseen.adopts),
            "walk": foreseen.map(|foreseen| match foreseen.walker {
                Walker::Nobody => "",
                Walker::RollOut => "roll-out",
                Walker::Start => "start",
            }),
            "refused": refused.map(|outcome| outcome.line()),
            "notes": self.notes,
        })
    }
}

impl Leftovers {
    /// Why this hash does not mean these, if it does not.
    pub(crate) fn not_meant(&self, asked: &str) -> Option<String> {
        let why = if self.left.is_empty() {
            format!("no Service of set {} is without a file, so --prune={asked} means others", self.set)
        } else {
            format!("--prune={asked} means others than are there now: {}", self.line())
        };
        (self.hash != asked).then_some(why)
    }

    /// Which they are, and what deletes them.
    pub(crate) fn line(&self) -> String {
        let names: Vec<&str> = self.left.iter().map(|left| left.service.as_str()).collect();
        format!("of set {} and without a file: {}; --prune={} deletes them", self.set, names.join(", "), self.hash)
    }
}

/// The table, and the sentences below it.
pub(crate) fn lines(rows: &[ApplyRow]) -> Vec<String> {
    let width = |of: &dyn Fn(&ApplyRow) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let (name, state) = (width(&|row| row.service.as_str().len()).max(7), width(&|row| row.state().len()).max(5));
    let line = |a: &str, b: &str, c: &str| format!("{a:<name$}  {b:<state$}  {c}");
    let table = rows.iter().map(|row| line(row.service.as_str(), &row.state(), &row.file));
    let said =
        rows.iter().flat_map(|row| row.sentences().into_iter().map(move |said| format!("{}: {said}", row.service)));
    [line("SERVICE", "STATE", "FILE")].into_iter().chain(table).chain(said).collect()
}

/// All of it as one object. `written`: what was written of it; `ended`: how.
pub(crate) fn whole(rows: &[ApplyRow], left: Option<&Leftovers>, written: &[String], ended: &Outcome) -> Value {
    json!({
        "services": rows.iter().map(ApplyRow::json).collect::<Vec<_>>(),
        "leftovers": left.map(|left| json!({
            "set": left.set,
            "services": left.left.iter().map(|one| one.service.as_str()).collect::<Vec<_>>(),
            "hash": left.hash,
        })),
        "written": written,
        "outcome": ended.word,
        "code": ended.code.number(),
        "text": ended.what,
        "next": ended.next,
    })
}
