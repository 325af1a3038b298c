//! Evidence counts nobody twice, and speaks of the rollout that it stands in.

use super::ours;
use crate::sim::source::requests;
use crate::sim::story::Story;
use andante::rollout::record::Phase;

/// What the record says was counted of the candidate is at most what users sent to it, and no step is taken on less than a
/// judge would want.
pub(crate) fn evidence(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    let mut last: Option<(String, u32, u64)> = None;
    for our in ours(story) {
        let record = &our.record;
        let (Some(saved), Some(candidate)) = (&record.evidence, &record.candidate) else { continue };
        let counted = saved.counted().candidate;
        let sent = requests(&story.log.served, candidate.as_str(), std::time::Duration::ZERO, our.write.at);
        // Counters are whole, and each restart of the gateway cuts one more part off.
        if f64::from(u32::try_from(counted.requests).unwrap()) > sent + 5.0 {
            wrong.push(format!("write {} counts {} requests, users sent {sent:.0}", our.number, counted.requests));
        }
        let this = (record.id.to_string(), record.attempt, counted.requests);
        if let Some(before) = last.filter(|before| (&before.0, before.1) == (&this.0, this.1))
            && this.2 < before.2
            && record.phase != Phase::RolledBack
        {
            wrong.push(format!("write {} forgets evidence: {} requests after {}", our.number, this.2, before.2));
        }
        last = Some(this);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::check::fixture::walk;
    use andante::evidence::Saved;
    use andante::evidence::Table;

    fn with(counts: [u64; 2]) -> Story {
        let saved = |n| Some(Box::new(Saved::of_counts(Table::of(n, 0, 0, 0))));
        walk()
            .split("w", &[("s1", 10), ("s2", 90)], |r| r.evidence = saved(counts[0]))
            .split("w", &[("s1", 9), ("s2", 91)], |r| r.evidence = saved(counts[1]))
            .story()
    }

    #[test]
    fn users_that_never_came_and_evidence_that_was_lost_are_seen() {
        assert_eq!(evidence(&with([0, 0])), Vec::<String>::new());
        assert!(evidence(&with([0, 1_000_000])).iter().any(|w| w.contains("users sent")));
        assert!(evidence(&with([3, 1])).iter().any(|w| w.contains("forgets")));
    }
}
