//! A server that follows a script: one reply to each request, in order, whatever is asked. It keeps what it was asked.

use andante::adapter::cluster::{Connect, KnativeService, Kube};
use andante::adapter::env::Environment;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is done about one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A whole answer: status, more headers (lines with `\r\n`), body.
    Answer(u16, &'static str, String),
    /// These bytes, with a pause before each piece; then the connection is closed.
    Pieces(Vec<(Duration, String)>),
    /// These bytes, and then nothing for ever.
    Hang(String),
    /// The connection is reset.
    Reset,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, "content-type: application/json\r\n", body.to_string())
    }

    /// A chunked 200 of these events, one a chunk; then the server ends it.
    pub(crate) fn events(events: &[Value]) -> Self {
        let chunks: String = events.iter().map(|e| chunk(&format!("{e}\n"))).collect();
        Self::Pieces(vec![(Duration::ZERO, format!("{CHUNKED}{chunks}0\r\n\r\n"))])
    }
}

pub(crate) const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

pub(crate) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `METHOD /path?query`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Script = Arc<Mutex<std::vec::IntoIter<Reply>>>;

impl Server {
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        Self::start_with(replies, |stream| async { Some(stream) }).await
    }

    /// A server whose connections are first dressed in something (TLS).
    pub(crate) async fn start_with<S, F>(replies: Vec<Reply>, dress: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let script: Script = Arc::new(Mutex::new(replies.into_iter()));
        let kept = seen.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // Closing then resets, where data is left unread or a reply asks for it.
                let reset = Arc::new(stream.into_std().unwrap());
                let stream = TcpStream::from_std(reset.try_clone().unwrap()).unwrap();
                let dressed = dress(stream);
                let (script, seen) = (script.clone(), kept.clone());
                tokio::spawn(async move {
                    if let Some(stream) = dressed.await {
                        serve(stream, &script, &seen, || {
                            TcpStream::from_std(reset.try_clone().unwrap()).unwrap().set_zero_linger().unwrap();
                        })
                        .await;
                    }
                });
            }
        });
        Self { port, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// A connection to this server.
    pub(crate) fn kube(&self) -> Kube {
        connect(&self.url(), &Connect { call_limit: Duration::from_secs(5), ..Connect::default() })
    }

    /// The Service that the tests are about.
    pub(crate) fn service(&self) -> KnativeService {
        self.kube().service("hello".parse().unwrap())
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    script: &Script,
    seen: &Mutex<Vec<Seen>>,
    reset: impl Fn(),
) {
    while let Some(request) = read(&mut stream).await {
        seen.lock().unwrap().push(request);
        let reply = script.lock().unwrap().next();
        match reply {
            Some(Reply::Answer(status, headers, body)) => {
                let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
            Some(Reply::Pieces(pieces)) => {
                for (pause, piece) in pieces {
                    tokio::time::sleep(pause).await;
                    if stream.write_all(piece.as_bytes()).await.is_err() {
                        return;
                    }
                    stream.flush().await.unwrap();
                }
                stream.shutdown().await.ok();
                return;
            }
            Some(Reply::Hang(text)) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                std::future::pending::<()>().await;
            }
            Some(Reply::Reset) => return reset(),
            None => return,
        }
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(": ")).map(|(k, v)| (k.to_ascii_lowercase(), v.to_owned())).collect();
    let length = headers.iter().find(|(k, _)| k == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Seen { line, headers, body: String::from_utf8(bytes[end + 4..].to_vec()).unwrap() })
}

/// A fresh directory for one test.
pub(crate) fn directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("adapters-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A kubeconfig of one cluster, user `kim` with a token, namespace `shop`.
pub(crate) fn kubeconfig(directory: &Path, cluster: &str) -> PathBuf {
    let path = directory.join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         clusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
         users: [{{name: kim, user: {{token: s3cret}}}}]\n\
         contexts: [{{name: here, context: {{cluster: c, user: kim, namespace: shop}}}}]\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

pub(crate) fn connect(url: &str, settings: &Connect) -> Kube {
    let directory = directory();
    let settings =
        Connect { kubeconfig: Some(kubeconfig(&directory, &format!("server: {url:?}"))), ..settings.clone() };
    Kube::connect(&settings, &Environment::invented([], &directory)).unwrap()
}
