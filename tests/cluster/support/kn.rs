//! kn, Knative's own command line, built once from the module's own sources (`tests/testbed/kn`).

use super::kubectl::{Done, run};
use super::space::Space;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// The program.
pub fn kn() -> &'static Path {
    static KN: OnceLock<PathBuf> = OnceLock::new();
    KN.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kn");
        let mut build = Command::new("go");
        build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/kn"));
        // The checksum database has no entry for this one; go.sum holds it all the same.
        build.env("GONOSUMDB", "knative.dev/client-pkg").args(["build", "-o"]).arg(&program);
        run(build.arg("knative.dev/client/cmd/kn"), None, Duration::from_secs(900)).good();
        program
    })
}

impl Space {
    /// kn in this namespace.
    #[track_caller]
    pub fn kn(&self, arguments: &[&str]) -> Done {
        let mut command = Command::new(kn());
        command.args(arguments).args(["--namespace", &self.namespace, "--kubeconfig", &self.cluster.kubeconfig]);
        run(&mut command, None, Duration::from_secs(120))
    }
}
