//! From exec to the first API request, and to the end of `--help`.

use super::figures::times;
use super::shipped::Build;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const TIMES: usize = 40;
const LIMIT: Duration = Duration::from_secs(10);

/// An API server that never answers, and tells when it was asked for what.
struct Deaf {
    kubeconfig: PathBuf,
    asked: Receiver<(Instant, String)>,
}

impl Deaf {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": server}}],
            "users": [{"name": "x", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}]
        });
        let name = format!("bench-{}.kubeconfig", std::process::id());
        let kubeconfig = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let (tell, asked) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut line = String::new();
                if BufReader::new(&stream).read_line(&mut line).is_ok() && tell.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Self { kubeconfig, asked }
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.kubeconfig));
    }
}

/// What starting any process costs here.
pub fn idle() {
    times("start.true", runs(Path::new("true"), &[]), "from spawn to exit of `true`: the floor on this machine");
}

/// Its start-up.
pub fn measure(build: &Build) {
    let help = runs(&build.path, &["--help"]);
    times("start.help", help, "from spawn to exit of `--help`");
    let deaf = Deaf::start();
    let first = (0..TIMES).map(|number| first_request(&build.path, &deaf, number)).collect();
    let how = "from spawn to the first line of a `walk`'s first API request, plain HTTP on loopback";
    times("start.first-request", first, how);
}

pub fn runs(program: &Path, arguments: &[&str]) -> Vec<Duration> {
    let once = |_| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let status = command.status().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        let took = began.elapsed();
        assert!(status.success(), "{} {arguments:?} failed", program.display());
        took
    };
    (0..TIMES).map(once).collect()
}

fn first_request(program: &Path, deaf: &Deaf, number: usize) -> Duration {
    // A name of its own tells this run's request from a late one of the run before.
    let name = format!("bench-{number:03}");
    let mut command = Command::new(program);
    command.args(["walk", &name, "--namespace", "default", "--kubeconfig"]).arg(&deaf.kubeconfig);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let at = loop {
        match deaf.asked.recv_timeout(LIMIT) {
            Ok((at, line)) if line.contains(&name) => break Some(at),
            Ok(_) => {}
            Err(_) => break None,
        }
    };
    child.kill().and_then(|()| child.wait()).unwrap();
    at.expect("it asks the API server").duration_since(began)
}
