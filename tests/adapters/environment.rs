//! Who we are, where, and as part of which run.

use super::script::directory;
use andante::adapter::env::Environment;
use andante::rollout::owner::{Owner, OwnerKind};
use std::path::Path;

fn root(namespace: Option<&str>, labels: Option<&str>) -> std::path::PathBuf {
    let root = directory();
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    };
    if let Some(namespace) = namespace {
        write("var/run/secrets/kubernetes.io/serviceaccount/namespace", namespace);
    }
    if let Some(labels) = labels {
        write("etc/podinfo/labels", labels);
    }
    write("proc/sys/kernel/hostname", "desk\n");
    root
}

fn run(root: &Path, variables: &[(&'static str, &'static str)]) -> Result<Option<Owner>, String> {
    Environment::invented(variables.iter().copied(), root).run().map_err(|e| e.to_string())
}

#[test]
fn the_outermost_run_is_the_owner() {
    let root = root(Some("ci\n"), None);
    let pipeline = [("ANDANTE_PIPELINE_RUN", "p1"), ("ANDANTE_PIPELINE_RUN_UID", "1-a")];
    let task = [("ANDANTE_TASK_RUN", "t1"), ("ANDANTE_TASK_RUN_UID", "2-b")];
    let owner = |kind, name: &str, uid: &str| Ok(Some(Owner { kind, name: name.into(), uid: uid.into() }));
    assert_eq!(run(&root, &[pipeline, task].concat()), owner(OwnerKind::PipelineRun, "ci/p1", "1-a"));
    // A TaskRun of its own has the labels of a PipelineRun as empty texts.
    let empty = [("ANDANTE_PIPELINE_RUN", ""), ("ANDANTE_PIPELINE_RUN_UID", "")];
    assert_eq!(run(&root, &[empty, task].concat()), owner(OwnerKind::TaskRun, "ci/t1", "2-b"));
    let job = [("ANDANTE_JOB", "j"), ("ANDANTE_JOB_UID", "3"), ("ANDANTE_RUN_NAMESPACE", "jobs")];
    assert_eq!(run(&root, &job), owner(OwnerKind::Job, "jobs/j", "3"));
    assert_eq!(run(&root, &[]), Ok(None));
}

#[test]
fn labels_of_the_downward_api_will_do() {
    let labels = "app=\"x\"\ntekton.dev/taskRun=\"t1\"\ntekton.dev/taskRunUID=\"2-b\"";
    let root = root(Some("ci"), Some(labels));
    let found = run(&root, &[]).unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.uid.as_str()), ("ci/t1", "2-b"));
}

#[test]
fn an_unresolved_parameter_is_an_error() {
    let root = root(Some("ci"), None);
    let cases = [
        ([("ANDANTE_TASK_RUN", "$(context.taskRun.name)"), ("ANDANTE_TASK_RUN_UID", "2")], "ANDANTE_TASK_RUN is"),
        ([("ANDANTE_TASK_RUN", "t1"), ("ANDANTE_TASK_RUN_UID", "$(context.taskRun.uid)")], "ANDANTE_TASK_RUN_UID is"),
    ];
    for (variables, expected) in cases {
        let error = run(&root, &variables).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_run_without_a_namespace_is_an_error() {
    let error = run(&root(None, None), &[("ANDANTE_JOB", "j"), ("ANDANTE_JOB_UID", "3")]).unwrap_err();
    assert_eq!(error, "ANDANTE_RUN_NAMESPACE is \"\", which is not the run's namespace");
}

#[test]
fn a_person_is_user_and_host() {
    let root = root(None, None);
    assert_eq!(Environment::invented([("USER", "kim")], &root).person(), "kim@desk");
    assert_eq!(Environment::invented([("LOGNAME", "lee")], &root).person(), "lee@desk");
    assert_eq!(Environment::invented([], Path::new("/nowhere")).person(), "somebody@somewhere");
    assert!(!Environment::invented([("KUBERNETES_SERVICE_HOST", "10.0.0.1")], &root).in_pod());
}

/// Ticks are hundredths of a second. In a pod the process that began this one began with the container.
#[test]
fn when_a_pod_began_needs_no_right() {
    let began = |own: &str, parent: Option<&str>, uptime: &str, in_pod: bool| {
        let root = root(None, None);
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        };
        let stat = |name: &str, parent: u32, start: &str| {
            format!("9 ({name}) S {parent} 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {start} 99 100\n")
        };
        write("proc/self/stat", &stat("andante", u32::from(parent.is_some()), own));
        if let Some(start) = parent {
            write("proc/1/stat", &stat("a (b) c", 0, start));
        }
        write("proc/uptime", uptime);
        write("var/run/secrets/kubernetes.io/serviceaccount/token", "t");
        let pod = [("KUBERNETES_SERVICE_HOST", "10.0.0.1")];
        Environment::invented(pod.into_iter().filter(|_| in_pod), &root).began_ago()
    };
    let seconds = |s| Some(std::time::Duration::from_secs(s));
    let up = "1000.00 1.0\n";
    assert_eq!(began("90000", Some("10000"), up, true), seconds(900), "an entrypoint waited for other steps");
    assert_eq!(began("90000", None, up, true), seconds(100), "the first of its container");
    assert_eq!(began("90000", Some("10000"), up, false), seconds(100), "at a terminal");
    assert_eq!(began("90000", None, "3.00 1.0\n", true), None, "a machine that makes its uptime up");
    assert_eq!(began("x", None, "", true), None);
    assert_eq!(Environment::invented([], &directory()).began_ago(), None);
    // The real one: this test began a moment ago.
    assert!(Environment::of_process().began_ago().is_some_and(|ago| ago.as_secs() < 3600));
}
