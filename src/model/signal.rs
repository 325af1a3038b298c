//! The signals that ask the process to end, as values. Decides nothing: what a signal means is each machine's own affair.

/// A signal of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: the pod is going away.
    Terminate,
    /// SIGINT: a person pressed Ctrl-C.
    Interrupt,
}
