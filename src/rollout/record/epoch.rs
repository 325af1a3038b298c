//! The epoch of a record that may not be readable otherwise: damaged, or of a newer format.
//!
//! Decides which number counts. The policies of `config/care` read it in the same way, by a regular expression, because CEL
//! reads no JSON, and take a write under our field manager for a rollout's where it is higher than the one before. So whoever
//! writes a record over one that cannot be read has to be above what they read there. It depends on nothing.

/// Epochs of readable records are below. No rollout writes so often; who reads the next one allows for one digit more.
pub(super) const BOUND: u64 = 100_000_000_000_000;
/// How many digits an epoch below [`BOUND`] has at most.
const DIGITS: usize = 14;

/// The epoch that a record's text tells, below [`BOUND`]; 0 where it tells none.
pub fn epoch_of(text: &str) -> u64 {
    text.split("\"epoch\":").skip(1).find_map(number).unwrap_or(0)
}

/// The number that a JSON object's value begins with, if it ends there.
fn number(rest: &str) -> Option<u64> {
    let rest = rest.trim_start_matches(' ');
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ends = rest.get(digits..)?.trim_start_matches(' ').starts_with([',', '}']);
    rest.get(..digits).filter(|text| ends && !text.is_empty() && text.len() <= DIGITS)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::record::tests::record;
    use crate::rollout::record::{BadRecord, Record};

    #[test]
    fn it_is_read_of_every_record_and_of_what_is_left_of_one() {
        let mut whole = record();
        whole.epoch = 41;
        assert_eq!(epoch_of(&whole.to_text().unwrap()), 41);
        for (text, epoch) in [
            (r#"{"format":2,"epoch":7,"new":true}"#, 7),
            (r#"{"epoch": 7 }"#, 7),
            (r#"{"epoch":7,"#, 7),
            (r#"{"epoch":007,"#, 7),
            (r#"{"epoch":99999999999999}"#, BOUND - 1),
            (r#"{"epoch":"x","then":{"epoch":3}}"#, 3),
        ] {
            assert_eq!(epoch_of(text), epoch, "{text}");
        }
        for text in [
            "",
            "{}",
            r#"{"epoch":7"#,
            r#"{"epoch":-7}"#,
            r#"{"epoch":7.5}"#,
            r#"{"epoch":100000000000000}"#,
            "\"epoch\":",
        ] {
            assert_eq!(epoch_of(text), 0, "{text}");
        }
    }

    #[test]
    fn an_epoch_without_end_is_damage() {
        let mut far = record();
        far.epoch = BOUND - 1;
        assert!(Record::parse(&far.to_text().unwrap()).is_ok());
        far.epoch = BOUND;
        assert!(
            matches!(Record::parse(&far.to_text().unwrap()), Err(BadRecord::Unreadable(why)) if why.contains("epoch"))
        );
    }
}
