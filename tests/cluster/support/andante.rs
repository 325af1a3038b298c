//! The real binary, as a process: its lines, its exit code, signals to it.

use super::cluster::Cluster;
use super::kubectl::{end, words};
use jiff::Timestamp;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A run that ended.
#[derive(Debug, Clone)]
pub struct Ran {
    pub command: String,
    /// -1 where a signal killed it.
    pub code: i32,
    pub lines: Vec<String>,
    pub err: String,
    pub took: Duration,
}

impl Ran {
    /// The same; the test fails if it did not end with this code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "wrong exit code\n{}", self.whole());
        self
    }

    /// The last line.
    pub fn last(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }

    /// The same; the test fails if no line has this text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.lines.iter().any(|l| l.contains(text)), "nothing says `{text}`\n{}", self.whole());
        self
    }

    /// The same; the test fails if a line has this text.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        assert!(!self.lines.iter().any(|l| l.contains(text)), "something says `{text}`\n{}", self.whole());
        self
    }

    /// The same; the test fails if the last line has not got this text.
    #[track_caller]
    pub fn ends_with(self, text: &str) -> Self {
        assert!(self.last().contains(text), "the last line has no `{text}`\n{}", self.whole());
        self
    }

    /// Everything that it printed.
    pub fn whole(&self) -> String {
        format!("$ {}\n{}\n{}(exit {} after {:?})", self.command, self.lines.join("\n"), self.err, self.code, self.took)
    }
}

/// A run that goes on. It is killed when the test ends without waiting for it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    command: String,
    began: Instant,
    lines: Arc<Mutex<Vec<(Timestamp, String)>>>,
    readers: Option<(JoinHandle<()>, JoinHandle<String>)>,
}

impl Running {
    /// Starts `andante`; `environment` is added to a clean one.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_andante"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_clear().env("KUBECONFIG", &Cluster::get().kubeconfig).env("USER", "kim");
        command.envs(environment.iter().copied());
        let text = words(&command);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{text}: {e}"));
        let lines = Arc::new(Mutex::new(vec![]));
        let (into, out) = (Arc::clone(&lines), BufReader::new(child.stdout.take().unwrap()));
        let reader = thread::spawn(move || {
            for line in out.lines() {
                into.lock().unwrap().push((Timestamp::now(), line.unwrap()));
            }
        });
        let mut err = child.stderr.take().unwrap();
        let complaints = thread::spawn(move || {
            let mut text = String::new();
            err.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, command: text, began: Instant::now(), lines, readers: Some((reader, complaints)) }
    }

    /// What it printed so far, with the time at which each line came.
    pub fn lines(&self) -> Vec<(Timestamp, String)> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line with this text; when it came.
    #[track_caller]
    pub fn line(&mut self, text: &str, limit: Duration) -> Timestamp {
        let end = Instant::now() + limit;
        loop {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() {
                // The reader may be a moment behind the end.
                thread::sleep(Duration::from_millis(200));
            }
            let lines = self.lines();
            if let Some((at, _)) = lines.iter().find(|(_, line)| line.contains(text)) {
                return *at;
            }
            assert!(ended.is_none(), "{} ended ({ended:?}) without saying `{text}`: {lines:#?}", self.command);
            assert!(Instant::now() < end, "{} did not say `{text}` within {limit:?}: {lines:#?}", self.command);
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name (`TERM`, `INT`, `KILL`, `STOP`, `CONT`).
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(done.success(), "kill -{name} {}", self.command);
    }

    /// SIGKILL, and gone.
    pub fn kill(mut self) -> Ran {
        self.child.kill().unwrap();
        self.wait(Duration::from_secs(10))
    }

    /// Waits for its end; the test fails if it does not come in time.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> Ran {
        let code = end(&mut self.child, limit);
        let took = self.began.elapsed();
        let Some(code) = code else {
            panic!("{} did not end within {limit:?}; it said {:#?}", self.command, self.lines());
        };
        let (reader, complaints) = self.readers.take().unwrap();
        reader.join().unwrap();
        let err = complaints.join().unwrap();
        let lines = self.lines().into_iter().map(|(_, line)| line).collect();
        let ran = Ran { command: self.command.clone(), code, lines, err, took };
        // Shown by the test harness if the test fails.
        eprintln!("{}", ran.whole());
        ran
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
