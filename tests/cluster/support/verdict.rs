//! Statements about what users got.

use super::load::{Hit, summary};
use jiff::Timestamp;

/// Hits of one Service that were sent in `[from, to)`.
pub fn between<'a>(hits: &'a [Hit], of: &str, from: Timestamp, to: Timestamp) -> Vec<&'a Hit> {
    hits.iter().filter(|hit| hit.of == of && hit.at >= from && hit.at < to).collect()
}

/// All time.
pub fn whole<'a>(hits: &'a [Hit], of: &str) -> Vec<&'a Hit> {
    between(hits, of, Timestamp::MIN, Timestamp::MAX)
}

/// No user of `of` met an error, unless users of the untouched `control` met errors too under the same load.
#[track_caller]
pub fn no_error_of_ours(hits: &[Hit], of: &str, control: &str) {
    let bad = |name: &str| whole(hits, name).into_iter().filter(|hit| !hit.is_good()).cloned().collect::<Vec<_>>();
    let (ours, theirs) = (bad(of), bad(control));
    // Where the machine itself hiccups, both show it, but not in equal counts.
    let allowed = if theirs.is_empty() { 0 } else { 3 * theirs.len() + 2 };
    assert!(
        ours.len() <= allowed,
        "{} bad answers of {of}, {} of the untouched {control}; {}\nthe first: {:#?}",
        ours.len(),
        theirs.len(),
        summary(hits),
        ours.iter().take(5).collect::<Vec<_>>()
    );
    assert!(!whole(hits, of).is_empty() && !whole(hits, control).is_empty(), "nobody asked");
}

/// Nobody among these got an answer of this version.
#[track_caller]
pub fn nobody_saw(hits: &[&Hit], version: &str) {
    let first = hits.iter().find(|hit| hit.version.as_deref() == Some(version));
    assert!(first.is_none(), "{version} was shown: {first:?}");
    assert!(!hits.is_empty(), "nobody asked");
}

/// The share of a version among these is as planned, up to chance: a right share fails this once in 10^9 times
/// (Bernstein's inequality for a sum of independent choices).
#[track_caller]
pub fn share_is(hits: &[&Hit], version: &str, percent: u32) {
    let answered: Vec<_> = hits.iter().filter(|hit| hit.is_good()).collect();
    let count = u32::try_from(answered.iter().filter(|hit| hit.version.as_deref() == Some(version)).count()).unwrap();
    let n = f64::from(u32::try_from(answered.len()).unwrap());
    let share = f64::from(percent) / 100.0;
    let expected = n * share;
    let log = (2.0_f64 / 1e-9).ln();
    let slack = log / 3.0 + (log * log / 9.0 + 2.0 * log * expected * (1.0 - share)).sqrt();
    let slack = if percent == 0 || percent == 100 { 0.5 } else { slack };
    assert!(
        (f64::from(count) - expected).abs() <= slack,
        "{count} of {n} answers by {version}, planned {percent} %: {expected:.0} ± {slack:.0}"
    );
}

/// These need no cluster: a statement that cannot fail proves nothing.
#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;
    use std::time::Duration;

    fn hits(of: &str, version: Option<&str>, status: u16, count: usize) -> Vec<Hit> {
        let one = |_| Hit {
            at: Timestamp::UNIX_EPOCH,
            of: of.into(),
            status,
            version: version.map(str::to_owned),
            call: None,
            error: String::new(),
            latency: Duration::ZERO,
        };
        (0..count).map(one).collect()
    }

    fn share(new: usize, old: usize, percent: u32) -> bool {
        let all = [hits("a", Some("v2"), 200, new), hits("a", Some("v1"), 200, old)].concat();
        catch_unwind(|| share_is(&whole(&all, "a"), "v2", percent)).is_ok()
    }

    #[test]
    fn a_wrong_share_is_noticed() {
        assert!(share(75, 75, 50) && share(8, 142, 5) && share(0, 150, 0) && share(150, 0, 100));
        assert!(!share(150, 0, 50) && !share(0, 150, 50) && !share(50, 100, 5));
        assert!(!share(1, 149, 0) && !share(149, 1, 100));
    }

    #[test]
    fn an_error_of_ours_is_noticed_and_one_of_the_machine_is_not() {
        let fine = |bad: usize, others: usize| {
            let all = [
                hits("a", Some("v1"), 200, 50),
                hits("b", Some("v1"), 200, 50),
                hits("a", None, 200, bad),
                hits("b", None, 0, others),
            ];
            catch_unwind(|| no_error_of_ours(&all.concat(), "a", "b")).is_ok()
        };
        assert!(fine(0, 0) && fine(0, 3) && fine(2, 1));
        assert!(!fine(1, 0) && !fine(20, 1));
        assert!(catch_unwind(|| no_error_of_ours(&hits("a", Some("v1"), 200, 5), "a", "b")).is_err());
    }

    #[test]
    fn a_version_that_was_shown_is_noticed() {
        let all = [hits("a", Some("v1"), 200, 50), hits("a", Some("v2"), 500, 1)].concat();
        nobody_saw(&whole(&all, "a"), "v3");
        assert!(catch_unwind(|| nobody_saw(&whole(&all, "a"), "v2")).is_err());
        assert!(catch_unwind(|| nobody_saw(&[], "v2")).is_err());
    }
}
