//! Everything that a Service went through, in order, as the API server told it.

use super::cluster::Cluster;
use jiff::Timestamp;
use serde_json::Value;
use std::io::BufReader;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

/// One state of an object.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Timestamp,
    pub object: Value,
}

/// A watch that runs until it is dropped.
#[derive(Debug)]
pub struct Watch {
    child: Child,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Watch {
    pub(super) fn start(namespace: &str, kind: &str, name: &str) -> Self {
        let mut command = Cluster::get().kubectl();
        command.args(["get", "-n", namespace, kind, name, "--watch", "-o", "json"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let seen = Arc::new(Mutex::new(vec![]));
        let (into, out) = (Arc::clone(&seen), BufReader::new(child.stdout.take().unwrap()));
        std::thread::spawn(move || {
            let objects = serde_json::Deserializer::from_reader(out).into_iter::<Value>();
            for object in objects.map_while(Result::ok) {
                into.lock().unwrap().push(Seen { at: Timestamp::now(), object });
            }
        });
        let watch = Self { child, seen };
        super::eventually("the watch begins", super::SHORT, || (!watch.seen().is_empty()).then_some(()));
        watch
    }

    /// Every state so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The values of something, in order, each once as long as it lasted.
    pub fn values<T: PartialEq>(&self, of: impl Fn(&Value) -> T) -> Vec<T> {
        let mut values = vec![];
        for seen in self.seen() {
            let value = of(&seen.object);
            if values.last() != Some(&value) {
                values.push(value);
            }
        }
        values
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
