//! The pods behind a Service of any namespace, by its EndpointSlices: how the ingress gateway's pods are found.
//!
//! Decides which of them serve users. Depends on requests only.

use super::Kube;
use super::call::{Call, encoded};
use super::failure::ApiRequest;
use crate::model::api_error::ApiError;
use crate::model::name::{Namespace, ServiceName};
use serde_json::Value;
use std::collections::BTreeMap;

/// One pod behind a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its name; where no object stands behind the address, the address.
    pub name: String,
    /// Its address, without a port.
    pub address: String,
    /// The port at which it takes plain HTTP, as its Service names it.
    pub http_port: Option<u16>,
}

impl Kube {
    /// The pods behind a Service, those that are ending but still serve included. Empty where there is no such Service.
    pub async fn backends(&self, namespace: &Namespace, service: &ServiceName) -> Result<Vec<Backend>, ApiError> {
        let asked = ApiRequest {
            verb: "list",
            group: "discovery.k8s.io".into(),
            resource: "endpointslices".into(),
            namespace: Some(namespace.to_string()),
            name: None,
        };
        // From the API server's memory (`resourceVersion=0`): a moment old is good enough, and it is asked often.
        let path = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?resourceVersion=0&labelSelector={}",
            encoded(&format!("kubernetes.io/service-name={service}"))
        );
        let list = self.call(&Call { asked, path, body: None }).await?;
        Ok(serving(&list))
    }
}

/// Each pod once: with two address families a pod stands in two slices.
fn serving(list: &Value) -> Vec<Backend> {
    let mut found = BTreeMap::new();
    let slices = list.pointer("/items").and_then(Value::as_array).into_iter().flatten();
    let ends = slices.filter_map(|slice| Some((slice.pointer("/endpoints")?.as_array()?, http_port(slice))));
    for (end, http_port) in ends.flat_map(|(ends, port)| ends.iter().map(move |end| (end, port))) {
        let condition = |name: &str| end.pointer(&format!("/conditions/{name}")).and_then(Value::as_bool);
        // The API says that absent means yes. `serving` goes first, because a pod that is ending is not `ready` and still
        // answers, and counts, the requests that it has.
        let serves = condition("serving").or_else(|| condition("ready")).unwrap_or(true);
        let address = end.pointer("/addresses/0").and_then(Value::as_str);
        if let (Some(address), true) = (address, serves) {
            let name = end.pointer("/targetRef/name").and_then(Value::as_str).unwrap_or(address);
            found.entry(name.to_owned()).or_insert_with(|| (address.to_owned(), http_port));
        }
    }
    found.into_iter().map(|(name, (address, http_port))| Backend { name, address, http_port }).collect()
}

/// The first port of a slice that is not one for TLS: Kourier's are `http2` and `https`.
fn http_port(slice: &Value) -> Option<u16> {
    let ports = slice.pointer("/ports").and_then(Value::as_array)?;
    let plain = |port: &&Value| !port["name"].as_str().is_some_and(|name| name.starts_with("https"));
    ports.iter().find(plain).and_then(|port| port["port"].as_u64()?.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_pod_that_serves_stands_there_once() {
        let pod = |name: &str, address: &str, conditions: Value| json!({"addresses": [address], "conditions": conditions, "targetRef": {"kind": "Pod", "name": name}});
        let list = json!({"items": [
            {"endpoints": [
                pod("a", "10.0.0.1", json!({"ready": true, "serving": true, "terminating": false})),
                pod("b", "10.0.0.2", json!({"ready": false, "serving": true, "terminating": true})),
                pod("c", "10.0.0.3", json!({"ready": false, "serving": false})),
                pod("d", "10.0.0.4", json!({})),
                {"addresses": ["10.0.0.5"]}
            ]},
            {"endpoints": [pod("a", "fd00::1", json!({"ready": true}))], "ports": [{"name": "http2", "port": 8080}]},
            {"endpoints": [pod("e", "10.0.0.6", json!({"ready": true}))],
                "ports": [{"name": "https", "port": 8444}, {"name": "http2", "port": 8081}]},
            {"endpoints": null}
        ]});
        let found = serving(&list);
        let names: Vec<_> = found.iter().map(|b| (b.name.as_str(), b.address.as_str())).collect();
        assert_eq!(
            names,
            [("10.0.0.5", "10.0.0.5"), ("a", "10.0.0.1"), ("b", "10.0.0.2"), ("d", "10.0.0.4"), ("e", "10.0.0.6")]
        );
        assert_eq!(found.iter().map(|b| b.http_port).collect::<Vec<_>>(), [None, None, None, None, Some(8081)]);
        assert_eq!(serving(&json!({})), []);
    }
}
