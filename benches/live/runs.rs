//! One build of the binary as a process: its lines with their times, its end, what it took.

use super::meter::{Meter, Taken};
use crate::cluster::support::{Space, eventually};
use jiff::Timestamp;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A line and when it came.
pub type Line = (Timestamp, String);

/// Which build is run, and where.
#[derive(Clone, Copy)]
pub struct Runner<'a> {
    pub binary: &'a Path,
    pub space: &'a Space,
}

/// A run that goes on.
pub struct Run {
    child: Child,
    began: Instant,
    lines: Arc<Mutex<Vec<Line>>>,
    reader: JoinHandle<()>,
    meter: Meter,
}

/// A run that ended as it was to.
pub struct Ran {
    pub lines: Vec<Line>,
    pub took: Duration,
    pub taken: Taken,
}

impl Runner<'_> {
    /// Starts it as a person would.
    pub fn start(&self, arguments: &[&str]) -> Run {
        self.spawn(arguments, Path::new(&self.space.cluster.kubeconfig), &[])
    }

    /// Starts it as a step of a pipeline, by another way to the cluster.
    pub fn start_as_step(&self, arguments: &[&str], kubeconfig: &Path) -> Run {
        let namespace = self.space.namespace.as_str();
        let run = [
            ("ANDANTE_PIPELINE_RUN", "bench"),
            ("ANDANTE_PIPELINE_RUN_UID", "bench-uid"),
            ("ANDANTE_RUN_NAMESPACE", namespace),
        ];
        self.spawn(arguments, kubeconfig, &run)
    }

    fn spawn(&self, arguments: &[&str], kubeconfig: &Path, environment: &[(&str, &str)]) -> Run {
        let mut command = Command::new(self.binary);
        command.args(arguments).args(["--namespace", &self.space.namespace]);
        command.env_clear().env("KUBECONFIG", kubeconfig).env("USER", "kim").envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        eprintln!("$ andante {}", arguments.join(" "));
        let began = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", self.binary.display()));
        let meter = Meter::of(child.id());
        let lines = Arc::new(Mutex::new(vec![]));
        let (into, out) = (Arc::clone(&lines), BufReader::new(child.stdout.take().unwrap()));
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                eprintln!("{line}");
                into.lock().unwrap().push((Timestamp::now(), line));
            }
        });
        Run { child, began, lines, reader, meter }
    }
}

impl Run {
    /// Waits for a line with this text.
    pub fn line(&self, text: &str, limit: Duration) {
        let has = || self.lines.lock().unwrap().iter().any(|(_, line)| line.contains(text));
        eventually(&format!("a line with `{text}`"), limit, || has().then_some(()));
    }

    /// Waits for its end, which must have this code and this text in its last line.
    pub fn ended(mut self, code: i32, text: &str, limit: Duration) -> Ran {
        let ended = eventually("the end of a run", limit, || self.child.try_wait().unwrap());
        let took = self.began.elapsed();
        self.reader.join().unwrap();
        let lines = std::mem::take(&mut *self.lines.lock().unwrap());
        let last = lines.last().map(|(_, line)| line.as_str()).unwrap_or_default();
        assert!(
            ended.code() == Some(code) && last.contains(text),
            "ended with {ended}, not {code} and `{text}`: {last}"
        );
        Ran { lines, took, taken: self.meter.stop() }
    }
}
