//! The signals that ask the process to end, as values. Decides nothing but their names: what a signal means is each
//! machine's own affair.

/// A signal of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: the pod is going away.
    Terminate,
    /// SIGINT: a person pressed Ctrl-C.
    Interrupt,
    /// SIGHUP: a person's terminal is gone.
    Hangup,
}

impl Signal {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "Ctrl-C",
            Self::Hangup => "SIGHUP",
        }
    }
}
