//! A real Prometheus (Debian's package) as a process of this test, on loopback alone: it scrapes the ingress gateway, or whatever
//! else it is told to.

use super::wait::eventually;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that ends with the test.
#[derive(Debug)]
pub struct PrometheusServer {
    child: Child,
    port: u16,
    data: PathBuf,
}

impl PrometheusServer {
    /// Starts one that scrapes these `host:port` addresses (`/stats/prometheus`) this often.
    pub fn start(name: &str, targets: &[String], every: &str) -> Self {
        let targets: Vec<_> = targets.iter().map(|target| (target.clone(), json!({}))).collect();
        Self::scraping(name, "/stats/prometheus", &targets, every)
    }

    /// The same of these addresses at this path, each with labels of its own. Servers of other names scrape at other moments.
    pub fn scraping(name: &str, path: &str, targets: &[(String, Value)], every: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("prometheus-{name}-{port}"));
        std::fs::create_dir_all(&data).unwrap();
        let config = data.join("prometheus.yaml");
        let statics: Vec<_> =
            targets.iter().map(|(target, labels)| json!({"targets": [target], "labels": labels})).collect();
        // JSON is YAML too.
        let settings = json!({
            "global": {"scrape_interval": every, "scrape_timeout": "1s", "external_labels": {"replica": name}},
            "scrape_configs": [{"job_name": "test", "metrics_path": path, "static_configs": statics}],
        });
        std::fs::write(&config, settings.to_string()).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(data.join("log")).unwrap())
            .spawn()
            .unwrap_or_else(|e| panic!("prometheus (Debian package of that name, see tests/testbed): {e}"));
        let server = Self { child, port, data };
        eventually("Prometheus is ready", Duration::from_secs(30), || {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
            write!(stream, "GET /-/ready HTTP/1.0\r\n\r\n").ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            answer.contains(" 200 ").then_some(())
        });
        server
    }

    /// Sends it a signal by name: `STOP` makes it silent, `CONT` wakes it.
    pub fn signal(&self, name: &str) {
        assert!(
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap().success()
        );
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for PrometheusServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.data));
    }
}

/// Two servers behind one address, asked in turn, as a Service of two replicas is by clients that connect for each question.
#[derive(Debug)]
pub struct InTurn {
    port: u16,
}

impl InTurn {
    /// An address of its own, for as long as this process lives.
    pub fn before(servers: [&PrometheusServer; 2]) -> Self {
        let ports = servers.map(|server| server.port);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for (client, server) in listener.incoming().zip(ports.iter().cycle()) {
                // Who hangs up hears nothing.
                drop(client.and_then(|client| pass(client, *server)));
            }
        });
        Self { port }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// One request, which has no body, and its answer.
fn pass(mut client: TcpStream, port: u16) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte)? > 0 {
        head.extend(byte);
    }
    let line = head.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
    head.splice(line..line, *b"Connection: close\r\n");
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    server.write_all(&head)?;
    std::io::copy(&mut server, &mut client).map(drop)
}
