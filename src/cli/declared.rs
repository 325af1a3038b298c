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
use std::collections::BTreeSet;
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
        let mut call = Completion { sub, asks, has: named(&root, &self.typed), taken: Vec::new() };
        if let Some((unknown, _)) = asks.declared_as.iter().chain(&asks.otherwise).find(|(flag, _)| !call.knows(flag)) {
            return Err(format!(
                "--declared-as and --otherwise begin with a flag, and `andante {}` has no --{unknown}",
                sub.get_name()
            ));
        }
        call.take_declared(declared)?;
        let said = call.taken.clone();
        // A step's own comes first, and what its pipeline makes of it later.
        for (flag, value) in asks.otherwise.iter().rev() {
            if let Some(arg) = call.flag(flag).filter(|arg| call.is_free(arg)) {
                call.take(arg, &[value.as_str()])?;
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
    /// Flags that have their value.
    has: BTreeSet<String>,
    taken: Vec<String>,
}

impl<'a> Completion<'a> {
    fn flag(&self, name: &str) -> Option<&'a Arg> {
        self.sub.get_arguments().find(|flag| flag.get_long() == Some(name))
    }

    fn knows(&self, name: &str) -> bool {
        name == MORE || self.flag(name).is_some()
    }

    /// True if neither this flag nor one that excludes it has a value: who gives a revision wants no declared image.
    fn is_free(&self, flag: &Arg) -> bool {
        let excludes = |one: &Arg, other: &Arg| {
            self.sub.get_arg_conflicts_with(one).iter().any(|excluded| excluded.get_id() == other.get_id())
        };
        let mut others = self.has.iter().filter_map(|name| self.flag(name));
        !others.any(|other| other.get_id() == flag.get_id() || excludes(other, flag) || excludes(flag, other))
    }

    fn take_declared(&mut self, declared: &DeclaredFlags) -> Result<(), String> {
        for (name, value) in declared.params.iter() {
            for flag in self.flags_of(name.as_str()) {
                self.take_value(flag, name.as_str(), value, declared)?;
            }
        }
        if self.asks.declared && !self.is_renamed(MORE) {
            self.take_more(declared)?;
        }
        if !self.asks.declared {
            return Ok(());
        }
        let changes = ["image", "set-env", "from-file"].iter().any(|flag| self.has.contains(*flag));
        if let Some((flag, name)) = self.flag("container").zip(declared.container.as_ref())
            && changes
            && self.is_free(flag)
        {
            self.take(flag, &[name.as_str()])?;
        }
        if let Some(flag) = self.flag("goal").filter(|flag| self.is_free(flag))
            && let Some(id) = declared.goal.clone()?
        {
            self.take(flag, &[id.as_str()])?;
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

    fn take_value(
        &mut self,
        flag: &Arg,
        name: &str,
        value: &ParamValue,
        declared: &DeclaredFlags,
    ) -> Result<(), String> {
        if !self.is_free(flag) {
            return Ok(());
        }
        let at_fault = |why: &str| Err(format!("annotation andante.dev/params: `{name}` {why}"));
        if is_file(flag) && !declared.in_pod {
            return at_fault(
                "names a file of this machine, which no declaration does at a terminal: give the flag itself",
            );
        }
        match value {
            // As of a flag: what is empty says nothing.
            ParamValue::Text(text) if text.is_empty() => Ok(()),
            ParamValue::Text(text) => self.take(flag, &[text.as_str()]),
            ParamValue::List(list) if matches!(flag.get_action(), ArgAction::Append) => {
                self.take(flag, &list.iter().map(String::as_str).collect::<Vec<_>>())
            }
            ParamValue::List(_) => at_fault("is a list, and one text is taken there"),
        }
    }

    /// Takes the declared list of more flags, each `--name=value`.
    fn take_more(&mut self, declared: &DeclaredFlags) -> Result<(), String> {
        let Some((_, value)) = declared.params.iter().find(|(name, _)| name.as_str() == MORE) else { return Ok(()) };
        let list = match value {
            ParamValue::Text(text) => std::slice::from_ref(text),
            ParamValue::List(list) => list.as_slice(),
        };
        let had = self.has.clone();
        for word in list {
            let at_fault = |why: &str| format!("annotation andante.dev/params: `{word}` in `{MORE}` {why}");
            let named = word.strip_prefix("--").ok_or_else(|| at_fault("is not of the form --name=value"))?;
            let (name, text) = named.split_once('=').unwrap_or((named, "true"));
            // A run that `start` made is given the same list.
            if had.contains(name) {
                continue;
            }
            let flag = self.flag(name).ok_or_else(|| at_fault("is no flag of this command"))?;
            if is_private(flag) {
                return Err(at_fault("is for a call to say, and not for a declaration"));
            }
            // Of one list a flag may be there several times.
            if self.has.contains(name) && matches!(flag.get_action(), ArgAction::Append) {
                self.take(flag, &[text])?;
            } else {
                self.take_value(flag, name, &ParamValue::Text(text.to_owned()), declared)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, flag: &Arg, values: &[&str]) -> Result<(), String> {
        let name = flag.get_long().ok_or("a flag without a name")?;
        self.taken.extend(values.iter().map(|value| format!("--{name}={value}")));
        self.has.insert(name.to_owned());
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
mod tests {
    use super::*;

    fn declared(params: &str) -> DeclaredFlags {
        let id = "0123456789ab".parse().unwrap();
        DeclaredFlags {
            params: Params::read(params).unwrap(),
            container: Some("web".into()),
            goal: Ok(Some(id)),
            in_pod: true,
        }
    }

    fn taken(typed: &[&str], declared: &DeclaredFlags) -> Result<Vec<String>, String> {
        let words = std::iter::once("andante").chain(typed.iter().copied());
        let cli = Cli::of_arguments(words.map(Into::into)).unwrap();
        let (asks, _) = cli.command.args().asks().unwrap();
        cli.completed(asks, declared).map(|(_, taken)| taken)
    }

    #[test]
    fn what_is_given_goes_before_what_is_declared_and_that_before_what_the_caller_means() {
        let all = declared(
            "{steps: '5,100', dwell: 1s, context: services/hello, service: other, namespace: other, unknown: x}",
        );
        let typed = [
            "walk",
            "--declared=true",
            "--dwell=30s",
            "--steps=",
            "--otherwise=dwell=2m",
            "--otherwise=bake=9m",
            "--",
            "hello",
        ];
        assert_eq!(taken(&typed, &all).unwrap(), ["--steps=5,100", "--goal=0123456789ab"]);
        let words = std::iter::once("andante").chain(typed);
        let cli = Cli::of_arguments(words.map(Into::into)).unwrap();
        let (asks, _) = cli.command.args().asks().unwrap();
        let (cli, _) = cli.completed(asks, &all).unwrap();
        let crate::cli::Command::Walk(walk) = cli.command else { unreachable!() };
        let plan = walk.options().unwrap().plan;
        let seconds = |time: Option<std::time::Duration>| time.unwrap().as_secs();
        assert_eq!((seconds(plan.dwell), seconds(plan.bake), plan.steps.len()), (30, 540, 2));
        assert!(walk.owner.goal().is_some() && walk.cluster.context.is_none() && walk.cluster.namespace.is_none());
        // Nothing is taken unasked, and `none` is a goal that was given.
        assert_eq!(taken(&["walk", "hello"], &all).unwrap(), Vec::<String>::new());
        assert_eq!(taken(&["walk", "--declared", "--goal=none", "--steps=10", "hello"], &all).unwrap(), ["--dwell=1s"]);
    }

    #[test]
    fn the_container_is_that_of_a_change_and_a_revision_excludes_one() {
        let all = declared("{image: 'i:2', again: 'true', set-env: [A=1, B=2]}");
        let changed =
            ["--again=true", "--image=i:2", "--set-env=A=1", "--set-env=B=2", "--container=web", "--goal=0123456789ab"];
        assert_eq!(taken(&["stage", "--declared", "--set-env", "--image=", "--", "hello"], &all).unwrap(), changed);
        let revision = ["stage", "--declared", "--revision=hello-00002", "--again=false", "hello"];
        assert_eq!(taken(&revision, &all).unwrap(), ["--goal=0123456789ab"]);
        let nothing = declared("{}");
        assert_eq!(taken(&["stage", "--declared", "hello"], &nothing).unwrap(), ["--goal=0123456789ab"]);
    }

    #[test]
    fn a_pipeline_says_what_its_own_parameters_are_called() {
        let all = declared(
            "{first: '10', watch: 5m, dwell: 1s, approve: '50', flags: [--restarts=off, '--evidence-labels=a=b', '--evidence-labels=c=d']}",
        );
        let canary = [
            "roll-out",
            "--declared",
            "--image=i:2",
            "--declared-as=steps=first",
            "--declared-as=to=first",
            "--declared-as=dwell=watch",
            "--declared-as=approve=",
            "--otherwise=steps=5",
            "hello",
        ];
        let wanted = [
            "--steps=10",
            "--to=10",
            "--dwell=5m",
            "--restarts=off",
            "--evidence-labels=a=b",
            "--evidence-labels=c=d",
            "--container=web",
            "--goal=0123456789ab",
        ];
        assert_eq!(taken(&canary, &all).unwrap(), wanted);
        let image = [
            "image",
            "--declared-as=tag=image-tag",
            "--declared-as=if-exists=if-exists",
            "--otherwise=if-exists=skip",
            "hello",
        ];
        assert_eq!(taken(&image, &declared("{image-tag: short, tag: x, digest: x}")).unwrap(), ["--tag=short"]);
    }

    #[test]
    fn what_cannot_be_taken_is_a_fault() {
        let of = |params: &str| taken(&["walk", "--declared", "hello"], &declared(params)).unwrap_err();
        for (params, said) in [
            (
                "{dwell: soon}",
                "with what the Service declares (--dwell=soon --goal=0123456789ab): invalid value 'soon' for '--dwell <TIME>'",
            ),
            ("{dwell: [1s]}", "`dwell` is a list, and one text is taken there"),
            ("{flags: [--image=x]}", "`--image=x` in `flags` is no flag of this command"),
            ("{flags: [--kubeconfig=/x]}", "`--kubeconfig=/x` in `flags` is for a call to say"),
            ("{flags: --goal=0123456789ab}", "in `flags` is for a call to say"),
            ("{flags: [restarts]}", "is not of the form --name=value"),
        ] {
            let why = of(params);
            assert!(why.contains(said), "{params}: {why}");
        }
        let unread = DeclaredFlags { goal: Err("it cannot be read".into()), ..declared("{}") };
        assert_eq!(taken(&["walk", "--declared", "hello"], &unread).unwrap_err(), "it cannot be read");
        assert_eq!(taken(&["walk", "--declared", "--goal=none", "hello"], &unread), Ok(Vec::new()));
        assert!(taken(&["check", "--declared", "--probe=/", "hello"], &unread).is_ok(), "it is of no goal");
        // Whoever declares reads no file of a person's.
        let file = declared("{evidence-token-file: /home/kim/token}");
        assert_eq!(taken(&["walk", "--declared", "hello"], &file).unwrap()[0], "--evidence-token-file=/home/kim/token");
        let terminal = DeclaredFlags { in_pod: false, ..file };
        assert!(
            taken(&["walk", "--declared", "hello"], &terminal).unwrap_err().contains("names a file of this machine")
        );
        let given = ["walk", "--declared", "--output=json", "hello"];
        assert!(taken(&given, &declared("{flags: [--output=json]}")).is_ok(), "it was given to the run");
        let typo = taken(&["walk", "--declared", "--otherwise=dwel=2m", "hello"], &declared("{}")).unwrap_err();
        assert_eq!(typo, "--declared-as and --otherwise begin with a flag, and `andante walk` has no --dwel");
    }
}
