//! The one kubelet of the bundled cluster: restarting it ends every log that somebody follows.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static KUBELET: RwLock<()> = RwLock::new(());

/// Nobody restarts the kubelet while this lives: for who follows logs. Once a thread.
pub fn undisturbed() -> RwLockReadGuard<'static, ()> {
    KUBELET.read().unwrap_or_else(PoisonError::into_inner)
}

/// For who restarts it: waits until nobody follows logs.
pub fn disturbing() -> RwLockWriteGuard<'static, ()> {
    KUBELET.write().unwrap_or_else(PoisonError::into_inner)
}
