//! A registry as a process.

use super::directory;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the registry asks of those who ask it.
pub enum Access {
    Open,
    /// Name `kim`, password `correct horse`.
    Password,
    /// Tokens of this server, signed by who is in the bundle.
    Token {
        realm: String,
        bundle: PathBuf,
    },
}

/// The hash of `correct horse` that the registry compares with.
const PASSWORDS: &str = "kim:$2a$04$n74nEbbWqhlHdmH.Wm19N./3R2pTA8Sc8eH9PVqygeyc3zg2dsiO6\n";

/// A running registry; it is killed with the value.
pub struct Registry {
    pub port: u16,
    log: PathBuf,
    child: Child,
    /// The PEM of the authority that its certificate is of.
    pub authority: Option<PathBuf>,
}

impl Registry {
    /// Over plain HTTP, without any access control, with a store of its own.
    pub fn open() -> Self {
        Self::start(&directory().join("store"), &Access::Open, false)
    }

    /// With this store.
    pub fn start(store: &Path, access: &Access, tls: bool) -> Self {
        let directory = directory();
        let port = free_port();
        let (certificate, authority) = if tls { certificate(&directory) } else { (String::new(), None) };
        let access = match access {
            Access::Open => String::new(),
            Access::Password => {
                let path = directory.join("passwords");
                std::fs::write(&path, PASSWORDS).unwrap();
                format!("auth: {{htpasswd: {{realm: tests, path: {}}}}}\n", path.display())
            }
            Access::Token { realm, bundle } => format!(
                "auth: {{token: {{realm: {realm:?}, service: tests, issuer: tests, rootcertbundle: {}}}}}\n",
                bundle.display()
            ),
        };
        let config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n{access}\
             http:\n  addr: 127.0.0.1:{port}\n{certificate}",
            store.display()
        );
        let path = directory.join("config.yml");
        std::fs::write(&path, config).unwrap();
        let log = directory.join("log");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(File::create(&log).unwrap())
            .stderr(File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap_or_else(|e| {
                panic!("docker-registry is needed for these tests (apt-get install docker-registry): {e}")
            });
        let mut registry = Self { port, log, child, authority };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = registry.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "the registry does not begin: {}", registry.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it said.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// The requests of this program so far: method, path, status.
    pub fn asked(&self) -> Vec<String> {
        let is_ours = |line: &&str| line.contains("\"andante/");
        let request = |line: &str| {
            let (_, rest) = line.split_once('"')?;
            let (request, rest) = rest.split_once('"')?;
            let status = rest.trim().split(' ').next()?;
            Some(format!("{} {status}", request.trim_end_matches(" HTTP/1.1")))
        };
        self.log().lines().filter(is_ours).filter_map(request).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A certificate for the loopback address of an authority of its own: lines of the configuration, and the authority.
fn certificate(directory: &Path) -> (String, Option<PathBuf>) {
    andante::adapter::tls::install();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    params.subject_alt_names.push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    let certificate = params.signed_by(&key, &authority).unwrap();
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (pem, key) = (write("tls.pem", certificate.pem()), write("tls.key", key.serialize_pem()));
    let lines = format!("  tls: {{certificate: {}, key: {}}}\n", pem.display(), key.display());
    (lines, Some(write("authority.pem", authority.pem())))
}
