//! `andante goal --given`: the parameters of a run. What it was not given is what the Service declares, else what its pipeline
//! means by default.
//!
//! Decides that a Service declares nothing for a run where nobody is in charge or it is not there yet, and what is written where.
//! [`crate::rollout::start::contract`] decides what is declared under which name. It may use every room.

use super::{NoGoal, of_cluster, of_file};
use crate::adapter::env::Environment;
use crate::adapter::tekton::Results;
use crate::cli::{GoalArgs, Output};
use crate::command::{Stop, connect, report};
use crate::model::name::{Namespace, ServiceName};
use crate::model::observed::PIPELINE;
use crate::rollout::declaration::params::ParamValue;
use crate::rollout::declaration::read::Stated;
use crate::rollout::start::contract::Contract;
use serde_json::{Value, json};

/// True if a run's parameters are asked for.
pub(super) fn asks(args: &GoalArgs) -> bool {
    !args.given.is_empty() || args.list.is_some()
}

/// The results, with their neutral values.
pub(super) fn results(args: &GoalArgs) -> Vec<(&str, &str)> {
    let texts = args.given.iter().map(|(name, _)| (name.as_str(), ""));
    texts.chain(args.list.as_deref().map(|name| (name, "[]"))).chain([("message", "")]).collect()
}

/// A parameter with its value and the place that it comes from.
struct Handed<'a> {
    name: &'a str,
    value: ParamValue,
    from: &'static str,
}

/// Where a parameter comes from that the run was given. Its value is not shown: it may hold an account.
const GIVEN: &str = "given";

pub(super) async fn tell(
    args: &GoalArgs,
    environment: &Environment,
    results: Option<&mut Results>,
) -> Result<(), NoGoal> {
    let contract = contract(args, environment).await?;
    let handed = handed(args, contract.as_ref()).map_err(Stop::bad_input)?;
    if let Some(results) = results {
        let texts: Vec<(&str, String)> = handed.iter().map(|handed| (handed.name, handed.value.text())).collect();
        let values: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        results.set_all(&values).map_err(Stop::bad_input)?;
        let declares =
            contract.as_ref().map_or("nothing is declared", |_| "the Service says what the run was not given");
        results.set_text("message", declares).map_err(Stop::bad_input)?;
    }
    let shown = |handed: &Handed<'_>| (handed.from != GIVEN).then(|| handed.value.text());
    match args.cluster.output {
        Output::Text => {
            for handed in &handed {
                let value = shown(handed).unwrap_or_default();
                report::show(format!("{:<13} {:<13} {value}", handed.name, handed.from).trim_end());
            }
        }
        Output::Json => {
            let all =
                handed.iter().map(|handed| json!({"name": handed.name, "from": handed.from, "value": shown(handed)}));
            report::line(&json!({"parameters": all.collect::<Vec<_>>()}).to_string());
        }
    }
    Ok(())
}

/// What the Service declares for a run, if it does.
async fn contract(args: &GoalArgs, environment: &Environment) -> Result<Option<Contract>, NoGoal> {
    let object = match &args.file {
        Some(file) => Some(of_file(args, file)?),
        None => of_cluster(&args.cluster, &connect(&args.cluster, environment)?).await?,
    };
    let Some(object) = object else { return Ok(None) };
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    // Everything is as it was where nobody is in charge, a slip in an annotation of ours included.
    if object.pointer("/metadata/annotations").and_then(|all| all.get(PIPELINE)).is_none() {
        return Ok(None);
    }
    let declared = Stated::of_json(&object).read().map_err(NoGoal::Faults)?;
    let service: ServiceName = args.cluster.service.clone();
    let namespace = text("/metadata/namespace").unwrap_or("default");
    let namespace: Namespace = namespace.parse().map_err(Stop::bad_input)?;
    Ok(Some(Contract::of(&service, &namespace, &declared)))
}

fn handed<'a>(args: &'a GoalArgs, contract: Option<&Contract>) -> Result<Vec<Handed<'a>>, String> {
    let url = args.given.iter().find(|(name, _)| name == "git-url").map(|(_, url)| url.as_str());
    let texts = args.given.iter().map(|(name, given)| {
        let given = (!given.is_empty()).then(|| ParamValue::Text(given.clone()));
        (name.as_str(), given)
    });
    let words = (!args.words.is_empty()).then(|| ParamValue::List(args.words.clone()));
    let all = texts.chain(args.list.as_deref().map(|name| (name, words)));
    let is_list = |name: &str| args.list.as_deref() == Some(name);
    let one = |(name, given): (&'a str, Option<ParamValue>)| {
        let declared = || contract.and_then(|contract| contract.declared_for(name, url.unwrap_or_default()));
        // As of a flag: what is empty says nothing.
        let says = |value: &ParamValue| match value {
            ParamValue::Text(text) => !text.is_empty(),
            ParamValue::List(list) => list.iter().any(|text| !text.is_empty()),
        };
        let otherwise = || args.otherwise.iter().find(|(other, _)| other == name);
        let (value, from) = if let Some(given) = given {
            (given, GIVEN)
        } else if let Some(declared) = declared().filter(says) {
            (declared, "declared")
        } else if let Some((_, otherwise)) = otherwise() {
            (ParamValue::Text(otherwise.clone()), "not declared")
        } else {
            let service = &args.cluster.service;
            return Err(format!(
                "the parameter {name} is not given, and {service} declares none: give it to the run, or declare it \
                 (`andante goal {service}` says what is declared)"
            ));
        };
        match value {
            ParamValue::Text(text) if is_list(name) => Ok(Handed { name, value: ParamValue::List(vec![text]), from }),
            ParamValue::List(_) if !is_list(name) => {
                Err(format!("annotation andante.dev/params: `{name}` is a list, and one text is taken there"))
            }
            value => Ok(Handed { name, value, from }),
        }
    };
    all.map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};

    fn args(words: &[&str]) -> Box<GoalArgs> {
        let typed = ["andante", "goal"].into_iter().chain(words.iter().copied());
        match Cli::of_arguments(typed.map(Into::into)).unwrap().command {
            Command::Goal(args) => args,
            _ => unreachable!(),
        }
    }

    fn contract(annotations: &Value) -> Contract {
        let object = json!({"metadata": {"name": "hello", "annotations": annotations},
            "spec": {"template": {"spec": {"containers": [{"image": "placeholder.invalid/hello"}]}}}});
        let declared = Stated::of_json(&object).read().unwrap();
        Contract::of(&"hello".parse().unwrap(), &"shop".parse().unwrap(), &declared)
    }

    fn told(words: &[&str], contract: Option<&Contract>) -> Vec<(String, String, &'static str)> {
        let args = args(words);
        let all = handed(&args, contract).unwrap();
        all.into_iter().map(|handed| (handed.name.to_owned(), handed.value.text(), handed.from)).collect()
    }

    const ASKED: [&str; 9] = [
        "--given=git-url=",
        "--given=git-revision=",
        "--given=context=",
        "--given=dockerfile=",
        "--list=build-args",
        "--otherwise=git-revision=HEAD",
        "--otherwise=context=.",
        "--otherwise=dockerfile=Dockerfile",
        "--otherwise=build-args=--none",
    ];

    #[test]
    fn what_is_given_goes_before_what_is_declared_and_that_before_the_pipelines_own() {
        let contract =
            contract(&json!({"andante.dev/pipeline": "p", "andante.dev/source": "https://git.example.com/hello.git",
            "andante.dev/params": "{dockerfile: Containerfile, build-args: [--build-arg=A=1]}"}));
        let is = |told: Vec<(String, String, &str)>, wanted: [(&str, &str); 5]| {
            let told: Vec<(&str, &str)> = told.iter().map(|(_, value, from)| (value.as_str(), *from)).collect();
            assert_eq!(told, wanted);
        };
        let asked = |more: &[&'static str]| [&ASKED[..], more].concat();
        is(
            told(&asked(&["--", "hello"]), Some(&contract)),
            [
                ("https://git.example.com/hello.git", "declared"),
                ("HEAD", "not declared"),
                (".", "declared"),
                ("Containerfile", "declared"),
                (r#"["--build-arg=A=1"]"#, "declared"),
            ],
        );
        // Another repository has neither that one's commits nor its folders.
        let other = ["--given=git-url=https://x/y.git", "--", "hello", "--squash"];
        let typed: Vec<&str> = ASKED[1..].iter().copied().chain(other).collect();
        let told_other = told(&typed, Some(&contract));
        assert_eq!(told_other.iter().find(|(name, ..)| name == "context").unwrap().2, "not declared");
        assert_eq!(told_other.last().unwrap().1, r#"["--squash"]"#);
        let empty = json!({"andante.dev/pipeline": "p", "andante.dev/source": "https://git.example.com/hello.git",
            "andante.dev/params": "{dockerfile: '', build-args: ['']}"});
        let told_empty = told(&asked(&["--", "hello"]), Some(&self::contract(&empty)));
        let told_empty: Vec<&str> = told_empty[3..].iter().map(|(_, value, _)| value.as_str()).collect();
        assert_eq!(told_empty, ["Dockerfile", r#"["--none"]"#], "what is empty says nothing");
        let none = handed(&args(&asked(&["--", "hello"])), None).err().unwrap();
        assert!(none.starts_with("the parameter git-url is not given, and hello declares none"), "{none}");
    }
}
