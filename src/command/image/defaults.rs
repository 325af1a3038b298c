//! The settings, read from the cluster as far as flags leave them open: at most three objects. Decides what an answer
//! of the API server means for the search; [`crate::image::defaults`] decides the order. It may use the cluster's
//! adapter.

use crate::adapter::cluster::Kube;
use crate::adapter::env::Environment;
use crate::cli::{ClusterArgs, ImageArgs};
use crate::command::patient::answered;
use crate::command::people::failed;
use crate::command::{Stop, connect};
use crate::image::defaults::{CONFIG_MAP, Flags, ImageSettings, Lookup, Rung, Search, Undecided};
use crate::model::api_error::ApiError;
use crate::model::outcome::Code;
use crate::run::ports::Cluster;
use serde_json::Value;
use std::collections::BTreeMap;

/// The settings, and the cluster if it was asked.
pub(super) async fn find(
    args: &ImageArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<(ImageSettings, Option<Kube>), Stop> {
    let flags = Flags { repository: args.repository.clone(), name: args.name_template.clone(), tag: args.tag.clone() };
    if let Some(settings) = flags.alone() {
        return Ok((settings, None));
    }
    let kube = connect(cluster, environment).map_err(|Stop(outcome)| {
        Stop::new(
            outcome.code,
            format!(
                "no --repository was given, and no cluster can be asked for the default of this Service: {}",
                outcome.what
            ),
        )
    })?;
    let namespace = kube.namespace().clone();
    let mut search = Search::new(flags, cluster.service.clone(), namespace.clone(), args.system_namespace.clone());
    while let Some(rung) = search.next() {
        let asked = async || match rung {
            Rung::Service => {
                let object = kube.service(cluster.service.clone()).service().await?;
                Ok(object.pointer("/metadata/annotations").cloned().unwrap_or_default())
            }
            Rung::Namespace => kube.config_map(&namespace, CONFIG_MAP).await,
            Rung::Installation => kube.config_map(&args.system_namespace, CONFIG_MAP).await,
        };
        let look = look(answered(cluster, asked).await)?;
        search.take(rung, look);
    }
    search.decide().map(|settings| (settings, Some(kube))).map_err(undecided)
}

fn look(asked: Result<Value, ApiError>) -> Result<Lookup, Stop> {
    match asked {
        Ok(texts) => Ok(Lookup::Object(of(&texts))),
        Err(ApiError::NoKind(why)) => Ok(Lookup::NoKind(why)),
        Err(ApiError::NotFound(_)) => Ok(Lookup::Absent),
        Err(ApiError::Forbidden(why)) => Ok(Lookup::Forbidden(why)),
        Err(error) => Err(failed(&error)),
    }
}

fn of(texts: &Value) -> BTreeMap<String, String> {
    let pairs = texts.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn undecided(undecided: Undecided) -> Stop {
    let code = if undecided.forbidden { Code::NotPermitted } else { Code::BadInput };
    let lines: Vec<String> = std::iter::once(undecided.what + ". Looked at:").chain(undecided.places).collect();
    Stop::new(code, lines.join("\n"))
}
