//! Statuses of gRPC calls: what an HTTP status does not tell, because a call that fails is answered with a 200.
//!
//! Decides which of them are the server's fault and which are the client's: as OpenTelemetry's semantic conventions for gRPC
//! say it of a server's spans. `UNKNOWN`, `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE` and `DATA_LOSS` are errors
//! of the server; what else is not OK tells the client that it asked for something that it may not have, as a 4xx does
//! (CANCELLED among them, which the client did itself). Depends on nothing.

/// Their names; the place in the list is the number (`google.rpc.Code`).
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The server's fault.
const SERVERS: [usize; 6] = [2, 4, 12, 13, 14, 15];

/// Calls by status. Cumulative, as the other counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GrpcCalls {
    of: [u64; NAMES.len()],
}

/// The status of a call: its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrpcStatus(u8);

impl GrpcStatus {
    /// Of what a label says: `14` or `UNAVAILABLE`; none where it says nothing (no call of gRPC) or something else.
    pub fn read(text: &str) -> Option<Self> {
        let by_name = || NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = text.parse::<usize>().ok().filter(|n| *n < NAMES.len()).or_else(by_name)?;
        u8::try_from(number).ok().map(Self)
    }

    /// All of them, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        (0_u8..).take(NAMES.len()).map(Self)
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl GrpcCalls {
    /// So many more of this status.
    pub fn add(&mut self, status: GrpcStatus, count: u64) {
        if let Some(sum) = self.of.get_mut(usize::from(status.0)) {
            *sum = sum.saturating_add(count);
        }
    }

    /// All calls.
    pub fn all(&self) -> u64 {
        self.sum(|_| true)
    }

    /// Calls that the server failed.
    pub fn failed(&self) -> u64 {
        self.sum(|status| SERVERS.contains(&status))
    }

    /// Calls that were refused as the client's mistake.
    pub fn client_errors(&self) -> u64 {
        self.sum(|status| status != 0 && !SERVERS.contains(&status))
    }

    fn sum(&self, of: impl Fn(usize) -> bool) -> u64 {
        let chosen = self.of.iter().enumerate().filter(|(status, _)| of(*status));
        chosen.fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// Both added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let mut of = self.of;
        of.iter_mut().zip(other.of).for_each(|(sum, n)| *sum = sum.saturating_add(n));
        Self { of }
    }

    /// What came since `before`; none if a count fell, because the process began anew then.
    pub fn since(self, before: Self) -> Option<Self> {
        let mut of = self.of;
        for (now, before) in of.iter_mut().zip(before.of) {
            *now = now.checked_sub(before)?;
        }
        Some(Self { of })
    }

    /// `970 OK, 30 UNAVAILABLE`; what is nothing is left out.
    pub fn words(&self) -> String {
        let told: Vec<String> =
            self.of.iter().zip(NAMES).filter(|(n, _)| **n > 0).map(|(n, name)| format!("{n} {name}")).collect();
        if told.is_empty() { "no call".to_owned() } else { told.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_or_a_name_and_else_there_is_no_call() {
        for (text, number) in [
            ("0", Some(0)),
            ("14", Some(14)),
            ("UNAVAILABLE", Some(14)),
            ("Unauthenticated", Some(16)),
            ("17", None),
            ("", None),
            ("-", None),
            ("200", None),
            ("-1", None),
        ] {
            assert_eq!(GrpcStatus::read(text).map(GrpcStatus::number), number, "{text:?}");
        }
    }

    #[test]
    fn each_status_is_good_or_the_servers_or_the_clients() {
        let mut calls = GrpcCalls::default();
        GrpcStatus::all().for_each(|status| calls.add(status, 1));
        assert_eq!((calls.all(), calls.failed(), calls.client_errors()), (17, 6, 10));
        let mut some = GrpcCalls::default();
        for (name, n) in [("OK", 970), ("UNAVAILABLE", 30), ("NOT_FOUND", 5)] {
            some.add(GrpcStatus::read(name).unwrap(), n);
        }
        assert_eq!(some.words(), "970 OK, 5 NOT_FOUND, 30 UNAVAILABLE");
        assert_eq!(some.plus(calls).since(calls), Some(some));
        assert_eq!(calls.since(some), None, "the process began anew");
        assert_eq!(GrpcCalls::default().words(), "no call");
    }
}
