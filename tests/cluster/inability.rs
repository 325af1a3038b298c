//! What is our own inability, or lies outside of the candidate, is held against nobody.

use super::support::*;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// A way to the gateway that can be closed.
struct SideDoor {
    port: u16,
    closed: Arc<AtomicBool>,
}

impl SideDoor {
    fn open(gateway: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, closed) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let (gateway, shut) = (gateway.to_owned(), Arc::clone(&closed));
        spawn(move || {
            for client in listener.incoming() {
                if shut.load(Ordering::SeqCst) {
                    return;
                }
                let (mut client, mut there) = (client.unwrap(), TcpStream::connect(&gateway).unwrap());
                let (mut back, mut answer) = (client.try_clone().unwrap(), there.try_clone().unwrap());
                spawn(move || pass(&mut client, &mut there));
                spawn(move || pass(&mut answer, &mut back));
            }
        });
        Self { port, closed }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the listener, which goes then.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        eventually("the door is closed", SHORT, || TcpStream::connect(("127.0.0.1", self.port)).is_err().then_some(()));
    }
}

fn pass(from: &mut TcpStream, to: &mut TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(read) = from.read(&mut bytes) {
        if read == 0 || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    drop(to.shutdown(std::net::Shutdown::Both));
}

/// A walk that dwells so long and probes, with these flags beside.
fn walk<'a>(dwell: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let steps = ["walk", "hello", "--steps", "50,100", "--bake", "1s", "--dwell", dwell];
    let probe = ["--probe", "/", "--probe-body", "v2", "--probe-patience", "6s"];
    [&steps[..], &probe, more].concat()
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_name_that_does_not_resolve_here_leaves_the_candidate_staged() {
    let space = Space::new("no-name");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let ended = space.andante(&walk("3s", &[])).ended(21).says("says nothing of the candidate");
    ended.ends_with("it stays staged");
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00002 0 #candidate");
    assert_eq!((&space.record("hello")["phase"], &space.record("hello")["rejected"]), (&json!("staged"), &json!(null)));
    // The gateway is found by itself.
    space.andante(&walk("3s", &["--via", "gateway"])).ended(0).ends_with("finished");
    space.answers("hello", "v2", 3);
}

/// A Service without a public address: the gateway's outer door does not know it, the inner one does.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_service_of_the_cluster_alone_is_probed_from_outside_by_the_inner_gateway() {
    let space = Space::new("cluster-local");
    let mut hello = sample("hello", "v1");
    hello.object["metadata"]["labels"] = json!({"networking.knative.dev/visibility": "cluster-local"});
    space.apply(&hello.object);
    space.settled("hello");
    space.stage("hello", "v2");
    space.andante(&walk("3s", &[])).ended(21);
    let outer = format!("http://{}", space.cluster.gateway);
    space.andante(&walk("3s", &["--via", &outer])).ended(21).says("knows no such host");
    let check = ["check", "hello", "--probe", "/", "--probe-body", "v2", "--via"];
    space.andante(&[&check[..], &[&outer, "--probe-patience", "3s"]].concat()).ended(21);
    space.andante(&[&check[..], &["gateway"]].concat()).ended(0);
    space.andante(&walk("3s", &["--via", "gateway"])).ended(0).ends_with("finished");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_way_that_is_lost_in_mid_walk_takes_users_back_and_rejects_nobody() {
    let space = Space::new("way-lost");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let door = SideDoor::open(&space.cluster.gateway);
    let via = format!("http://127.0.0.1:{}", door.port);
    let mut walking = space.start(&walk("30s", &["--via", &via]));
    walking.line("step 1 of 2 is served", LONG);
    sleep(Duration::from_secs(2));
    door.close();
    let ended = walking.wait(LONG).ended(12);
    ended.ends_with("its address could not be reached from here for 6s");
    space.answers("hello", "v1", 3);
    assert_eq!(space.record("hello")["rejected"], json!(null));
    space.settled("hello");
    space
        .andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2"])
        .ended(0)
        .ends_with("staged hello-00002");
    space.andante(&walk("3s", &["--via", "gateway"])).ended(0).ends_with("finished");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_image_that_is_pushed_after_the_first_try_is_tried_again() {
    let space = Space::new("image-late");
    space.serve(&sample("hello", "v1"));
    let image = format!("{}/{}/app:late", registry(), space.namespace);
    let stage = ["stage", "hello", "--grace", "3s", "--image", image.as_str()];
    let run = |name: &str| space.start_as(name, &stage).wait(LONG);
    run("first").ended(11).says("may be tried again");
    assert_eq!(space.split("hello"), "hello-00001 100");
    run("second").ended(11);
    push_sample(&image, "oci");
    // A new revision: Knative would ask for the old one's image again only after minutes.
    let staged = run("third").ended(0);
    assert!(staged.took < Duration::from_secs(60), "{:?}", staged.took);
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00004 0 #candidate");
}

/// A Secret that the containers need and that nobody has made yet.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_secret_that_is_made_after_the_first_try_is_no_fault_of_the_candidates() {
    let space = Space::new("secret-late");
    space.serve(&sample("hello", "v1"));
    let mut wanted = sample("hello", "v2");
    let container = &mut wanted.object["spec"]["template"]["spec"]["containers"][0];
    container["envFrom"] = json!([{"secretRef": {"name": "later"}}]);
    let file = space.file("hello.json", &wanted.object.to_string());
    let stage = ["stage", "hello", "--grace", "3s", "--from-file", file.as_str()];
    let run = |name: &str| space.start_as(name, &stage).wait(LONG);
    let ended = run("first").ended(11).says("may be tried again");
    assert!(ended.last().contains("secret \"later\" not found"), "{}", ended.last());
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "later"}}));
    run("second").ended(0).ends_with("staged hello-00003");
}
