//! The namespace in which all is measured, and what stands in it.

use crate::cluster::support::{Space, sample};
use std::process::Stdio;

/// A namespace that goes away also when something fails.
pub struct Room {
    pub space: Space,
}

impl Room {
    /// Without any Service.
    pub fn empty(name: &str) -> Self {
        Self { space: Space::new(name) }
    }

    /// Two Services of version v1: `hello` for good releases, `users` for bad ones.
    pub fn new() -> Self {
        let room = Self::empty("bench");
        room.space.apply(&sample("users", "v1").object);
        room.space.serve(&sample("hello", "v1"));
        room.space.settled("users");
        room
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // When all was well, the space itself does.
        if std::thread::panicking() {
            let mut command = self.space.cluster.kubectl();
            command.args(["delete", "namespace", &self.space.namespace, "--wait=false", "--request-timeout=20s"]);
            drop(command.stdout(Stdio::null()).status());
        }
    }
}
