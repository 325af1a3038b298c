//! Flags by which a declaration is written: of `adopt`, which takes a Service into care, and of `declare`, which changes what one in
//! care declares.
//!
//! Decides syntax, and how parameters become one annotation; [`crate::rollout::declaration`] decides what may be declared.

use super::{ClusterArgs, CommandArgs, Output, plain};
use crate::rollout::declaration::part::DeclaredPart;
use clap::Args;
use serde_json::{Map, Value};

/// What is to be declared. What no flag names stays as it is.
#[derive(Debug, Clone, Args)]
pub struct DeclarationArgs {
    /// Who is in charge: NAME of a Pipeline of the namespace, KIND/NAME, APIVERSION/KIND/NAME, or `ExternalOperation`.
    #[arg(long, value_name = "WHO", value_parser = plain, help_heading = "Declaration")]
    pub pipeline: Option<String>,
    /// A parameter for it; the same name again makes a list. Given once, these are all.
    #[arg(long, value_name = "NAME=VALUE", value_parser = plain, help_heading = "Declaration")]
    pub param: Vec<String>,
    /// The repository that is built.
    #[arg(long, value_name = "URL", value_parser = plain, help_heading = "Declaration")]
    pub source: Option<String>,
    /// Its commit.
    #[arg(long, value_name = "COMMIT", value_parser = plain, help_heading = "Declaration")]
    pub source_revision: Option<String>,
    /// The folder in it.
    #[arg(long, value_name = "PATH", value_parser = plain, help_heading = "Declaration")]
    pub source_path: Option<String>,
    /// Where the image goes.
    #[arg(long, value_name = "REPOSITORY", value_parser = plain, help_heading = "Declaration")]
    pub image_repository: Option<String>,
    /// Which container gets it.
    #[arg(long, value_name = "NAME", value_parser = plain, help_heading = "Declaration")]
    pub container: Option<String>,
    /// The share of users that the goal's code ends with.
    #[arg(long, value_name = "PERCENT", value_parser = plain, help_heading = "Declaration")]
    pub traffic: Option<String>,
}

impl DeclarationArgs {
    /// The parts that are declared, each as the text of its annotation.
    pub(crate) fn declares(&self) -> Result<Vec<(DeclaredPart, String)>, String> {
        let parts = [
            (DeclaredPart::Pipeline, self.pipeline.clone()),
            (DeclaredPart::Params, params(&self.param)?),
            (DeclaredPart::Source, self.source.clone()),
            (DeclaredPart::SourceRevision, self.source_revision.clone()),
            (DeclaredPart::SourcePath, self.source_path.clone()),
            (DeclaredPart::ImageRepository, self.image_repository.clone()),
            (DeclaredPart::Container, self.container.clone()),
            (DeclaredPart::Traffic, self.traffic.clone()),
        ];
        Ok(parts.into_iter().filter_map(|(part, text)| Some((part, text?))).collect())
    }
}

/// The map that the annotation holds; none without parameters.
fn params(given: &[String]) -> Result<Option<String>, String> {
    let mut map = Map::new();
    for text in given {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("--param `{text}` is not NAME=VALUE"))?;
        let value = Value::from(value);
        match map.get_mut(name) {
            Some(Value::Array(list)) => list.push(value),
            Some(one) => *one = Value::from(vec![one.take(), value]),
            None => {
                map.insert(name.to_owned(), value);
            }
        }
    }
    Ok((!map.is_empty()).then(|| Value::Object(map).to_string()))
}

/// Flags of `declare`.
#[derive(Debug, Clone, Args)]
pub struct DeclareArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// What is to be declared.
    #[command(flatten)]
    pub declaration: DeclarationArgs,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

impl CommandArgs for DeclareArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[&str]) -> Result<Option<String>, String> {
        params(&given.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn parameters_are_a_map_of_texts_and_lists() {
        assert_eq!(of(&[]), Ok(None));
        let text = r#"{"empty":"","steps":["5","25","100"],"style":"a=b"}"#;
        let given = ["style=a=b", "steps=5", "steps=25", "empty=", "steps=100"];
        assert_eq!(of(&given), Ok(Some(text.to_owned())));
        assert!(of(&["style"]).unwrap_err().contains("NAME=VALUE"));
    }
}
