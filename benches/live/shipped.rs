//! The builds of the binary, and how large they are.

use super::figures::figure;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One build.
pub struct Build {
    /// What figures of it are called.
    pub name: &'static str,
    pub path: PathBuf,
    /// What it is, in words.
    pub what: String,
}

/// The one that was built for this run, and the static one as it is shipped, if `make release-binary` made it. With
/// `--target` and the flags of `make release-binary` they are the same.
pub fn builds() -> Vec<Build> {
    let here = PathBuf::from(env!("CARGO_BIN_EXE_andante"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let shipped = target.join("x86_64-unknown-linux-gnu/release/andante");
    if here == shipped {
        return vec![Build { name: "static", path: here, what: "as shipped: release profile, static".into() }];
    }
    let mut all = vec![Build { name: "dynamic", path: here, what: "release profile, dynamic libc".into() }];
    match shipped.metadata().and_then(|m| m.modified()) {
        Ok(built) => {
            let minutes = built.elapsed().unwrap_or_default().as_secs() / 60;
            let what = format!("as shipped: release profile, static, built {minutes} minutes ago");
            all.push(Build { name: "static", path: shipped, what });
        }
        Err(_) => println!("there is no static build: `make release-binary` makes it"),
    }
    all
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
    figure(
        &format!("size.{}.stripped", build.name),
        plain,
        "bytes",
        &format!("{}; stripped by the profile", build.what),
    );
    figure(&format!("size.{}.gzip", build.name), packed.stdout.len(), "bytes", "the same through gzip -9");
}
