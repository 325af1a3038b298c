//! Rows of candidates that are worse, and of others at their address.

use super::Promise::{NoWorse, Nothing, Worse};
use super::{Row, row};

pub(super) const WAITING: [Row; 7] = [
    row(
        "5 % hang",
        "--style budget --rate 1000 --candidate-hangs 5% --client-timeout 300s",
        Worse,
        "promoted 50 of 50, 16,603 bad",
        1_000,
    ),
    row(
        "0.9 % hang",
        "--style budget --rate 1000 --candidate-hangs 0.9% --client-timeout 60s",
        Worse,
        "promoted 60 % (30)",
        1_000,
    ),
    row(
        "0.9 % hang",
        "--style canary --rate 1000 --candidate-hangs 0.9% --client-timeout 300s",
        Worse,
        "promoted 9 of 10",
        1_000,
    ),
    row(
        "0.9 % hang",
        "--style budget --candidate-hangs 0.9% --client-timeout 300s",
        Worse,
        "promoted 50 % (40)",
        2_000,
    ),
    row(
        "50 % hang",
        "--style budget --rate 1000 --candidate-hangs 50% --client-timeout 300s",
        Worse,
        "everyone moved 20 of 20, 135,355 bad",
        1_000,
    ),
    row(
        "20 % hang",
        "--style budget --rate 1000 --candidate-hangs 20% --client-timeout 120s",
        Worse,
        "everyone moved 20 of 20, 18,781 bad",
        1_000,
    ),
    row("50 % hang", "--style budget --candidate-hangs 50% --client-timeout 300s", Worse, "5,904 bad, 344 s", 2_000),
];

/// Failures of both are time-outs.
pub(super) const SLOW_BAD: [Row; 9] = [
    row(
        "x3, time-outs of 15 s",
        "--style budget --rate 1000 --failures-take 15s --candidate-odds 3",
        Worse,
        "promoted 90 % (200)",
        1_000,
    ),
    row(
        "x3, 60 s",
        "--style budget --rate 1000 --failures-take 60s --candidate-odds 3",
        Worse,
        "promoted 100 % (200)",
        1_000,
    ),
    row(
        "x10, 60 s",
        "--style budget --rate 1000 --failures-take 60s --candidate-odds 10",
        Worse,
        "promoted 100 % (200)",
        1_000,
    ),
    row(
        "x10, 30 s",
        "--style budget --rate 1000 --failures-take 30s --candidate-odds 10",
        Worse,
        "promoted 94 % (200)",
        1_000,
    ),
    row(
        "x3, 15 s",
        "--style budget --rate 300 --failures-take 15s --candidate-odds 3",
        Worse,
        "promoted 33 % (200)",
        2_000,
    ),
    row("x3, 15 s", "--style budget --failures-take 15s --candidate-odds 3", Worse, "promoted 7 %", 2_000),
    row("x3, 60 s", "--style budget --failures-take 60s --candidate-odds 3", Worse, "promoted 58 %", 2_000),
    row("x3, 60 s", "--style canary --failures-take 60s --candidate-odds 3", Worse, "promoted 26.5 %", 2_000),
    row("x3, 60 s", "--style canary --rate 1000 --failures-take 60s --candidate-odds 3", Worse, "promoted 21 %", 1_000),
];

/// Others at the candidate's own address.
pub(super) const STRANGERS: [Row; 7] = [
    row("two failing requests in 100 s", "--style budget --strangers 0.02:100%", NoWorse, "35 % worse", 20_000),
    row("the same", "--style canary --strangers 0.02:100%", NoWorse, "", 6_000),
    row("one failing request in 10 s", "--style budget --strangers 0.1:100%", NoWorse, "100 % worse", 6_000),
    row("two good answers a second", "--style budget --strangers 2", NoWorse, "47 % undecided", 6_000),
    row(
        "x3, one good answer a second",
        "--style budget --candidate-odds 3 --strangers 1",
        Worse,
        "promoted 1 to 3 %",
        2_000,
    ),
    row(
        "x10, one good answer a second",
        "--style budget --candidate-odds 10 --strangers 1",
        Worse,
        "0 of 225 promoted",
        2_000,
    ),
    row(
        "x10, ten good answers a second",
        "--style budget --candidate-odds 10 --strangers 10",
        Worse,
        "0 of 225 promoted",
        2_000,
    ),
];

/// Faults that are not there all the time.
pub(super) const LATE: [Row; 6] = [
    row(
        "fails all for 10 s in 10 min",
        "--style budget --burst 10s/600s",
        Nothing("all the time"),
        "promoted 59 %",
        2_000,
    ),
    row("5 s in 5 min", "--style budget --rate 1000 --burst 5s/300s", Nothing("all the time"), "promoted 81 %", 1_000),
    row("10 s in 10 min", "--style canary --burst 10s/600s", Nothing("all the time"), "promoted 20 %", 2_000),
    row(
        "x20 from 5 min on",
        "--style budget --late 300s --candidate-odds 20",
        Nothing("all the time"),
        "promoted 52 %",
        2_000,
    ),
    row(
        "the same, stable is kept",
        "--style budget --late 300s --candidate-odds 20 --keep-stable 5",
        Nothing("all the time"),
        "",
        2_000,
    ),
    row(
        "5 % from the 12th minute on, in the bake",
        "--style budget --bake 15m --late 12m --candidate-errors 5%",
        Nothing("all the time"),
        "2,450 bad",
        2_000,
    ),
];

/// Slow answers, and what the source does not tell.
pub(super) const TIMES: [Row; 9] = [
    row(
        "half as slow again",
        "--style budget --rate 50 --candidate-slower 1.5",
        Nothing("between the margins"),
        "promoted 60 of 60",
        2_000,
    ),
    row("twice as slow", "--style budget --rate 50 --candidate-slower 2", Worse, "promoted 60 of 60", 2_000),
    row(
        "half as slow again",
        "--style budget --candidate-slower 1.5",
        Nothing("between the margins"),
        "promoted 30 of 30",
        2_000,
    ),
    row("twice as slow", "--style budget --candidate-slower 2", Worse, "promoted 30 of 30", 2_000),
    row("twice as slow", "--style canary --candidate-slower 2", Worse, "promoted", 2_000),
    row("twice as slow", "--style budget --rate 1000 --candidate-slower 2", Worse, "promoted 15 of 15", 1_000),
    row("2.4 times", "--style budget --candidate-slower 2.4", Worse, "97 to 100 % worse", 2_000),
    row(
        "the last step but one has 99 %",
        "--steps 1,50,99 --dwell 60s --errors 1% --objective 10%",
        NoWorse,
        "1.7 % undecided (300)",
        6_000,
    ),
    row(
        "fails all, of which the source tells nothing",
        "--style budget --candidate-errors 100% --failures-told 0",
        Nothing("failures are told"),
        "promoted 60 of 60",
        200,
    ),
];
