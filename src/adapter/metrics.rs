//! A port on which whoever scrapes reads a page: HTTP/1.1 as far as a GET goes.
//!
//! Decides what a stranger may cost: a request of at most 4 KiB, two seconds, eight of them at once, one request a connection. Where
//! more come, whoever has been there longest is turned away: whoever only sits there must not keep a liveness probe out, which would
//! end the process. Depends on the runtime's sockets.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The longest request, in bytes.
const LONGEST: usize = 4096;
/// So long a connection may last.
const WITHIN: Duration = Duration::from_secs(2);
/// So many are answered at once.
const AT_ONCE: usize = 8;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsReply {
    /// HTTP's status.
    pub status: u16,
    /// Its type.
    pub kind: &'static str,
    /// Its text.
    pub body: String,
}

impl MetricsReply {
    /// A sentence.
    pub fn text(status: u16, text: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: text.to_owned() }
    }
}

/// The port.
#[derive(Debug)]
pub struct MetricsPort {
    listener: TcpListener,
}

impl MetricsPort {
    /// Listens there.
    pub async fn open(at: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(at).await? })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers with the page of the path that is asked for, for ever.
    pub async fn serve(&self, page: impl Fn(&str) -> MetricsReply) -> Infallible {
        // The oldest first.
        let mut open: VecDeque<LocalBoxFuture<'_, ()>> = VecDeque::with_capacity(AT_ONCE);
        loop {
            let answers = poll_fn(|cx| {
                open.retain_mut(|one| one.as_mut().poll(cx).is_pending());
                Poll::<Infallible>::Pending
            });
            tokio::select! {
                biased;
                never = answers => match never {},
                came = self.listener.accept() => match came {
                    Ok((stream, _)) => {
                        if open.len() >= AT_ONCE {
                            open.pop_front();
                        }
                        open.push_back(answer(stream, &page).boxed_local());
                    }
                    // No file is left for one more: those that are open end soon.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        }
    }
}

/// Answers one request. Whoever does not ask, or does not listen, is left.
async fn answer(mut stream: TcpStream, page: impl Fn(&str) -> MetricsReply) {
    let work = async {
        let head = head(&mut stream).await?;
        let reply =
            head.map_or_else(|| MetricsReply::text(431, "the request is too long\n"), |head| reply(&head, page));
        let text = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
            reply.status,
            if reply.status == 200 { "OK" } else { "No" },
            reply.kind,
            reply.body.len(),
            reply.body
        );
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await
    };
    // What became of it concerns nobody but whoever asked.
    let _ = timeout(WITHIN, work).await;
}

/// The request up to its empty line; none of one that is too long.
async fn head(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        if bytes.len() > LONGEST {
            return Ok(None);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn reply(head: &str, page: impl Fn(&str) -> MetricsReply) -> MetricsReply {
    let mut line = head.lines().next().unwrap_or_default().split(' ');
    match (line.next(), line.next(), line.next()) {
        (Some("GET"), Some(path), Some("HTTP/1.1" | "HTTP/1.0")) => page(path.split('?').next().unwrap_or_default()),
        (Some(_), Some(_), Some("HTTP/1.1" | "HTTP/1.0")) => MetricsReply::text(405, "only GET is answered\n"),
        _ => MetricsReply::text(400, "this is no request\n"),
    }
}
