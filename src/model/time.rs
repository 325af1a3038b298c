//! The arithmetic of time that everything shares, and durations as people write them.
//!
//! Decides that a sum beyond what a timestamp holds ends there. Depends on jiff and humantime; the time itself is an
//! argument.

use jiff::Timestamp;
use std::time::Duration;

/// The longest duration that anybody may ask for, 31 days: longer than any walk takes. humantime's `M` is a month, and a typo
/// should not wait for one.
pub(crate) const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// `time + duration`, never beyond what a timestamp holds.
pub(crate) fn after(time: Timestamp, duration: Duration) -> Timestamp {
    // Flags and a server's Retry-After may be as long as they like; a panic here would leave users where they are.
    jiff::SignedDuration::try_from(duration).ok().and_then(|d| time.checked_add(d).ok()).unwrap_or(Timestamp::MAX)
}

/// `time - duration`, never before what a timestamp holds.
pub(crate) fn before(time: Timestamp, duration: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(duration).ok().and_then(|d| time.checked_sub(d).ok()).unwrap_or(Timestamp::MIN)
}

/// A duration as people write it.
pub(crate) fn words(duration: Duration) -> String {
    humantime::format_duration(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
        .to_string()
}

/// Durations in serde as people write them (`90s`, `2m`).
pub(crate) mod human {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(serde::de::Error::custom)
    }

    /// The same where there may be none.
    pub(crate) mod option {
        use serde::{Deserialize, Deserializer, Serializer};
        use std::time::Duration;

        #[expect(clippy::ref_option, reason = "serde's signature")]
        pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => super::serialize(duration, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| humantime::parse_duration(&text).map_err(serde::de::Error::custom)).transpose()
        }
    }
}
