//! What whoever follows all Services counts, as a page for those who scrape it (OpenMetrics 1.0).
//!
//! Decides names and words: alert rules and dashboards go by the names, so they are a promise. Depends on nothing.

use std::fmt::Write;

/// The type of the page.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StartFigures {
    /// Services that wait for a run.
    pub pending: usize,
    /// Runs that work.
    pub working: usize,
    /// Declarations that cannot be acted on.
    pub unreadable: usize,
    /// Rollouts past their deadline.
    pub overdue: usize,
    /// Runs that were started.
    pub started: u64,
    /// Runs that failed.
    pub failed: u64,
}

/// A family of figures: its name, whether it only grows, what it is, and its figure.
type Family = (&'static str, bool, &'static str, fn(&StartFigures) -> u64);

const FAMILIES: [Family; 6] = [
    (
        "andante_start_goals_pending",
        false,
        "Services whose goal waits for its run, but those that are suspended.",
        |f| wide(f.pending),
    ),
    ("andante_start_runs_working", false, "Runs that work, of those that were started for a Service.", |f| {
        wide(f.working)
    }),
    ("andante_start_declarations_unreadable", false, "Services whose declaration cannot be acted on.", |f| {
        wide(f.unreadable)
    }),
    ("andante_start_rollouts_overdue", false, "Services whose rollout is past its deadline.", |f| wide(f.overdue)),
    ("andante_start_runs_started", true, "Runs that this process started.", |f| f.started),
    ("andante_start_runs_failed", true, "Runs for a declared goal whose failure this process noted.", |f| f.failed),
];

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The names under which figures are found.
pub fn names() -> impl Iterator<Item = String> {
    FAMILIES.iter().map(|(name, grows, ..)| sample(name, *grows))
}

fn sample(name: &str, grows: bool) -> String {
    if grows { format!("{name}_total") } else { name.to_owned() }
}

impl StartFigures {
    /// The page.
    pub fn page(&self) -> String {
        let mut page = String::new();
        for (name, grows, help, figure) in FAMILIES {
            let (kind, sample) = (if grows { "counter" } else { "gauge" }, sample(name, grows));
            // Writing into a text cannot fail.
            let _ = writeln!(page, "# TYPE {name} {kind}\n# HELP {name} {help}\n{sample} {}", figure(self));
        }
        page + "# EOF\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_a_scraper_reads() {
        let figures = StartFigures { pending: 1, working: 2, unreadable: 3, overdue: 4, started: 5, failed: 6 };
        let page = figures.page();
        assert!(page.starts_with(
            "# TYPE andante_start_goals_pending gauge\n# HELP andante_start_goals_pending Services whose goal waits for its run, but those that are suspended.\n\
             andante_start_goals_pending 1\n"
        ));
        assert!(page.ends_with("\nandante_start_runs_failed_total 6\n# EOF\n"), "{page}");
        let found: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(found.len(), FAMILIES.len());
        for (number, (line, name)) in found.iter().zip(names()).enumerate() {
            assert_eq!(*line, format!("{name} {}", number + 1));
        }
    }
}
