//! A real Prometheus (Debian's package) as a process of this test: it scrapes the ingress gateway, on loopback alone.

use super::wait::eventually;
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
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("prometheus-{name}-{port}"));
        std::fs::create_dir_all(&data).unwrap();
        let config = data.join("prometheus.yaml");
        let jobs = format!(
            "global: {{scrape_interval: {every}, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: gateway\n    \
             metrics_path: /stats/prometheus\n    static_configs: [{{targets: {targets:?}}}]\n"
        );
        std::fs::write(&config, jobs).unwrap();
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
