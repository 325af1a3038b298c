//! `rehearse`: the real walk against a made-up service, no cluster.

use super::{andante, expect};
use serde_json::Value;

/// The last line of one rehearsal, and all of its lines.
fn walk(flags: &str) -> (String, String) {
    let words: Vec<&str> = ["rehearse", "--evidence-every", "2s"].into_iter().chain(flags.split_whitespace()).collect();
    let ran = andante(&words);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{flags}\n{}", ran.stdout);
    (ran.stdout.lines().last().unwrap().to_owned(), ran.stdout)
}

#[test]
fn each_misfortune_ends_as_a_walk_would_end() {
    let canary = "--steps 5,50,100 --dwell 30s --bake 30s --objective 10%";
    for (flags, end) in [
        ("", "finished: hello-00002 has what hello-00001 had"),
        ("--candidate-errors 100%", "rolled back: worse than stable"),
        ("--candidate-errors 20%", "rolled back: worse than stable"),
        ("--candidate-slower 8 --warm-up 0s", "rolled back: worse than stable"),
        ("--candidate-hangs 60% --client-timeout 2s", "rolled back: worse than stable"),
        ("--candidate-down 0s", "rolled back: worse than stable"),
        ("--candidate-down 0s --client-timeout 2s", "rolled back: worse than stable"),
        ("--candidate-client-errors 100%", "rolled back: worse than stable: answers 4xx: "),
        ("--candidate-client-errors 100% --client-error-margin off", "finished"),
        ("--client-errors 20%", "finished"),
        ("--outage 10s", "no evidence"),
        ("--errors 0", "finished"),
        ("--crash 20s", "finished"),
        ("--crash 40s+10s", "finished"),
        ("--metric-lag 15s", "finished"),
        // Which of the two tells first is a matter of windows.
        ("--crash 3s+20s --candidate-errors 20%", "rolled back: "),
    ] {
        let (last, all) = walk(&format!("{canary} {flags}"));
        assert!(last.contains(end), "{flags}: no `{end}` in\n{all}");
    }
}

/// The process that follows a crash knows what was counted before it, and counts what came meanwhile.
#[test]
fn a_crash_loses_no_evidence() {
    let flags = "--steps 50,100 --dwell 2m --bake 30s --objective 10% --crash 80s+20s";
    let (last, all) = walk(flags);
    assert!(last.contains("finished"), "{all}");
    let place =
        |text: &str| all.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {all}"));
    assert!(place("the process of the walk dies") < place("its run's next process begins"), "{all}");
    assert!(place("its run's next process begins") <= place("evidence taken up: "), "{all}");
    let (_, without) = walk(&flags.replace(" --crash 80s+20s", ""));
    assert!(!without.contains("taken up"), "{without}");
}

/// A monitor of the candidate's tag gets nothing but failures while users get none: too few to be told by the split.
#[test]
fn others_at_the_candidates_address_are_not_blamed_on_it() {
    let flags = "--steps 20,50,100 --dwell 30s --bake 30s --errors 0 --accept-without-evidence";
    for seed in 1..6 {
        let others = format!("{flags} --rate 8 --strangers 1:100% --seed {seed}");
        let (last, all) = walk(&others);
        assert!(last.contains("finished"), "{all}");
        assert!(all.contains("others ask hello-00002 by its own address"), "{all}");
        // Beside it a candidate that fails for users goes back all the same; and with one switch, too.
        let (last, all) = walk(&format!("{others} --candidate-errors 100%"));
        assert!(last.contains("rolled back: "), "{all}");
        let (last, all) =
            walk(&format!("--style all-at-once --bake 1m --errors 0 --rate 8 --strangers 3:100% --seed {seed}"));
        assert!(last.contains("finished"), "{all}");
    }
}

#[test]
fn a_shared_incident_is_not_blamed_on_the_candidate() {
    for seed in 1..6 {
        let flags = "--steps 20,50,100 --dwell 90s --bake 0s --objective 10% --incident 30s+30s:40%";
        let (last, all) = walk(&format!("{flags} --seed {seed}"));
        assert!(last.contains("finished"), "{all}");
    }
}

#[test]
fn the_same_seed_is_the_same_rehearsal_and_another_one_is_not() {
    let flags = "--style budget --candidate-odds 3 --seed";
    assert_eq!(walk(&format!("{flags} 7")), walk(&format!("{flags} 7")));
    assert_ne!(walk(&format!("{flags} 7")).1, walk(&format!("{flags} 8")).1);
}

#[test]
fn many_rehearsals_are_a_table_whose_parts_are_whole() {
    let flags = ["rehearse", "--runs", "20", "--candidate-errors", "20%", "--style", "budget", "--output", "json"];
    let ran = andante(&flags);
    let table: Value = serde_json::from_str(&ran.stdout).unwrap();
    let runs: u64 = table["outcomes"].as_array().unwrap().iter().map(|row| row["runs"].as_u64().unwrap()).sum();
    assert_eq!((ran.code, runs, table["all"]["runs"].as_u64()), (0, 20, Some(20)));
    // Which of the two tells first is a matter of windows.
    for row in table["outcomes"].as_array().unwrap() {
        assert!(["worse", "objective-broken"].contains(&row["outcome"].as_str().unwrap()), "{row}");
    }
    let bad = table["all"]["bad_requests"]["mean"].as_f64().unwrap();
    assert!(bad > 1.0 && bad < 60.0, "{bad}");
    // Whatever cores share the work, the table is the same.
    assert_eq!(andante(&flags), ran);
}

#[test]
fn what_cannot_be_rehearsed_is_bad_input() {
    let line = "00:00:00";
    let ran = andante(&["rehearse", "--dwell", "1h"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stdout.len() > line.len() && ran.stdout.contains("dwell and bake alone take"), "{}", ran.stdout);
    expect(
        &["rehearse", "--rate=-1"],
        2,
        "",
        "error: invalid value '-1' for '--rate <N>': requests a second, from 0 to 100000\n\nFor more information, try '--help'.\n",
    );
}
