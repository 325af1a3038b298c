//! Reading objects without a process for each: tests ask many times a second, and kubectl would cost them the machine.

use super::cluster::Cluster;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, Error};
use serde_json::Value;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const LIMIT: Duration = Duration::from_secs(20);

/// Kinds as kubectl calls them, and where they are.
const KINDS: [(&[&str], &str, &str); 10] = [
    (&["ksvc", "kservice"], "apis/serving.knative.dev/v1", "services"),
    (&["revision", "revisions"], "apis/serving.knative.dev/v1", "revisions"),
    (&["route", "routes"], "apis/serving.knative.dev/v1", "routes"),
    (&["configuration", "configurations"], "apis/serving.knative.dev/v1", "configurations"),
    (&["pod", "pods"], "api/v1", "pods"),
    (&["event", "events"], "api/v1", "events"),
    (&["resourcequota", "resourcequotas"], "api/v1", "resourcequotas"),
    (&["pipelinerun", "pipelineruns"], "apis/tekton.dev/v1", "pipelineruns"),
    (&["taskrun", "taskruns"], "apis/tekton.dev/v1", "taskruns"),
    (&["pipeline", "pipelines"], "apis/tekton.dev/v1", "pipelines"),
];

/// The path of all objects of a kind; None: a kind that only kubectl knows.
pub fn path(namespace: &str, kind: &str) -> Option<String> {
    let (_, group, plural) = KINDS.iter().find(|(names, ..)| names.contains(&kind))?;
    Some(format!("/{group}/namespaces/{namespace}/{plural}"))
}

fn api() -> &'static (Runtime, Client) {
    static API: OnceLock<(Runtime, Client)> = OnceLock::new();
    API.get_or_init(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(connect());
        (runtime, client)
    })
}

/// One write; what came of it, or the server's words.
#[track_caller]
pub fn send(method: &str, path: &str, content: &str, body: &Value) -> Result<Value, String> {
    let (runtime, client) = api();
    let asked = runtime.block_on(async {
        let request = http::Request::builder().method(method).uri(path).header("content-type", content);
        tokio::time::timeout(LIMIT, client.request::<Value>(request.body(body.to_string().into_bytes()).unwrap())).await
    });
    match asked {
        Ok(Ok(object)) => Ok(object),
        Ok(Err(Error::Api(error))) => Err(error.message.clone()),
        Ok(Err(error)) => panic!("{method} {path}: {error}"),
        Err(late) => panic!("{method} {path}: no answer within {LIMIT:?} ({late})"),
    }
}

/// GET; None: there is no such object.
#[track_caller]
pub fn read(path: &str) -> Option<Value> {
    let (runtime, client) = api();
    let asked = runtime.block_on(async {
        let request = http::Request::get(path).body(vec![]).unwrap();
        tokio::time::timeout(LIMIT, client.request::<Value>(request)).await
    });
    match asked {
        Ok(Ok(object)) => Some(object),
        Ok(Err(Error::Api(error))) if error.code == 404 => None,
        Ok(Err(error)) => panic!("GET {path}: {error}"),
        Err(late) => panic!("GET {path}: no answer within {LIMIT:?} ({late})"),
    }
}

async fn connect() -> Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let file = Kubeconfig::read_from(&Cluster::get().kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}
