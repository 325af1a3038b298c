//! A token server: checks a password or a refresh token, and signs what the registry verifies.

use super::directory;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// Who is known, and how.
pub const PASSWORD: &str = "correct horse";
pub const REFRESH: &str = "r3fresh-token";
/// Repositories to which nobody has a right: below the one a token gives none, for the other there is no token.
pub const FOREIGN: &str = "foreign";
pub const HIDDEN: &str = "hidden";

/// A running token server.
pub struct Tokens {
    pub realm: String,
    /// The certificates of its signing key.
    pub bundle: PathBuf,
    asked: Arc<Mutex<Vec<String>>>,
}

struct Signer {
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
    /// Whether strangers get tokens too.
    anybody: bool,
}

impl Tokens {
    /// One that gives tokens to `kim`, and to strangers if `anybody`.
    pub fn start(anybody: bool) -> Self {
        andante::adapter::tls::install();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let random = SystemRandom::new();
        let signing =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &random).unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let bundle = directory().join("bundle.pem");
        std::fs::write(&bundle, issuer.pem()).unwrap();
        let signer = Signer { key: signing, certificate: issuer.der().to_vec(), anybody };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let realm = format!("http://{}/token", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(&signer, &kept, stream);
            }
        });
        Self { realm, bundle, asked }
    }

    /// What it was asked so far: method, path and form.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(signer: &Signer, asked: &Mutex<Vec<String>>, mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let (mut authorization, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut authorization),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).unwrap();
    let form = String::from_utf8(form).unwrap();
    let request = first.trim().trim_end_matches(" HTTP/1.1").to_owned();
    let answer = answer(signer, &request, &authorization, &form);
    asked.lock().unwrap().push(format!("{request} {form}").trim_end().to_owned());
    let (status, body) = answer.map_or((401, json!({"details": "no"}).to_string()), |token| {
        // Some servers give a token without the right that was asked for, some give none.
        if request.contains(HIDDEN) { (403, String::new()) } else { (200, token) }
    });
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

/// The token for a query or a form; None: refused.
fn answer(signer: &Signer, request: &str, authorization: &str, form: &str) -> Option<String> {
    let (method, target) = request.split_once(' ')?;
    let pairs = if method == "POST" { form } else { target.split_once('?')?.1 };
    let value = |name: &str| {
        let pair = pairs.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='))?;
        Some(pair.replace("%3A", ":").replace("%2F", "/").replace("%2C", ","))
    };
    assert_eq!(value("service").as_deref(), Some("tests"));
    let known = format!("Basic {}", STANDARD.encode(format!("kim:{PASSWORD}")));
    if method == "POST" {
        assert_eq!(value("grant_type").as_deref(), Some("refresh_token"));
        let token = (value("refresh_token")? == REFRESH).then(|| signer.token(&value("scope").unwrap()))?;
        return Some(json!({"access_token": token, "expires_in": 300}).to_string());
    }
    let allowed = authorization == known || (authorization.is_empty() && signer.anybody);
    allowed.then(|| json!({"token": signer.token(&value("scope").unwrap())}).to_string())
}

impl Signer {
    fn token(&self, scope: &str) -> String {
        let (name, actions) = scope.strip_prefix("repository:").and_then(|s| s.rsplit_once(':')).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let head = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate)]});
        // Whatever is asked for, only reading is granted.
        assert!(actions.split(',').any(|a| a == "pull"), "{scope}");
        let granted = if name.starts_with(FOREIGN) { json!([]) } else { json!(["pull"]) };
        let claims = json!({
            "iss": "tests", "sub": "kim", "aud": "tests", "iat": now, "nbf": now - 60, "exp": now + 300, "jti": "1",
            "access": [{"type": "repository", "name": name, "actions": granted}],
        });
        let text =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(head.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}
