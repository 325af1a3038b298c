//! From an edit of a Service to the run that it starts: a commit that is declared, `kubectl annotate`, kn, an image by `kubectl apply`,
//! while two follow all Services and one of them is killed at any moment and started again.
//!
//! Each edit starts one run and no second one, else this ends. Of the times the edit's own process is a part.

use super::figures::{figure, load, times};
use super::room::Room;
use super::shipped::Build;
use crate::cluster::support::{Cluster, Repository, SHORT, Space, eventually, kn, sample};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

const TIMES: usize = 20;
/// How long it is looked whether a second run comes.
const REST: Duration = Duration::from_millis(1500);
/// The same in the end.
const LAST: Duration = Duration::from_secs(10);
/// How long a follower lives at least and at most before one of the two is killed, in milliseconds.
const LIVES: std::ops::Range<u64> = 300..3000;
const SERVICES: [&str; 4] = ["commit", "annotate", "kn", "apply"];

pub fn measure(build: &Build) {
    // Built before anything is measured.
    kn();
    let room = Room::empty("bench-starting");
    let space = &room.space;
    let repository = Repository::new(space);
    place(space);
    let followers = Followers::start(build, space);
    let annotate = |service: &str, annotation: &str| {
        space.kubectl(&["annotate", "--overwrite", &format!("ksvc/{service}"), annotation]).good();
    };
    let edits: [(&str, &dyn Fn(usize) -> Instant); 4] = [
        ("from `kubectl annotate` of a commit that was just pushed", &|number| {
            let commit = repository.commit_files(&[("number", &format!("{number}\n"))]);
            let began = Instant::now();
            annotate("commit", &format!("andante.dev/source-revision={commit}"));
            began
        }),
        ("from `kubectl annotate` of its parameters", &|number| {
            let began = Instant::now();
            annotate("annotate", &format!("andante.dev/params={{note: 'n{number}'}}"));
            began
        }),
        ("from `kn service update --env`", &|number| {
            let began = Instant::now();
            space.kn(&["service", "update", "kn", "--env", &format!("NUMBER={number}"), "--no-wait"]).good();
            began
        }),
        // Every second one is the goal of before.
        ("from `kubectl apply` of an image", &|number| {
            let began = Instant::now();
            space.apply(&declared("apply", if number.is_multiple_of(2) { "v2" } else { "v3" }));
            began
        }),
    ];
    for (service, (how, edit)) in SERVICES.into_iter().zip(edits) {
        load(&format!("before {service}"));
        let all = (0..TIMES).map(|number| once(space, service, number, edit)).collect();
        let how = format!("{how} to the run, with two who follow, of whom one is killed every few seconds");
        times(&format!("starting.{service}"), all, &how);
    }
    let kills = followers.stop();
    figure("starting.kills", kills, "kills", "of those who follow, while these runs were started");
    sleep(LAST);
    for service in SERVICES {
        assert_eq!(runs(space, service), TIMES, "runs of {service} in the end");
    }
}

/// A Service of this version in care of the Pipeline.
fn declared(name: &str, version: &str) -> Value {
    sample(name, version).annotation("andante.dev/pipeline", "ship-it").object
}

/// A Pipeline of one short task, and Services that declare it: users are by name, so that edits reach none.
fn place(space: &Space) {
    space.kubectl(&["create", "serviceaccount", "andante"]).good();
    let step = json!({"name": "step", "image": "dev.local/andante-shell:v1", "script": "#!/bin/sh\nexit 0\n"});
    let params = json!([{"name": "service"}, {"name": "note", "default": ""}]);
    space.apply(&json!({"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": {"name": "ship-it"},
        "spec": {"params": params, "tasks": [{"name": "task", "taskSpec": {"steps": [step]}}]}}));
    for service in SERVICES {
        space.apply(&declared(service, "v1"));
    }
    for service in SERVICES {
        space.settled(service);
        let mut adopt = vec!["adopt", service];
        // Only this one: with a source the image is no part of the goal.
        if service == SERVICES[0] {
            adopt.extend(["--source", "https://git.example.com/hello.git"]);
        }
        space.andante(&adopt).ended(0);
        // Whoever follows has nothing to say of it.
        assert_eq!(named(space, service), None);
    }
}

/// The run that a Service names.
fn named(space: &Space, service: &str) -> Option<String> {
    let object = space.service(service);
    let status: Value =
        serde_json::from_str(object["metadata"]["annotations"]["andante.dev/goal-status"].as_str()?).unwrap();
    status["run"].as_str().map(str::to_owned)
}

fn runs(space: &Space, service: &str) -> usize {
    space.list("pipelinerun", &format!("andante.dev/service={service}")).len()
}

/// One edit, and how long until its run is there.
fn once(space: &Space, service: &str, number: usize, edit: &dyn Fn(usize) -> Instant) -> Duration {
    let before = named(space, service);
    let began = edit(number);
    eventually("the run of an edit", SHORT, || {
        let run = named(space, service).filter(|run| Some(run) != before.as_ref())?;
        space.find("pipelinerun", &run)
    });
    let took = began.elapsed();
    sleep(REST);
    assert_eq!(runs(space, service), number + 1, "runs of {service} after as many edits");
    took
}

/// One who follows all Services of the namespace. It is killed when it is dropped.
struct Follower(Child);

impl Follower {
    fn start(binary: &Path, kubeconfig: &str, namespace: &str) -> Self {
        let mut command = Command::new(binary);
        // What is deleted could not be counted.
        command.args(["start", "--all", "--follow", "--keep", "all", "--namespace", namespace]);
        command.env_clear().env("KUBECONFIG", kubeconfig).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().unwrap_or_else(|e| panic!("{}: {e}", binary.display())))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.0.kill().and_then(|()| self.0.wait()));
    }
}

/// Two of them, of whom one is killed at any moment and another one takes its place.
struct Followers {
    over: Arc<AtomicBool>,
    killer: Option<JoinHandle<usize>>,
}

impl Followers {
    fn start(build: &Build, space: &Space) -> Self {
        let (binary, namespace) = (build.path.clone(), space.namespace.clone());
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let killer = spawn(move || {
            let begin = || Follower::start(&binary, &Cluster::get().kubeconfig, &namespace);
            let (mut both, mut kills) = ([begin(), begin()], 0);
            while !told.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(fastrand::u64(LIVES)));
                let one = &mut both[fastrand::usize(..2)];
                assert!(one.0.try_wait().unwrap().is_none(), "who follows ended by itself");
                one.0.kill().and_then(|()| one.0.wait()).unwrap();
                *one = begin();
                kills += 1;
            }
            kills
        });
        Self { over, killer: Some(killer) }
    }

    /// Ends both; how many were killed before.
    fn stop(mut self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        self.killer.take().unwrap().join().unwrap()
    }
}

impl Drop for Followers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(killer) = self.killer.take() {
            drop(killer.join());
        }
    }
}
