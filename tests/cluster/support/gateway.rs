//! A gateway of a test's own: another Deployment of Kourier's Envoy, so that one can be killed without hurting other tests.

use super::space::Space;
use super::wait::{LONG, eventually};
use serde_json::{Value, json};
use std::process::Command;

/// The name of its Deployment, its Service and its ConfigMap.
pub const OWN: &str = "own-gateway";

/// Envoys that Kourier's controller configures like its own, in the namespace of the test.
#[derive(Debug)]
pub struct OwnGateway<'a> {
    space: &'a Space,
}

impl<'a> OwnGateway<'a> {
    /// Starts so many of them.
    pub fn start(space: &'a Space, pods: u32) -> Self {
        let kourier = |arguments: &[&str]| -> Value {
            let mut command = space.cluster.kubectl();
            let output = command.args(["-n", "kourier-system", "get"]).args(arguments).args(["-o", "json"]).output();
            serde_json::from_slice(&output.unwrap().stdout).expect("kubectl prints JSON")
        };
        let bootstrap = kourier(&["configmap", "kourier-bootstrap"]);
        let meta = json!({"name": OWN});
        space.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kourier-bootstrap"},
            "data": bootstrap["data"]}));
        let original = kourier(&["deployment", "3scale-kourier-gateway"]);
        let mut pod = original["spec"]["template"].clone();
        pod["metadata"] = json!({"labels": {"app": OWN}});
        pod["spec"].as_object_mut().unwrap().remove("serviceAccountName");
        pod["spec"].as_object_mut().unwrap().remove("serviceAccount");
        space.apply(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {
            "replicas": pods, "selector": {"matchLabels": {"app": OWN}}, "template": pod}}));
        space.apply(&json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {
            "selector": {"app": OWN}, "ports": [{"name": "http2", "port": 80, "targetPort": 8080}]}}));
        let gateway = Self { space };
        gateway.ready(pods);
        gateway
    }

    /// Waits until so many pods are ready and no other one is listed; their names and addresses (`host:port`).
    pub fn ready(&self, pods: u32) -> Vec<(String, String)> {
        let slices = "kubernetes.io/service-name=own-gateway";
        eventually("the gateway's pods are ready", LONG, || {
            let mut found = Vec::new();
            for slice in self.space.list("endpointslices", slices) {
                for end in slice["endpoints"].as_array().into_iter().flatten() {
                    if end["conditions"]["ready"] == true {
                        let name = end["targetRef"]["name"].as_str().unwrap().to_owned();
                        found.push((name, format!("{}:8080", end["addresses"][0].as_str().unwrap())));
                    }
                }
            }
            (found.len() == usize::try_from(pods).unwrap()).then_some(found)
        })
    }

    /// So many pods from now on.
    pub fn scale(&self, pods: u32) -> Vec<(String, String)> {
        self.space.kubectl(&["scale", "deployment", OWN, &format!("--replicas={pods}")]).good();
        self.ready(pods)
    }

    /// Kills the Envoy of a pod: the kubelet starts its container again, and its counters begin at zero. Works where the
    /// node is this machine.
    pub fn kill(&self, pod: &str) {
        let uid = self.space.get("pod", pod)["metadata"]["uid"].as_str().unwrap().to_owned();
        let mut killed = 0;
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let read = |name: &str| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default();
            if read("comm").trim() == "envoy" && read("cgroup").contains(&uid) {
                let id = entry.file_name().into_string().unwrap();
                assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
                killed += 1;
            }
        }
        assert_eq!(killed, 1, "the Envoy of {pod} runs on this machine");
    }
}
