//! Andante's image as it is shipped, in a registry that the cluster's nodes pull from.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// The image's reference by digest: what `ANDANTE_IMAGE` names, else what `make image` wrote, pushed once to the
/// bundled cluster's registry.
pub fn image() -> &'static str {
    static PUSHED: OnceLock<String> = OnceLock::new();
    PUSHED.get_or_init(|| {
        if let Ok(image) = std::env::var("ANDANTE_IMAGE") {
            return image;
        }
        let registry = std::env::var("ANDANTE_REGISTRY")
            .expect("the bundled cluster's ANDANTE_REGISTRY, or ANDANTE_IMAGE with an image that the cluster can pull");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let archive = root.join("target/image/andante.tar");
        assert!(archive.exists(), "{} is missing: `make image`", archive.display());
        let mut push = Command::new(root.join("images/push"));
        let push = push.arg(&archive).arg(format!("{registry}/andante:test")).arg("--dest-tls-verify=false").output();
        let push = push.unwrap();
        assert!(push.status.success(), "{}", String::from_utf8_lossy(&push.stderr));
        let said = String::from_utf8(push.stdout).unwrap();
        said.lines().last().expect("the reference by digest").to_owned()
    })
}
