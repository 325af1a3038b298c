//! buildah: builds images and indexes from nothing, and pushes them.

use super::directory;
use super::server::Registry;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A store of images.
pub struct Builder {
    root: PathBuf,
}

/// The manifests that it can push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Oci,
    Docker,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Oci, Self::Docker];

    fn flag(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::Docker => "v2s2",
        }
    }
}

impl Builder {
    /// The one of these tests, with the image `built` and the index `both` of two platforms.
    pub fn get() -> &'static Self {
        static BUILDER: OnceLock<Builder> = OnceLock::new();
        BUILDER.get_or_init(|| {
            let builder = Self { root: directory() };
            let context = builder.root.join("context");
            std::fs::create_dir(&context).unwrap();
            std::fs::write(context.join("Containerfile"), "FROM scratch\nCOPY Containerfile /\n").unwrap();
            let context = context.to_str().unwrap();
            builder.run(&["build", "-q", "-t", "built", context]);
            builder.run(&["manifest", "create", "both"]);
            for arch in ["amd64", "arm64"] {
                builder.run(&["build", "-q", "--arch", arch, "--manifest", "both", context]);
            }
            builder
        })
    }

    /// Pushes `built`; its digest as the builder tells it, and the file in which it does.
    pub fn push(&self, registry: &Registry, name: &str, kind: Kind) -> (String, PathBuf) {
        let file = directory().join("digest");
        let to = format!("docker://{}/{name}", registry.address());
        let flags = ["push", "--tls-verify=false", "--format", kind.flag(), "--digestfile"];
        self.run(&[&flags[..], &[file.to_str().unwrap(), "built", &to]].concat());
        (std::fs::read_to_string(&file).unwrap().trim().to_owned(), file)
    }

    /// Pushes `both` with the images in it; the digest of the index.
    pub fn push_index(&self, registry: &Registry, name: &str, kind: Kind) -> String {
        let file = directory().join("digest");
        let to = format!("docker://{}/{name}", registry.address());
        let flags = ["manifest", "push", "--all", "--tls-verify=false", "--format", kind.flag(), "--digestfile"];
        self.run(&[&flags[..], &[file.to_str().unwrap(), "both", &to]].concat());
        std::fs::read_to_string(&file).unwrap().trim().to_owned()
    }

    /// Leaves `built` as an OCI layout, called `tag`.
    pub fn layout(&self, layout: &Path, tag: &str) {
        self.run(&["push", "built", &format!("oci:{}:{tag}", layout.display())]);
    }

    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.root.join("store")).arg("--runroot").arg(self.root.join("run"));
        command.env("BUILDAH_ISOLATION", "chroot").env("STORAGE_DRIVER", "vfs").env("HOME", &self.root);
        let output = command
            .args(arguments)
            .output()
            .unwrap_or_else(|e| panic!("buildah is needed for these tests (apt-get install buildah): {e}"));
        assert!(output.status.success(), "buildah {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
