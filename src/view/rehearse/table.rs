//! Many rehearsals in one table: how they ended, what they cost, and how sure that is.
//!
//! Decides how sure a figure is: a mean comes with half the width of its 95 % interval (1.96 standard errors), a part
//! with the score interval (Wilson), which is right for rare ends too. It may use what was played.

use super::play::Played;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The 97.5 % quantile of the normal law.
const Z: f64 = 1.96;

/// A mean and half of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean.
    pub average: f64,
    /// Half of the interval.
    pub give_or_take: f64,
    /// 95 % are at or below this.
    pub p95: f64,
}

/// Rehearsals that ended in one way.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeRow {
    /// The outcome's word.
    pub outcome: String,
    /// How many.
    pub runs: usize,
    /// Their part of all, with the ends of its 95 % interval.
    pub part: (f64, f64, f64),
    /// Requests that the candidate failed.
    pub bad: Mean,
    /// How many more than stable would have failed.
    pub extra: Mean,
    /// Requests that waited for a pod for longer than half a second; none where pods were not rehearsed.
    pub waited: Option<Mean>,
    /// Seconds.
    pub took: Mean,
}

/// All of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RehearsalTable {
    /// By outcome, the most frequent first.
    pub rows: Vec<OutcomeRow>,
    /// All together.
    pub all: OutcomeRow,
}

impl RehearsalTable {
    /// The table of these.
    pub(crate) fn of(played: &[Played]) -> Self {
        let mut kinds: BTreeMap<&str, Vec<&Played>> = BTreeMap::new();
        for one in played {
            kinds.entry(one.outcome.word).or_default().push(one);
        }
        let mut rows: Vec<OutcomeRow> =
            kinds.iter().map(|(word, some)| OutcomeRow::of(word, some, played.len())).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.runs));
        Self { rows, all: OutcomeRow::of("all", &played.iter().collect::<Vec<_>>(), played.len()) }
    }
}

impl OutcomeRow {
    /// The part, 0, of so many rehearsals that ended in a way in which none did, and the ends of its interval.
    pub fn none(all: usize) -> (f64, f64, f64) {
        part(0, all)
    }

    fn of(word: &str, some: &[&Played], all: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
        let bad = Mean::of(some.iter().map(|p| p.bad as f64).collect());
        let extra = Mean::of(some.iter().map(|p| p.extra).collect());
        let took = Mean::of(some.iter().map(|p| p.took.as_secs_f64()).collect());
        #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
        let waits: Vec<f64> = some.iter().filter_map(|p| p.waited.map(|(n, _)| n as f64)).collect();
        let waited = (!waits.is_empty()).then(|| Mean::of(waits));
        Self { outcome: word.to_owned(), runs: some.len(), part: part(some.len(), all), bad, extra, waited, took }
    }
}

impl Mean {
    /// Of at least one value; of none everything is 0.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let n = count(values.len().max(1));
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        // The nearest rank: a value that really came, without interpolation.
        let rank = (values.len() * 95).div_ceil(100).saturating_sub(1);
        Self {
            average: mean,
            give_or_take: Z * (variance / n).sqrt(),
            p95: values.get(rank).copied().unwrap_or_default(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rehearsals")]
fn count(n: usize) -> f64 {
    n as f64
}

/// A part and the ends of its interval.
fn part(some: usize, all: usize) -> (f64, f64, f64) {
    let (n, p) = (count(all.max(1)), count(some) / count(all.max(1)));
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / (1.0 + Z * Z / n);
    (p, (centre - half).max(0.0), (centre + half).min(1.0))
}

impl fmt::Display for RehearsalTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let both = |mean: &Mean| format!("{:.1} +-{:.1}", mean.average, mean.give_or_take);
        // A column that only rehearsals of pods have.
        let head = if self.all.waited.is_some() {
            format!("{:>15} {:>6}   ", "waited for pods", "p95")
        } else {
            String::new()
        };
        writeln!(
            f,
            "{:<18} {:>6} {:>8} {:>16}   {:>15} {:>6} {:>15}   {head}{:>9} {:>9}",
            "end", "runs", "part", "95 % interval", "bad requests", "p95", "over stable's", "duration", "p95"
        )?;
        for row in self.rows.iter().chain([&self.all]) {
            let (part, low, high) = row.part;
            let interval = format!("{:.2}..{:.2} %", low * 100.0, high * 100.0);
            let waited = row.waited.map(|waited| format!("{:>15} {:>6.0}   ", both(&waited), waited.p95));
            writeln!(
                f,
                "{:<18} {:>6} {:>6.2} % {:>16}   {:>15} {:>6.0} {:>15}   {}{:>9} {:>9}",
                row.outcome,
                row.runs,
                part * 100.0,
                interval,
                both(&row.bad),
                row.bad.p95,
                both(&row.extra),
                waited.unwrap_or_default(),
                time(row.took.average),
                time(row.took.p95)
            )?;
        }
        Ok(())
    }
}

fn time(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    humantime::format_duration(whole).to_string().replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::{Code, Outcome};

    fn played(code: Code, bad: u64, seconds: u64) -> Played {
        let outcome = Outcome::new(code, "x");
        Played { lines: vec![], outcome, took: Duration::from_secs(seconds), bad, extra: -0.5, waited: None }
    }

    #[test]
    fn ends_are_counted_with_their_error() {
        let all: Vec<Played> = (0..100)
            .map(|n| if n < 90 { played(Code::Done, 0, 300) } else { played(Code::Inconclusive, n - 80, 60) })
            .collect();
        let table = RehearsalTable::of(&all);
        assert_eq!(
            table.rows.iter().map(|r| (r.outcome.as_str(), r.runs)).collect::<Vec<_>>(),
            [("done", 90), ("inconclusive", 10)]
        );
        let (part, low, high) = table.rows[1].part;
        // Wilson's interval for 10 of 100.
        assert!((part - 0.1).abs() < 1e-9 && (low - 0.0552).abs() < 1e-3 && (high - 0.1744).abs() < 1e-3);
        let bad = table.rows[1].bad;
        // 10 to 19: mean 14.5, deviation 3.03.
        assert!(
            (bad.average - 14.5).abs() < 1e-9
                && (bad.give_or_take - 1.877).abs() < 1e-2
                && (bad.p95 - 19.0).abs() < 1e-9
        );
        assert!((table.all.took.average - 276.0).abs() < 1e-9);
        let text = table.to_string();
        let line: Vec<&str> = text.lines().nth(2).unwrap().split_whitespace().collect();
        assert_eq!(line.join(" "), "inconclusive 10 10.00 % 5.52..17.44 % 14.5 +-1.9 19 -0.5 +-0.0 1m 1m");
    }

    #[test]
    fn waits_for_pods_have_a_column_where_they_were_rehearsed() {
        let waits = |n| Played { waited: Some((n, Duration::from_secs(3))), ..played(Code::Done, 0, 60) };
        let text = RehearsalTable::of(&[waits(300), waits(310)]).to_string();
        assert!(text.lines().next().unwrap().contains("waited for pods") && text.contains("305.0 +-9.8"), "{text}");
        assert!(!RehearsalTable::of(&[played(Code::Done, 0, 60)]).to_string().contains("waited"));
    }

    #[test]
    fn nothing_is_no_trouble() {
        assert_eq!(RehearsalTable::of(&[]).all.runs, 0);
        assert!(part(0, 20_000).2 < 0.0002);
    }
}
