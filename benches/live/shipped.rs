//! The build that is measured, and how large it is.

use super::figures::figure;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One build.
pub struct Build {
    pub path: PathBuf,
    /// What it is, in words.
    pub what: String,
}

/// The static one as it is shipped, if `make release-binary` made it; else the one that was built for this run.
pub fn build() -> Build {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("x86_64-unknown-linux-gnu/release/andante");
    if let Ok(built) = path.metadata().and_then(|m| m.modified()) {
        let minutes = built.elapsed().unwrap_or_default().as_secs() / 60;
        Build { path, what: format!("static, as shipped, built {minutes} minutes ago") }
    } else {
        println!("there is no static build (`make release-binary` makes it): figures of a development build");
        Build { path: env!("CARGO_BIN_EXE_andante").into(), what: "a development build, not as shipped".into() }
    }
}

/// Its size, plain and packed.
pub fn size(build: &Build) {
    let bytes = std::fs::read(&build.path).unwrap();
    let mut gzip = Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("gzip: {e}"));
    let plain = bytes.len();
    let mut pipe = gzip.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || pipe.write_all(&bytes));
    let packed = gzip.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(packed.status.success(), "gzip failed");
    figure("size.stripped", plain, "bytes", &format!("{}; the profile strips it", build.what));
    figure("size.gzip", packed.stdout.len(), "bytes", "the same through gzip -9");
}
