//! A Service of the other class: Kubernetes' HorizontalPodAutoscaler makes its pods, told by Knative's own controller for it. The
//! bundled cluster does without that one, so it runs here as a process while the test does.

use super::capacity::bounds;
use super::support::*;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The controller, built once from the sources that the cluster itself is built from.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("autoscaler-hpa");
        let mut build = Command::new("go");
        build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/knative"));
        build.args(["build", "-mod=mod", "-modfile"]).arg(copy_of_the_module()).arg("-o").arg(&program);
        run(build.arg("knative.dev/serving/cmd/autoscaler-hpa"), None, Duration::from_secs(900)).good();
        program
    })
}

/// What the build adds to the module is of no use to the cluster's own programs.
fn copy_of_the_module() -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/knative");
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("autoscaler-hpa.mod");
    std::fs::copy(from.join("go.mod"), &to).unwrap();
    std::fs::copy(from.join("go.sum"), to.with_extension("sum")).unwrap();
    to
}

/// Ends with the test, however that ends.
struct Controller(Child);

impl Controller {
    fn start(space: &Space) -> Self {
        let log = std::fs::File::create(space.file("autoscaler-hpa.log", "")).unwrap();
        let mut command = Command::new(program());
        command.env_clear().args(["--kubeconfig", &space.cluster.kubeconfig]);
        command.envs([
            ("SYSTEM_NAMESPACE", "knative-serving"),
            ("POD_NAME", "autoscaler-hpa"),
            ("CONFIG_LOGGING_NAME", "config-logging"),
            ("CONFIG_OBSERVABILITY_NAME", "config-observability"),
            ("METRICS_DOMAIN", "knative.dev/serving"),
        ]);
        Self(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_service_of_kubernetes_own_autoscaler_has_its_pods_first_too() {
    let space = Space::new("pods-hpa");
    let _controller = Controller::start(&space);
    let of = |version: &str| {
        sample("hello", version)
            .template_annotation("autoscaling.knative.dev/class", "hpa.autoscaling.knative.dev")
            .template_annotation("autoscaling.knative.dev/metric", "cpu")
            .template_annotation("autoscaling.knative.dev/window", "6s")
    };
    space.serve(&of("v1"));
    floor(&space, "hello-00001", json!("3"));
    eventually("stable has its pods", LONG, || (pods(&space, "hello-00001") >= 3).then_some(()));
    let path = space.file("hello.json", &of("v2").object.to_string());
    space.andante(&["stage", "hello", "--from-file", &path]).ended(0);
    let before = [bounds(&space, "hello-00001"), bounds(&space, "hello-00002")];
    let mut walk = space.start(&["walk", "hello", "--style", "blue-green", "--bake", "1s"]);
    walk.line("(step 1 of 1)", LONG);
    assert!(pods(&space, "hello-00002") >= 3, "its pods were there before its users");
    walk.wait(LONG).ended(0);
    assert_eq!([bounds(&space, "hello-00001"), bounds(&space, "hello-00002")], before, "what the owner had is back");
    space.answers("hello", "v2", 5);
}
