//! Which of the arguments say something: a template (Tekton's, or a shell's) writes a flag also where it has no value
//! for it, and that must mean the same as no flag.
//!
//! Decides three things: `--flag=` counts as not given; `--switch=true` is the switch and `--switch=false` is not; a
//! flag that takes several values and is followed by none counts as not given. Everything after `--` is left alone. It
//! may use clap's description of the command line.

use clap::{ArgAction, Command};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// What a flag of a subcommand takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    One,
    /// Any number of values, none included.
    Any,
}

/// The arguments that say something, the program's own name first.
pub(super) fn given(root: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let flags = flags(root, &arguments);
    let mut kept = Vec::with_capacity(arguments.len());
    let mut rest = arguments.into_iter().peekable();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            kept.push(argument);
            break;
        }
        let Some(text) = argument.to_str().and_then(|a| a.strip_prefix("--")) else {
            kept.push(argument);
            continue;
        };
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let takes = flags.get(name);
        match (takes, value) {
            (Some(_), Some("")) | (Some(Takes::Nothing), Some("false")) => {}
            (Some(Takes::Nothing), Some("true")) => kept.push(format!("--{name}").into()),
            // Tekton writes an empty array parameter as no argument at all, so the flag before it stands alone.
            (Some(Takes::Any), None) if rest.peek().is_none_or(|next| next.to_string_lossy().starts_with("--")) => {}
            _ => kept.push(argument),
        }
    }
    kept.extend(rest);
    kept
}

/// The flags that are given a value of their own. A switch that is `false` is one, too: whoever writes that means it.
pub(super) fn named(root: &Command, arguments: &[OsString]) -> BTreeSet<String> {
    let flags = flags(root, arguments);
    let words = arguments.iter().take_while(|argument| *argument != "--").filter_map(|argument| argument.to_str());
    let follows = words.clone().skip(1).map(Some).chain([None]);
    let name = |(word, next): (&str, Option<&str>)| {
        let word = word.strip_prefix("--")?;
        let (name, says) = match word.split_once('=') {
            Some((name, value)) => (name, !value.is_empty()),
            // As in [`given`]: an empty list leaves its flag alone.
            None if flags.get(word) == Some(&Takes::Any) => (word, next.is_some_and(|next| !next.starts_with("--"))),
            None => (word, true),
        };
        says.then(|| name.to_owned())
    };
    words.zip(follows).filter_map(name).collect()
}

/// The subcommand that the arguments name, subcommands of subcommands included, and how many words that takes.
pub(super) fn subcommand<'a>(root: &'a Command, arguments: &[OsString]) -> (&'a Command, usize) {
    let mut found = (root, 1);
    for word in arguments.iter().skip(1) {
        let Some(sub) = word.to_str().and_then(|w| found.0.find_subcommand(w)) else { break };
        found = (sub, found.1 + 1);
    }
    found
}

/// The flags of the subcommand that the arguments name.
fn flags(root: &Command, arguments: &[OsString]) -> BTreeMap<String, Takes> {
    let mut flags = BTreeMap::new();
    for flag in subcommand(root, arguments).0.get_arguments() {
        let takes = match flag.get_action() {
            ArgAction::Append if flag.get_num_args().is_some_and(|n| n.min_values() == 0) => Takes::Any,
            ArgAction::Set | ArgAction::Append => Takes::One,
            _ => Takes::Nothing,
        };
        flags.extend(flag.get_long().map(|long| (long.to_owned(), takes)));
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::{given, named};
    use crate::cli::Cli;
    use clap::CommandFactory;
    use std::ffi::OsString;

    fn kept(arguments: &[&str]) -> Vec<String> {
        let mut command = Cli::command();
        command.build();
        let whole = std::iter::once("andante").chain(arguments.iter().copied()).map(Into::into).collect();
        given(&command, whole).into_iter().skip(1).map(|a| a.into_string().unwrap_or_default()).collect()
    }

    #[test]
    fn what_says_nothing_is_not_given() {
        let cases: [(&[&str], &[&str]); 10] = [
            (&["walk", "--dwell=", "hello"], &["walk", "hello"]),
            (&["walk", "--dwell=1s", "hello"], &["walk", "--dwell=1s", "hello"]),
            (&["walk", "--once=true", "hello"], &["walk", "--once", "hello"]),
            (&["walk", "--once=false", "--once=", "hello"], &["walk", "hello"]),
            (&["walk", "--once=yes", "hello"], &["walk", "--once=yes", "hello"]),
            (&["stage", "--set-env", "--again=true", "--", "hello"], &["stage", "--again", "--", "hello"]),
            (&["stage", "--set-env", "A=1", "B=", "--", "hello"], &["stage", "--set-env", "A=1", "B=", "--", "hello"]),
            (&["stage", "hello", "--set-env"], &["stage", "hello"]),
            (&["stage", "--", "--dwell="], &["stage", "--", "--dwell="]),
            // A flag that does not exist is still a mistake.
            (&["walk", "--dwel=", "hello"], &["walk", "--dwel=", "hello"]),
        ];
        for (typed, expected) in cases {
            assert_eq!(kept(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn what_has_a_value_is_told_from_what_only_stands_there() {
        let typed = "andante stage --image= --again=false --set-env --container c --gate x -- --stable=s";
        let arguments: Vec<OsString> = typed.split(' ').map(Into::into).collect();
        assert_eq!(Vec::from_iter(named(&Cli::command(), &arguments)), ["again", "container", "gate"]);
    }

    #[test]
    fn an_empty_positional_stays_what_it_is() {
        assert_eq!(kept(&["walk", "--", ""]), ["walk", "--", ""]);
    }
}
