//! Rows in which nothing is broken.

use super::Promise::{NoWorse, Worse};
use super::{Row, row};

const AS_GOOD: &str = "equal releases";

/// Nothing is broken: what it costs, and what a bad release costs.
pub(super) const NOTHING: [Row; 15] = [
    row(AS_GOOD, "--style budget", NoWorse, "12m23s; at most 1.3 times that", 20_000),
    row(AS_GOOD, "--style canary", NoWorse, "15m35s (40)", 6_000),
    row(AS_GOOD, "--style budget --errors 1% --objective 10%", NoWorse, "0.30 % worse (3000)", 6_000),
    row(AS_GOOD, "--rate 30 --errors 1% --objective 10% --evidence-every 1s", NoWorse, "0.30 % worse (1000)", 6_000),
    row(AS_GOOD, "--style budget --rate 20 --errors 0", NoWorse, "0 of 100 worse", 6_000),
    row(AS_GOOD, "--style budget --rate 20 --errors 20% --objective 40%", NoWorse, "0.20 % worse (1000)", 6_000),
    row(AS_GOOD, "--style budget --rate 2 --errors 1% --objective 10%", NoWorse, "0.50 % worse (600)", 6_000),
    row(
        "heavy tail of times",
        "--style budget --latency-spread 2.5 --warm-up 0s",
        NoWorse,
        "0.67 % worse (150)",
        6_000,
    ),
    row("the process dies", "--style budget --crash 2m+20s", NoWorse, "0.37 % worse (3000)", 6_000),
    row("three times the odds", "--style budget --candidate-odds 3", Worse, "1.33 % promoted (750)", 2_000),
    row(
        "the same, the process dies",
        "--style budget --candidate-odds 3 --crash 2m+20s",
        Worse,
        "0.53 % promoted (375)",
        2_000,
    ),
    row("three times the odds", "--style canary --candidate-odds 3", Worse, "", 2_000),
    row("fails all", "--style budget --errors 0 --candidate-errors 100%", Worse, "6.9 bad (100)", 2_000),
    row("fails a fifth", "--style budget --errors 0 --candidate-errors 20%", Worse, "3.9 bad (100)", 2_000),
    row("answers 404 to everything", "--style budget --candidate-client-errors 100%", Worse, "promoted", 2_000),
];
