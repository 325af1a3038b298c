//! A registry as companies have them: by name, with a password, over TLS that only their own authority vouches for.

use super::space::Space;
use super::wait::{LONG, eventually};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use serde_json::{Value, json};

/// Who may in, and with what.
const NAME: &str = "kim";
pub const PASSWORD: &str = "correct horse";
/// The password's hash, which the registry compares with.
const PASSWORDS: &str = "kim:$2a$04$n74nEbbWqhlHdmH.Wm19N./3R2pTA8Sc8eH9PVqygeyc3zg2dsiO6\n";

/// One in a test's namespace.
#[derive(Debug)]
pub struct PrivateRegistry {
    /// `HOST:PORT`, as pods call it.
    pub address: String,
}

impl PrivateRegistry {
    /// Starts one, with the Secret `dockerconfig` and the ConfigMap `registry-ca` for those who may in.
    #[track_caller]
    pub fn start(space: &Space) -> Self {
        let host = format!("registry.{}.svc.cluster.local", space.namespace);
        let (authority, certificate, key) = certificate(&host);
        let config = "version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\n\
            auth: {htpasswd: {realm: tests, path: /etc/registry/passwords}}\n\
            http: {addr: ':5000', tls: {certificate: /etc/registry/tls.pem, key: /etc/registry/tls.key}}\n";
        let address = format!("{host}:5000");
        let auth = base64(&format!("{NAME}:{PASSWORD}"));
        let login = json!({"auths": {&address: {"auth": auth}}});
        for object in [
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry"}, "stringData": {
                "config.yml": config, "passwords": PASSWORDS, "tls.pem": certificate, "tls.key": key}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dockerconfig"},
                "stringData": {"config.json": login.to_string()}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "registry-ca"},
                "data": {"ca.crt": authority}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "registry"},
                "spec": {"selector": {"app": "registry"}, "ports": [{"port": 5000}]}}),
            pod(space),
        ] {
            space.apply(&object);
        }
        eventually("the registry is ready", LONG, || {
            let pod = space.get("pod", "registry");
            (pod.pointer("/status/containerStatuses/0/ready") == Some(&json!(true))).then_some(())
        });
        Self { address }
    }
}

/// The image of the bundled cluster's own registry, with other settings.
fn pod(space: &Space) -> Value {
    let mut kubectl = space.cluster.kubectl();
    let found =
        kubectl.args(["get", "deployment", "registry", "-n", "andante-testbed", "-o", "json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&found.stdout).expect("the bundled cluster has a registry");
    let theirs = &found["spec"]["template"]["spec"]["containers"][0];
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "registry", "labels": {"app": "registry"}}, "spec": {
        "volumes": [{"name": "config", "secret": {"secretName": "registry"}}, {"name": "data", "emptyDir": {}}],
        "containers": [{
            "name": "registry", "image": theirs["image"], "command": theirs["command"],
            "readinessProbe": {"tcpSocket": {"port": 5000}, "periodSeconds": 1},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/registry"},
                {"name": "data", "mountPath": "/var/lib/registry"}]
        }]
    }})
}

/// An authority, a certificate of it for this host, and the certificate's key.
fn certificate(host: &str) -> (String, String, String) {
    andante::adapter::tls::install();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    let certificate = params.signed_by(&key, &authority).unwrap();
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

/// As Docker's config.json has it.
pub fn base64(text: &str) -> String {
    use ::base64::Engine;
    use ::base64::engine::general_purpose::STANDARD;
    STANDARD.encode(text)
}
