//! A real git repository on the cluster's own git server: what a pipeline builds from.

use super::kubectl::run;
use super::space::Space;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A repository with a working copy here.
#[derive(Debug)]
pub struct Repository {
    /// Where steps fetch from.
    pub url: String,
    copy: PathBuf,
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `eval \"$(tests/testbed/cluster env)\"`"))
}

/// The registry that nodes pull from.
pub fn registry() -> String {
    variable("ANDANTE_REGISTRY")
}

/// Pushes the sample to this reference of it; each format of its manifest (`v2s2`, `oci`) has another digest.
pub fn push_sample(to: &str, format: &str) {
    let mut copy = Command::new("skopeo");
    copy.args(["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"]);
    copy.args(["--format", format]).arg(format!("docker://{}/andante-sample:base", registry()));
    run(copy.arg(format!("docker://{to}")), None, Duration::from_secs(60)).good();
}

/// The images that fetch and build.
pub fn tools() -> [(&'static str, String); 2] {
    [("git-image", variable("ANDANTE_GIT_IMAGE")), ("builder-image", variable("ANDANTE_BUILDER_IMAGE"))]
}

impl Repository {
    /// An empty one, named as the namespace is.
    #[track_caller]
    pub fn new(space: &Space) -> Self {
        let mut make = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/cluster"));
        let made = run(make.args(["repository", &space.namespace]), None, Duration::from_secs(60)).good();
        let url = made.out.lines().last().expect("the repository's address").to_owned();
        let copy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-source", space.namespace));
        std::fs::create_dir_all(&copy).unwrap();
        let repository = Self { url, copy };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.copy).args(["-c", "user.name=Test", "-c", "user.email=test@example.com"]);
        // No settings of whoever runs the tests.
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        run(git.args(arguments), None, Duration::from_secs(60)).good().out.trim().to_owned()
    }

    /// Commits the sample with these settings, pushes, and gives the commit's hash.
    #[track_caller]
    pub fn commit(&self, settings: &[&str]) -> String {
        self.commit_slow(settings, 0)
    }

    /// The same, with a build that takes this many seconds longer.
    #[track_caller]
    pub fn commit_slow(&self, settings: &[&str], seconds: u32) -> String {
        let base = variable("ANDANTE_SAMPLE_BASE");
        let mut dockerfile = format!("FROM {base}\nCOPY sample.env /etc/sample.env\n");
        if seconds > 0 {
            // The base has no shell; the bundled cluster needs busybox on this machine anyway.
            std::fs::copy("/bin/busybox", self.copy.join("busybox")).expect("busybox-static is installed");
            write!(dockerfile, "COPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"sleep\", \"{seconds}\"]\n")
                .unwrap();
        }
        self.commit_files(&[("Dockerfile", &dockerfile), ("sample.env", &(settings.join("\n") + "\n"))])
    }

    /// Commits these files, pushes, and gives the commit's hash.
    #[track_caller]
    pub fn commit_files(&self, files: &[(&str, &str)]) -> String {
        for (name, content) in files {
            let place = self.copy.join(name);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, content).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", files.last().unwrap().1]);
        self.git(&["push", "--quiet", &self.url, "HEAD:main"]);
        self.git(&["rev-parse", "HEAD"])
    }
}
