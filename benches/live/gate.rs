//! The probed address of a candidate, as far as the walk can tell: good until told otherwise.

use jiff::Timestamp;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Shared {
    bad: AtomicBool,
    first_bad: Mutex<Option<Timestamp>>,
    answered: Condvar,
}

/// A server of one answer a connection.
pub struct Gate {
    pub url: String,
    shared: Arc<Shared>,
}

impl Gate {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let told = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Who breaks off gets no answer.
                drop(told.answer(&stream));
            }
        });
        Self { url, shared }
    }

    /// From now on every answer is good.
    pub fn good(&self) {
        self.shared.bad.store(false, Ordering::SeqCst);
        *self.shared.first_bad.lock().unwrap() = None;
    }

    /// From now on every answer is bad; when the first one of them was sent.
    pub fn bad(&self, within: Duration) -> Timestamp {
        self.shared.bad.store(true, Ordering::SeqCst);
        let first = self.shared.first_bad.lock().unwrap();
        let (first, _) = self.shared.answered.wait_timeout_while(first, within, |at| at.is_none()).unwrap();
        first.expect("the candidate is probed")
    }
}

impl Shared {
    fn answer(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 && line != "\r\n" {
            line.clear();
        }
        let bad = self.bad.load(Ordering::SeqCst);
        let status = if bad { "500 Internal Server Error" } else { "200 OK" };
        let at = Timestamp::now();
        write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
        if bad {
            self.first_bad.lock().unwrap().get_or_insert(at);
            self.answered.notify_all();
        }
        Ok(())
    }
}
