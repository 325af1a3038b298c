//! Processes that are waited for: never without an end, and never without what they said.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A process that ended.
#[derive(Debug, Clone)]
pub struct Done {
    pub command: String,
    /// -1 where a signal ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Done {
    /// The same; the test fails unless it ended well.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.code, 0, "{} failed: {}{}", self.command, self.out, self.err);
        self
    }
}

/// Runs a command to its end, with `input` on its standard input.
#[track_caller]
pub fn run(command: &mut Command, input: Option<String>, limit: Duration) -> Done {
    let words = words(command);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{words} cannot be started: {e}"));
    let feeder = child.stdin.take().zip(input).map(|(mut pipe, text)| {
        // A process that reads nothing may end before it is fed.
        thread::spawn(move || drop(pipe.write_all(text.as_bytes())))
    });
    let out = collect(child.stdout.take().unwrap());
    let err = collect(child.stderr.take().unwrap());
    let code = end(&mut child, limit).unwrap_or_else(|| {
        child.kill().and_then(|()| child.wait()).unwrap();
        panic!("{words} did not end within {limit:?}");
    });
    if let Some(feeder) = feeder {
        feeder.join().unwrap();
    }
    Done { command: words, code, out: out.join().unwrap(), err: err.join().unwrap() }
}

/// Waits for the end of a process; None: not in time.
pub fn end(child: &mut Child, limit: Duration) -> Option<i32> {
    let until = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        if Instant::now() >= until {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

pub fn words(command: &Command) -> String {
    let name = std::path::Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let arguments = command.get_args().map(|a| a.to_string_lossy().into_owned());
    std::iter::once(name.into_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn collect(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
