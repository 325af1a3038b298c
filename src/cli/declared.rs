//! What a call is not given and takes from what its Service declares, else from what its caller means by default.
//!
//! Decides which flags a declaration may say, and the order: given to this call, declared, the caller's own default, the
//! program's. So a pipeline writes every flag and leaves empty what nobody gave it, and a run that is made by hand is the one
//! that `start` would make. It may use clap's description of the command line and declared parameters.

use super::given::{named, subcommand};
use super::{Cli, reject_unresolved};
use crate::model::name::GoalId;
use crate::rollout::declaration::params::{ParamValue, Params};
use clap::{Arg, ArgAction, Args, Command, CommandFactory};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// Flags of one call alone: which Service of which cluster it is about, whose it is, and where its answer goes.
const PRIVATE: [&str; 11] = [
    "namespace",
    "kubeconfig",
    "context",
    "output",
    "results",
    "goal",
    "intent-at",
    "need-image",
    "declared",
    "declared-as",
    "otherwise",
];
/// The declared list of more flags.
const MORE: &str = "flags";
/// The flag that says which container a change is for.
const CONTAINER: &str = "container";

/// Flags of what a call is not given.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is not given")]
pub struct DeclaredArgs {
    /// Take what is not given from what the Service declares: each flag by its name from andante.dev/params and from its list
    /// `flags`, the container, and the goal as it is when the run begins. Where neither an image nor another change is given, the
    /// newest revision is taken up, however it came about.
    #[arg(long)]
    pub declared: bool,
    /// Under which name a flag is declared, where that is another one; `FLAG=`: it is taken from no declaration.
    #[arg(long, value_name = "FLAG=NAME", value_parser = named_value)]
    pub declared_as: Vec<(String, String)>,
    /// What a flag is where neither this call nor the Service says it. Of two for one flag the later one counts.
    #[arg(long, value_name = "FLAG=VALUE", value_parser = named_value)]
    pub otherwise: Vec<(String, String)>,
}

impl DeclaredArgs {
    /// True if the Service is to be read for it.
    pub fn reads(&self) -> bool {
        self.declared || !self.declared_as.is_empty()
    }
}

/// The goal that a run is told: an id, or `none`, so that nothing is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalArg(pub Option<GoalId>);

pub(super) fn goal(text: &str) -> Result<GoalArg, String> {
    reject_unresolved(text)?;
    if text == "none" {
        return Ok(GoalArg(None));
    }
    text.parse().map(|id| GoalArg(Some(id))).map_err(|error: crate::model::name::BadName| error.to_string())
}

/// `NAME=VALUE`, where the value may be empty.
pub(super) fn named_value(text: &str) -> Result<(String, String), String> {
    reject_unresolved(text)?;
    let (name, value) =
        text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("not of the form NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// What a Service declares for a call.
#[derive(Debug)]
pub struct DeclaredFlags {
    /// The declared parameters.
    pub params: Params,
    /// The declared container.
    pub container: Option<String>,
    /// The goal that the run is of, or why none can be told.
    pub goal: Result<Option<GoalId>, String>,
    /// This is a run's pod, whose files whoever made it knows. At a terminal they are a person's.
    pub in_pod: bool,
}

impl Cli {
    /// The same call with what it was not given, and those flags of it that the Service says.
    pub fn completed(&self, asks: &DeclaredArgs, declared: &DeclaredFlags) -> Result<(Self, Vec<String>), String> {
        let root = Self::command();
        let (sub, at) = subcommand(&root, &self.typed);
        let given = named(&root, &self.typed);
        let mut call = Completion { sub, asks, given, said: BTreeMap::new(), taken: Vec::new() };
        let mut named = asks.declared_as.iter().filter(|(flag, _)| flag != MORE).chain(&asks.otherwise);
        if let Some((unknown, _)) = named.find(|(flag, _)| call.flag(flag).is_none()) {
            return Err(format!(
                "--declared-as and --otherwise begin with a flag, and `andante {}` has no --{unknown}",
                sub.get_name()
            ));
        }
        call.take_declared(declared)?;
        let said = call.taken.clone();
        // A step's own comes first, and what its pipeline makes of it later.
        for (flag, value) in asks.otherwise.iter().rev() {
            if let Some(arg) = call.flag(flag).filter(|arg| call.in_the_way(arg, call.all()).is_none()) {
                call.take(arg, "otherwise", &[value.as_str()])?;
            }
        }
        let mut arguments = self.typed.clone();
        arguments.splice(at..at, call.taken.into_iter().map(OsString::from));
        match Self::of_arguments(arguments) {
            Ok(cli) => Ok((cli, said)),
            Err(error) => {
                let text = error.to_string();
                let why = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Err(format!("with what the Service declares ({}): {why}", said.join(" ")))
            }
        }
    }
}

/// A call that is being completed.
struct Completion<'a> {
    sub: &'a Command,
    asks: &'a DeclaredArgs,
    /// Flags that the call was given.
    given: BTreeSet<String>,
    /// Flags that it has from elsewhere, and where each is said.
    said: BTreeMap<String, String>,
    taken: Vec<String>,
}

impl<'a> Completion<'a> {
    fn flag(&self, name: &str) -> Option<&'a Arg> {
        self.sub.get_arguments().find(|flag| flag.get_long() == Some(name))
    }

    /// The one of these flags that stands in the way of this one: itself, or one that excludes it.
    fn in_the_way<'b>(&self, flag: &Arg, mut of: impl Iterator<Item = &'b String>) -> Option<&'b String> {
        let excludes = |one: &Arg, other: &Arg| {
            self.sub.get_arg_conflicts_with(one).iter().any(|excluded| excluded.get_id() == other.get_id())
        };
        let stands = |other: &Arg| other.get_id() == flag.get_id() || excludes(other, flag) || excludes(flag, other);
        of.find(|name| self.flag(name).is_some_and(stands))
    }

    /// Every flag that has its value.
    fn all(&self) -> impl Iterator<Item = &String> {
        self.given.iter().chain(self.said.keys())
    }

    /// True if the call itself says this flag, or one that excludes it: who gives a revision wants no declared image. So it is of the
    /// image where a build was to name one: an older one that is declared must not be rolled out in its place.
    fn is_given(&self, flag: &Arg) -> bool {
        let built = flag.get_long() == Some("image") && self.given.contains("need-image");
        built || self.in_the_way(flag, self.given.iter()).is_some()
    }

    fn take_declared(&mut self, declared: &DeclaredFlags) -> Result<(), String> {
        let of_change = |flag: &&Arg| flag.get_long() == Some(CONTAINER);
        for (name, value) in declared.params.iter() {
            for flag in self.flags_of(name.as_str()).into_iter().filter(|flag| !of_change(flag)) {
                self.take_value(flag, &format!("`{name}`"), value, declared)?;
            }
        }
        self.take_more(declared)?;
        // A container is that of a change, and what is there already is taken up as it is.
        if ["image", "set-env", "from-file"].iter().any(|flag| self.all().any(|has| has == flag)) {
            for (name, value) in declared.params.iter() {
                for flag in self.flags_of(name.as_str()).into_iter().filter(of_change) {
                    self.take_value(flag, &format!("`{name}`"), value, declared)?;
                }
            }
            if let Some((flag, name)) = self.flag(CONTAINER).zip(declared.container.as_ref())
                && self.asks.declared
                && self.in_the_way(flag, self.all()).is_none()
            {
                self.take(flag, "andante.dev/container", &[name.as_str()])?;
            }
        }
        if let Some(flag) = self.flag("goal").filter(|flag| self.asks.declared && !self.is_given(flag))
            && let Some(id) = declared.goal.clone()?
        {
            self.take(flag, "the goal", &[id.as_str()])?;
        }
        Ok(())
    }

    /// The flags that a declared name says.
    fn flags_of(&self, name: &str) -> Vec<&'a Arg> {
        let renamed = self.asks.declared_as.iter().filter(|(_, declared)| declared == name);
        let renamed = renamed.filter_map(|(flag, _)| self.flag(flag));
        let same = self.flag(name).filter(|flag| self.asks.declared && !self.is_renamed(name) && !is_private(flag));
        renamed.chain(same).collect()
    }

    fn is_renamed(&self, flag: &str) -> bool {
        self.asks.declared_as.iter().any(|(renamed, _)| renamed == flag)
    }

    /// Takes what is declared at this place, unless the call says it. A declaration that says it twice, or says what excludes it,
    /// is at fault: whichever were taken, its owner may have meant the other one.
    fn take_value(
        &mut self,
        flag: &Arg,
        place: &str,
        value: &ParamValue,
        declared: &DeclaredFlags,
    ) -> Result<(), String> {
        let at_fault = |why: &str| Err(format!("annotation andante.dev/params: {place} {why}"));
        let texts: Vec<&str> = match value {
            ParamValue::Text(text) => vec![text],
            ParamValue::List(list) => list.iter().map(String::as_str).collect(),
        };
        // As of a flag: what is empty says nothing.
        let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        if texts.is_empty() || self.is_given(flag) {
            return Ok(());
        }
        if matches!(value, ParamValue::List(_)) && !matches!(flag.get_action(), ArgAction::Append) {
            return at_fault("is a list, and one text is taken there");
        }
        if is_file(flag) && !declared.in_pod {
            return at_fault(
                "names a file of this machine, which no declaration does at a terminal: give the flag itself",
            );
        }
        if let Some(other) = self.in_the_way(flag, self.said.keys()).and_then(|other| self.said.get(other)) {
            return at_fault(&format!(
                "stands beside {other}, and only one of the two can be meant: take the other away"
            ));
        }
        self.take(flag, place, &texts)
    }

    /// Takes the declared list of more flags, each `--name=value`.
    fn take_more(&mut self, declared: &DeclaredFlags) -> Result<(), String> {
        let renamed = self.asks.declared_as.iter().find(|(flag, _)| flag == MORE).map(|(_, name)| name.as_str());
        let Some(more) = renamed.or_else(|| self.asks.declared.then_some(MORE)) else { return Ok(()) };
        let Some((_, value)) = declared.params.iter().find(|(name, _)| name.as_str() == more) else { return Ok(()) };
        let list = match value {
            ParamValue::Text(text) => std::slice::from_ref(text),
            ParamValue::List(list) => list.as_slice(),
        };
        let mut of_list = BTreeSet::new();
        for word in list.iter().filter(|word| !word.is_empty()) {
            let at_fault = |why: &str| format!("annotation andante.dev/params: `{word}` in `{more}` {why}");
            let named = word.strip_prefix("--").ok_or_else(|| at_fault("is not of the form --name=value"))?;
            let (name, text) = named.split_once('=').unwrap_or((named, "true"));
            // A run that `start` made is given the same list.
            if self.given.contains(name) {
                continue;
            }
            let flag = self.flag(name).ok_or_else(|| at_fault("is no flag of this command"))?;
            if is_private(flag) {
                return Err(at_fault("is for a call to say, and not for a declaration"));
            }
            // It is declared under another name, or not at all.
            if self.is_renamed(name) {
                continue;
            }
            // Of one list a flag may be there several times.
            if of_list.contains(name) && matches!(flag.get_action(), ArgAction::Append) {
                self.said.remove(name);
            }
            of_list.insert(name.to_owned());
            self.take_value(flag, &format!("`{word}` in `{more}`"), &ParamValue::Text(text.to_owned()), declared)?;
        }
        Ok(())
    }

    fn take(&mut self, flag: &Arg, place: &str, values: &[&str]) -> Result<(), String> {
        let name = flag.get_long().ok_or("a flag without a name")?;
        self.taken.extend(values.iter().map(|value| format!("--{name}={value}")));
        self.said.insert(name.to_owned(), place.to_owned());
        Ok(())
    }
}

fn is_private(flag: &Arg) -> bool {
    flag.get_long().is_none_or(|name| PRIVATE.contains(&name))
}

fn is_file(flag: &Arg) -> bool {
    flag.get_value_names().is_some_and(|names| names.iter().any(|name| ["FILE", "DIR"].contains(&name.as_str())))
}

#[cfg(test)]
mod tests;
