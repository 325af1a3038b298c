//! The cluster that KUBECONFIG names: its tools, and its ingress gateway.

use super::kubectl::run;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub kubeconfig: String,
    pub kubectl: String,
    pub vegeta: String,
    /// `host:port` of the ingress gateway.
    pub gateway: String,
    /// Services get `NAME.NAMESPACE.<domain>`.
    pub domain: String,
}

/// One answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub version: Option<String>,
    pub body: String,
}

impl Cluster {
    /// The cluster, found once.
    pub fn get() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(|| {
            let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
            let kubeconfig = variable("KUBECONFIG")
                .unwrap_or_else(|| panic!("KUBECONFIG names no cluster: run `make test-cluster`, which brings one up"));
            let kubectl = variable("ANDANTE_KUBECTL").unwrap_or_else(|| "kubectl".into());
            let vegeta = variable("ANDANTE_VEGETA").unwrap_or_else(|| "vegeta".into());
            let get = |arguments: &[&str]| {
                let mut command = Command::new(&kubectl);
                command.arg("--kubeconfig").arg(&kubeconfig).args(arguments).args(["-o", "json"]);
                let done = run(&mut command, None, Duration::from_secs(30));
                serde_json::from_str::<Value>(&done.good().out).expect("kubectl prints JSON")
            };
            // The bundled cluster has no load balancer, so the pod behind the gateway's Service is asked itself; the
            // variable may be from before the pod was replaced.
            let gateway = endpoint(&get(&["get", "endpoints", "-n", "kourier-system", "kourier"]))
                .filter(|address| reachable(address))
                .or_else(|| variable("ANDANTE_GATEWAY").map(|url| plain_address(&url)))
                .unwrap_or_else(|| panic!("the ingress gateway is not reachable from here: set ANDANTE_GATEWAY"));
            let domains = get(&["get", "configmap", "-n", "knative-serving", "config-domain"]);
            let mut names = domains["data"].as_object().into_iter().flat_map(|d| d.keys()).filter(|k| *k != "_example");
            let domain = names.next().cloned().unwrap_or_else(|| "svc.cluster.local".into());
            Self { kubeconfig, kubectl, vegeta, gateway, domain }
        })
    }

    /// kubectl on this cluster.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// Asks the gateway for a host once; None: no whole answer within five seconds.
    pub fn ask(&self, host: &str, path: &str) -> Option<Answer> {
        let limit = Duration::from_secs(5);
        let mut stream = TcpStream::connect_timeout(&self.gateway.to_socket_addrs().ok()?.next()?, limit).ok()?;
        stream.set_read_timeout(Some(limit)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let version = lines
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("x-version"))
            .map(|(_, value)| value.to_owned());
        Some(Answer { status, version, body: body.to_owned() })
    }
}

fn plain_address(url: &str) -> String {
    url.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

/// The first address of the plain HTTP port.
fn endpoint(endpoints: &Value) -> Option<String> {
    endpoints["subsets"].as_array()?.iter().find_map(|subset| {
        let ip = subset.pointer("/addresses/0/ip")?.as_str()?;
        let port = subset["ports"].as_array()?.iter().find(|p| p["name"] == "http2" || p["name"] == "http")?;
        Some(format!("{ip}:{}", port["port"]))
    })
}

fn reachable(address: &str) -> bool {
    let address = address.to_socket_addrs().ok().and_then(|mut a| a.next());
    address.is_some_and(|a| TcpStream::connect_timeout(&a, Duration::from_secs(3)).is_ok())
}
