//! Tekton's own settings. They are everyone's on the cluster, so one test at a time changes one, and those that need the
//! usual ones wait meanwhile.

use super::Space;
use serde_json::json;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

static SETTINGS: RwLock<()> = RwLock::new(());
/// How long the controllers may take to hear of a change.
const HEARD: Duration = Duration::from_secs(5);

/// Tekton's settings stay as they are for as long as this lives.
pub fn usual_settings() -> RwLockReadGuard<'static, ()> {
    SETTINGS.read().unwrap_or_else(PoisonError::into_inner)
}

/// A setting that is on for as long as this lives.
pub struct Setting<'a> {
    space: &'a Space,
    name: &'static str,
    _alone: RwLockWriteGuard<'static, ()>,
}

impl<'a> Setting<'a> {
    /// Turned on, once nobody needs it off.
    pub fn new(space: &'a Space, name: &'static str) -> Self {
        let alone = SETTINGS.write().unwrap_or_else(PoisonError::into_inner);
        let setting = Self { space, name, _alone: alone };
        assert!(setting.set("true"), "{name} cannot be turned on");
        setting
    }

    fn set(&self, value: &str) -> bool {
        let patch = json!({"data": {self.name: value}}).to_string();
        let mut kubectl = self.space.cluster.kubectl();
        kubectl.args(["-n", "tekton-pipelines", "patch", "configmap", "feature-flags", "--type=merge", "-p", &patch]);
        let done = kubectl.output().is_ok_and(|output| output.status.success());
        std::thread::sleep(HEARD);
        done
    }
}

impl Drop for Setting<'_> {
    fn drop(&mut self) {
        let done = self.set("false");
        // A test that failed already says so, and the others go on.
        assert!(done || std::thread::panicking(), "{} cannot be turned off", self.name);
    }
}
