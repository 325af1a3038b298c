//! Times as people read them: always UTC, and how far they are from now. Decides their form; it uses no other part of a
//! status.

use crate::model::time::words;
use jiff::Timestamp;
use std::time::Duration;

/// A time, always UTC.
pub(crate) fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time, and how far it is from now.
pub(super) fn moment(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.as_second() - now.as_second();
    let distance = words(Duration::from_secs(seconds.unsigned_abs()));
    match seconds {
        0 => format!("{} (now)", clock(at)),
        1.. => format!("{} (in {distance})", clock(at)),
        _ => format!("{} ({distance} ago)", clock(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::at;
    use super::*;

    #[test]
    fn a_moment_is_before_or_after_now() {
        assert_eq!(moment(at(0), at(0)), "1970-01-01 00:00:00 UTC (now)");
        assert_eq!(moment(at(90), at(0)), "1970-01-01 00:01:30 UTC (in 1m 30s)");
        assert_eq!(moment(at(0), at(3600)), "1970-01-01 00:00:00 UTC (1h ago)");
    }
}
