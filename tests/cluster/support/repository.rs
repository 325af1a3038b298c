//! A real git repository on the cluster's own git server: what a pipeline builds from.

use super::kubectl::run;
use super::space::Space;
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
        let base = variable("ANDANTE_SAMPLE_BASE");
        std::fs::write(self.copy.join("Dockerfile"), format!("FROM {base}\nCOPY sample.env /etc/sample.env\n"))
            .unwrap();
        std::fs::write(self.copy.join("sample.env"), settings.join("\n") + "\n").unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", &settings.join(" ")]);
        self.git(&["push", "--quiet", &self.url, "HEAD:main"]);
        self.git(&["rev-parse", "HEAD"])
    }
}
