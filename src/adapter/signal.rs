//! Signals that ask the process to end, as values in a channel.
//!
//! Decides nothing: the runner decides what a signal means. Tekton's entrypoint forwards every signal to the process group
//! (cmd/entrypoint/runner.go), so the SIGTERM of a pod that is deleted arrives here. Depends on the runtime.

use crate::model::signal::Signal;
use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Takes over SIGTERM and SIGINT for the rest of the process's life and delivers each one, a second one too. Two of a
/// kind that arrive before the runtime gets to look are one, as with every Unix signal.
///
/// Must be called within a runtime, before the first write: until then a signal kills the process.
pub fn listen() -> io::Result<UnboundedReceiver<Signal>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let came = tokio::select! {
                Some(()) = terminate.recv() => Signal::Terminate,
                Some(()) = interrupt.recv() => Signal::Interrupt,
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
