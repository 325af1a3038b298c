//! Signals that ask the process to end, as values in a channel.
//!
//! Decides nothing: the runner decides what a signal means. Tekton's entrypoint forwards every signal to the process group
//! (cmd/entrypoint/runner.go), so the SIGTERM of a pod that is deleted arrives here. Depends on the runtime.

use crate::adapter::files;
use crate::model::signal::Signal;
use std::io;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// More than the kernel tells of a process, in bytes.
const LARGEST: u64 = 64 << 10;

/// Takes over SIGTERM, SIGINT and SIGHUP for the rest of the process's life and delivers each one, a second one too. Two
/// of a kind that arrive before the runtime gets to look are one, as with every Unix signal. A SIGHUP that is ignored
/// (`nohup`) stays so.
///
/// Must be called within a runtime, before the first write: until then a signal kills the process.
pub fn listen() -> io::Result<UnboundedReceiver<Signal>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let came = tokio::select! {
                Some(()) = terminate.recv() => Signal::Terminate,
                Some(()) = interrupt.recv() => Signal::Interrupt,
                Some(()) = heard(&mut hangup) => Signal::Hangup,
                () = sender.closed() => return,
                else => return,
            };
            if sender.send(came).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// The next one; never, where none is listened to.
async fn heard(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

/// True if this process was started with SIGHUP ignored: whoever did so wants it to outlive the terminal.
fn is_hangup_ignored() -> bool {
    // The kernel shows the ignored signals as a mask in which the first bit is signal 1, SIGHUP. Elsewhere than on Linux
    // there is no such file, and SIGHUP is listened to.
    let status = files::read_text(Path::new("/proc/self/status"), LARGEST).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
