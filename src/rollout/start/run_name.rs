//! What a run is called: the same for whoever asks at the same moment, another one for each start.
//!
//! Decides what a start is: one Service object, one goal, what was started before it, and the word by which it was asked for
//! again. So a crash before it is noted, two who start at once, and a run that was removed since start nothing twice, and a goal
//! that comes back is started. Depends on names and the hash.

use crate::model::name::{GoalId, ServiceName};
use crate::rollout::goal_status::RunName;
use crate::rollout::hashed::digits;
use serde_json::json;

/// The longest name: a run's name becomes the value of a label.
const LONGEST: usize = 63;
/// So many bytes of the hash are written, two digits each.
const BYTES: usize = 6;

/// What tells one start from another.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartOf<'a> {
    pub(super) service: &'a ServiceName,
    /// The Service's uid: one that was deleted and made again is another one.
    pub(super) uid: &'a str,
    pub(super) goal: &'a GoalId,
    /// What was started before, or stood in its place.
    pub(super) before: &'a str,
    /// The word by which it was asked for again; empty for the first.
    pub(super) attempt: &'a str,
}

impl StartOf<'_> {
    /// The run's name; none only if a hash had no digits.
    pub(super) fn name(&self) -> Option<RunName> {
        // JSON keeps the parts apart, whatever they hold.
        let text = json!([self.uid, self.goal, self.before, self.attempt]).to_string();
        format!("{}{}", beginning(self.service), digits(&text, BYTES)).parse().ok()
    }
}

/// What all names of a Service's runs begin with.
fn beginning(service: &ServiceName) -> String {
    let cut: String = service.as_str().chars().take(LONGEST - 2 * BYTES - 1).collect();
    format!("{}-", cut.trim_end_matches('-'))
}

/// True for a name of the form that runs of this Service are given.
pub(super) fn is_given_to(service: &ServiceName, run: &str) -> bool {
    let digits = run.strip_prefix(&beginning(service));
    digits.is_some_and(|d| d.len() == 2 * BYTES && d.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(service: &str, uid: &str, goal: &str, before: &str, attempt: &str) -> String {
        let (service, goal) = (service.parse().unwrap(), goal.parse().unwrap());
        StartOf { service: &service, uid, goal: &goal, before, attempt }.name().unwrap().to_string()
    }

    #[test]
    fn a_name_is_a_promise() {
        // Runs of old stand under such names; another one for the same start would start it twice after an upgrade.
        assert_eq!(name("hello", "u", "0123456789ab", "", ""), "hello-6033b764f498");
        let long = name(&format!("{}-b", "a".repeat(49)), "u", "0123456789ab", "", "");
        assert_eq!(long, format!("{}-6033b764f498", "a".repeat(49)));
        assert_eq!(name(&"a".repeat(63), "u", "0123456789ab", "", "").len(), 63);
    }

    proptest! {
        #[test]
        fn each_part_makes_another_name(
            service in "[a-z]([a-z0-9-]{0,61}[a-z0-9])?", uid in "[0-9a-f]{0,8}", goal in "[0-9a-f]{12}",
            before in ".{0,20}", attempt in ".{0,20}", other in ".{1,20}",
        ) {
            let usual = name(&service, &uid, &goal, &before, &attempt);
            prop_assert!(usual.len() <= 63 && usual.parse::<ServiceName>().is_ok(), "{}", usual);
            prop_assert!(is_given_to(&service.parse().unwrap(), &usual) && !is_given_to(&"another".parse().unwrap(), &usual));
            prop_assert_eq!(&usual, &name(&service, &uid, &goal, &before, &attempt));
            prop_assert_ne!(&usual, &name(&service, &format!("{uid}{other}"), &goal, &before, &attempt));
            prop_assert_ne!(&usual, &name(&service, &uid, &goal, &format!("{before}{other}"), &attempt));
            prop_assert_ne!(&usual, &name(&service, &uid, &goal, &before, &format!("{attempt}{other}")));
            let turned: String = goal.chars().map(|c| if c == '0' { '1' } else { '0' }).collect();
            prop_assert_ne!(&usual, &name(&service, &uid, &turned, &before, &attempt));
        }
    }
}
