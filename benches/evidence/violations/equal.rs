//! Rows of equal releases, where something hits both.

use super::Promise::{Blameless, NoWorse, Nothing, Worse};
use super::{Row, row};

/// Good answers take long, failures come at once; and streams.
pub(super) const SLOW_GOOD: [Row; 8] = [
    row(
        "good answers of 5 s",
        "--style budget --answers 5s --errors 1% --objective 10%",
        NoWorse,
        "2.75 % worse (800)",
        20_000,
    ),
    row("10 s", "--style budget --answers 10s --errors 1% --objective 10%", NoWorse, "48 % worse (800)", 20_000),
    row("20 s", "--style budget --answers 20s --errors 1% --objective 10%", NoWorse, "90 % worse (800)", 20_000),
    row("30 s", "--style budget --answers 30s --errors 1% --objective 10%", NoWorse, "99 % worse (800)", 20_000),
    row("10 s", "--style canary --answers 10s --errors 1% --objective 10%", NoWorse, "2.0 % worse", 6_000),
    row("20 s", "--style canary --answers 20s --errors 1% --objective 10%", NoWorse, "15.5 % worse (400)", 6_000),
    row("all are streams of 2 h", "--style budget --streams 100%:2h", NoWorse, "", 20_000),
    row("a fifth are streams of 2 h", "--style budget --streams 20%:2h", NoWorse, "", 6_000),
];

/// Both fail for a while; nobody is kept on stable in the bake.
pub(super) const INCIDENTS: [Row; 9] = [
    row("3 % for 2 min", "--style budget --incident 2m+2m:3%", Blameless, "97 % back by the objective (60)", 20_000),
    row("2 % for 1 min", "--style budget --incident 3m+1m:2%", Blameless, "95 % back by the objective (60)", 6_000),
    row("3 % for 2 min", "--style canary --incident 6m30s+2m:3%", Blameless, "44 % back by the objective", 6_000),
    row(
        "5 % for 2 min",
        "--style canary --rate 20 --incident 6m30s+2m:5%",
        Blameless,
        "33 % back by the objective",
        6_000,
    ),
    row(
        "3 % for 5 min",
        "--style budget --rate 50 --incident 1m+5m:3%",
        Blameless,
        "58 % back by the objective (150)",
        6_000,
    ),
    row(
        "5 % for 5 min",
        "--steps 10,50,95 --dwell 60s --rate 50 --incident 140s+5m:5%",
        Blameless,
        "99 % back by the objective",
        6_000,
    ),
    row(
        "20 % for 1 min, counters 20 s old",
        "--style budget --metric-lag 20s --incident 2m+60s:20%",
        Blameless,
        "0 of 150 worse",
        6_000,
    ),
    row(
        "20 % for 1 min, the candidate's counters 2 s older",
        "--style budget --metric-skew 2s --incident 2m+60s:20%",
        Blameless,
        "0 of 150 back",
        6_000,
    ),
    row(
        "the same, 5 s older",
        "--style budget --metric-skew 5s --incident 2m+60s:20%",
        Nothing("one source, one instant"),
        "93 % back by the objective (150)",
        2_000,
    ),
];

/// The same with stable kept in the bake, and incidents of the bake with and without it.
pub(super) const KEPT: [Row; 6] = [
    row("3 % for 2 min, stable is kept", "--style budget --incident 2m+2m:3% --keep-stable 5", Blameless, "", 20_000),
    row("3 % for 2 min, stable is kept", "--style canary --incident 6m30s+2m:3% --keep-stable 5", Blameless, "", 6_000),
    row(
        "3 % for 5 min, stable is kept",
        "--style budget --rate 50 --incident 1m+5m:3% --keep-stable 5",
        Blameless,
        "",
        6_000,
    ),
    row(
        "in the bake, stable is kept",
        "--style budget --bake 10m --incident 8m+2m:3% --keep-stable 5",
        Blameless,
        "",
        20_000,
    ),
    row(
        "20 % for 30 s in the bake, stable is kept",
        "--style budget --bake 10m --incident 8m+30s:20% --keep-stable 5",
        Blameless,
        "",
        6_000,
    ),
    row(
        "in the bake, nobody is kept",
        "--style budget --bake 10m --incident 8m+2m:3%",
        Nothing("nobody to compare with"),
        "",
        2_000,
    ),
];

/// Stable misses its objective.
pub(super) const OBJECTIVE: [Row; 4] = [
    row("stable fails 2 %", "--style budget --rate 20 --errors 2%", Blameless, "60 of 60 back by the objective", 6_000),
    row(
        "20 %",
        "--style budget --rate 20 --errors 20%",
        Blameless,
        "29 of 30 undecided after 55 min, 4,011 bad",
        6_000,
    ),
    row("5 %", "--style budget --rate 50 --errors 5%", Blameless, "33 % back by the objective", 6_000),
    row("5 %, candidate x3", "--style budget --errors 5% --candidate-odds 3", Worse, "", 2_000),
];

/// Failures that come together.
pub(super) const TOGETHER: [Row; 12] = [
    row("two at a time", "--style budget --clusters 2 --errors 1% --objective 10%", NoWorse, "3.5 % worse", 20_000),
    row("three", "--style budget --clusters 3 --errors 1% --objective 10%", NoWorse, "10.5 % worse", 20_000),
    row("five", "--style budget --clusters 5 --errors 1% --objective 10%", NoWorse, "18 % worse", 20_000),
    row(
        "ten",
        "--style budget --clusters 10 --errors 1% --objective 10%",
        Nothing("five at most"),
        "28 % worse",
        2_000,
    ),
    row("two", "--style budget --clusters 2", NoWorse, "5.8 % worse", 6_000),
    row("five", "--style budget --clusters 5", NoWorse, "23 % worse", 20_000),
    row("ten", "--style budget --clusters 10", Nothing("five at most"), "28.5 % worse", 2_000),
    row("two", "--style canary --clusters 2 --errors 1% --objective 10%", NoWorse, "4.0 % worse", 6_000),
    row("five", "--style canary --clusters 5 --errors 1% --objective 10%", NoWorse, "28 % worse", 6_000),
    row(
        "ten",
        "--style canary --clusters 10 --errors 1% --objective 10%",
        Nothing("five at most"),
        "44.5 % worse",
        2_000,
    ),
    row("five, candidate x3", "--style budget --clusters 5 --candidate-odds 3", Worse, "promoted 32 %", 2_000),
    row(
        "ten, candidate x3",
        "--style budget --clusters 10 --candidate-odds 3",
        Nothing("five at most"),
        "promoted 40.5 %",
        2_000,
    ),
];

/// Pods that fall ill, and pods that come late.
pub(super) const PODS: [Row; 8] = [
    row(
        "every pod fails all for 10 s once a day",
        "--style budget --pod-faults 10s/24h",
        NoWorse,
        "2.1 % worse (1000)",
        20_000,
    ),
    row("the same", "--style canary --pod-faults 10s/24h", NoWorse, "3.1 % worse (1000)", 6_000),
    row(
        "once in 6 h",
        "--style budget --pod-faults 10s/6h",
        Nothing("once a day at most"),
        "5.3 % worse (1000)",
        2_000,
    ),
    row(
        "5 s once an hour",
        "--style budget --pod-faults 5s/1h",
        Nothing("once a day at most"),
        "22 % worse (1000)",
        2_000,
    ),
    row(
        "cold starts: 5 % of those moved fail for 5 s",
        "--style budget --cold-start 5s:5%",
        NoWorse,
        "88 % worse",
        20_000,
    ),
    row("the same", "--style canary --cold-start 5s:5%", NoWorse, "58 % worse", 6_000),
    row("2 % for 10 s", "--style budget --cold-start 10s:2%", NoWorse, "69 % worse", 6_000),
    row("2 % for 10 s", "--style canary --cold-start 10s:2%", NoWorse, "39 % worse", 6_000),
];
