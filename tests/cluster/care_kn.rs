//! kn, Knative's own command line, on a Service in care: its edits move nobody, its `--traffic` is refused.

use super::kn::kn;
use super::support::*;
use std::process::Command;
use std::time::Duration;

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn long_kn_edits_in_care_move_nobody() {
    let program = kn();
    let (space, _care) = in_care("care-kn", "care");
    let kn = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(["service"]).args(arguments).args(["hello", "--no-wait"]);
        command.args(["--namespace", &space.namespace, "--kubeconfig", &space.cluster.kubeconfig]);
        run(&mut command, None, Duration::from_secs(120))
    };
    space.serve(&sample("control", "v1"));
    let load = Load::start(&space, &["hello", "control"], 10, LONG);
    kn(&["update", "--image", "dev.local/andante-sample:v2"]).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.ready("hello-00002");
    kn(&["apply", "--image", "dev.local/andante-sample:v3", "--annotation-service", "andante.dev/pipeline=slow-walk"])
        .good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    for share in ["hello-00002=100", "@latest=100"] {
        let done = kn(&["update", "--traffic", share]);
        // Latest is nobody's word: it is kept from moving users. A name is.
        assert_eq!(done.code == 0, share.starts_with('@'), "{share}: {}", done.err);
        assert_eq!(space.split("hello"), "hello-00001 100", "{share}");
    }
    // In the middle of a walk.
    let mut walk = space.start(&[
        "roll-out",
        "hello",
        "--revision",
        "hello-00002",
        "--steps",
        "50,100",
        "--dwell",
        "5s",
        "--bake",
        "1s",
    ]);
    walk.line("step 1 of 2 is served", LONG);
    kn(&["update", "--env", "A=1"]).good();
    walk.wait(LONG).ended(0).says("kn");
    let hits = load.stop();
    nobody_saw(&whole(&hits, "hello"), "v3");
    no_error_of_ours(&hits, "hello", "control");
}
