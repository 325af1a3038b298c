//! The same requests to both revisions, before anyone is moved.

use super::support::*;

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_same_requests_tell_a_good_candidate_from_one_that_fails_some_of_them() {
    let space = Space::new("replay");
    space.serve(&sample("hello", "v1"));
    let file = std::env::temp_dir().join(format!("andante-requests-{}", space.namespace));
    std::fs::write(&file, "/\nGET /items?page=2\n  Accept: text/plain\nHEAD /feed\n").unwrap();
    let via = format!("http://{}", Cluster::get().gateway);
    let check = || {
        let path = file.to_str().unwrap();
        space.andante(&[
            "check",
            "hello",
            "--replay",
            path,
            "--replay-rate",
            "20",
            "--replay-pairs",
            "80",
            "--via",
            &via,
        ])
    };
    space.stage("hello", "v2");
    let before = space.split("hello");
    let good = check().ended(0);
    assert!(
        good.last().contains("hello-00002 answers as stable does: failed 0 of 80 requests, stable 0"),
        "{}",
        good.whole()
    );
    let bad = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--set-env", "ERROR_RATE=0.4"];
    space.andante(&bad).ended(0);
    let failed = check().ended(25);
    assert!(failed.last().contains("hello-00003: alone failed"), "{}", failed.whole());
    assert!(failed.last().contains("of stable, 5xx of the candidate"), "{}", failed.whole());
    // Nobody was moved, and nothing was written.
    assert_eq!(
        (before.as_str(), space.split("hello").as_str()),
        ("hello-00001 100 #stable, hello-00002 0 #candidate", "hello-00001 100 #stable, hello-00003 0 #candidate",)
    );
    std::fs::remove_file(&file).unwrap();
}
