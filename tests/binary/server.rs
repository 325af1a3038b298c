//! An API server of a test's own: a function answers whatever is asked, on as many connections as come.

use super::file;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it came.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    body: Vec<u8>,
}

impl Request {
    /// `METHOD path?query`.
    pub(super) fn line(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, self.query)
    }

    /// What was sent; null where that is no JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn read(from: &mut impl BufRead) -> Option<Self> {
        let (mut first, mut length) = (String::new(), 0);
        from.read_line(&mut first).ok().filter(|read| *read > 0)?;
        loop {
            let mut line = String::new();
            from.read_line(&mut line).ok()?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).ok()?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Self { method, path: path.to_owned(), query: query.to_owned(), body })
    }
}

/// A kubeconfig of a cluster at this port.
pub(super) fn kubeconfig(port: u16, namespace: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
         clusters: [{{name: c, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u, namespace: {namespace}}}}}]\n\
         users: [{{name: u, user: {{token: not-a-secret}}}}]\n"
    )
}

/// Serves from now on; the path of a kubeconfig of this name. `headers`: those of each answer, each with its end of line.
pub(super) fn serve(
    name: &str,
    namespace: &str,
    headers: &'static str,
    answer: impl FnMut(&Request) -> (u16, Value) + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(Mutex::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || converse(stream, headers, &answer));
        }
    });
    file(&format!("{name}.kubeconfig"), &kubeconfig(port, namespace))
}

/// Answers what comes on one connection.
fn converse<A: FnMut(&Request) -> (u16, Value)>(mut stream: TcpStream, headers: &str, answer: &Mutex<A>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = Request::read(&mut reader) {
        let mut answer = answer.lock().unwrap();
        let (status, body) = (*answer)(&request);
        drop(answer);
        let text = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        if stream.write_all((head + &text).as_bytes()).is_err() {
            return;
        }
    }
}
