//! The image's packer: the same files give the same bytes, and what cannot be an image of Andante is refused.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What stands for a static program: an ELF header for x86-64, then `size` bytes that no compressor makes smaller.
fn program(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..4].copy_from_slice(b"\x7fELF");
    bytes[18] = 0x3E;
    let mut random = fastrand::Rng::with_seed(7);
    bytes.extend(std::iter::repeat_with(|| random.u8(..)).take(size));
    bytes
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("image-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Packs a program in a folder of its own, with a shell that sets the stage.
fn pack(folder: &Path, program: &[u8], stage: &str) -> Output {
    std::fs::write(folder.join("program"), program).unwrap();
    let script = format!(
        "{stage}; exec python3 '{}/images/build' program out.tar --version 1.2.3 --revision abc --created 1000000000",
        env!("CARGO_MANIFEST_DIR")
    );
    Command::new("bash").args(["-c", &script]).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_same_program_makes_the_same_image() {
    let stages = [
        "umask 077; export TZ=UTC PYTHONHASHSEED=1 LC_ALL=C",
        "umask 002; export TZ=Asia/Tokyo PYTHONHASHSEED=2; touch -d 2001-01-01 program; chmod 600 program",
    ];
    let archives: Vec<_> = stages
        .iter()
        .enumerate()
        .map(|(number, stage)| {
            let folder = folder(&format!("same-{number}"));
            let packed = pack(&folder, &program(1000), stage);
            assert!(packed.status.success(), "{}", said(&packed));
            std::fs::read(folder.join("out.tar")).unwrap()
        })
        .collect();
    assert!(archives[0] == archives[1], "two archives of one program differ");
    let text = String::from_utf8_lossy(&archives[0]);
    for wanted in [
        r#""architecture":"amd64""#,
        r#""User":"65532:65532""#,
        r#""Entrypoint":["/andante"]"#,
        r#""org.opencontainers.image.version":"1.2.3""#,
        r#""org.opencontainers.image.revision":"abc""#,
        r#""created":"2001-09-09T01:46:40Z""#,
    ] {
        assert!(text.contains(wanted), "nothing says {wanted}");
    }
}

#[test]
fn what_cannot_be_the_image_is_refused() {
    let mut dynamic = program(1000);
    dynamic.splice(64..64, *b"/lib64/ld-linux-x86-64.so.2\0");
    let mut foreign = program(1000);
    foreign[18] = 0x28;
    for (name, program, wanted) in [
        ("large", program(3_500_000), "3500000 are allowed"),
        ("dynamic", dynamic, "dynamic loader"),
        ("foreign", foreign, "machine 0x28"),
        ("script", b"#!/bin/sh\n".to_vec(), "not a Linux program"),
    ] {
        let folder = folder(name);
        let refused = pack(&folder, &program, ":");
        assert_eq!(refused.status.code(), Some(1), "{name}: {}", said(&refused));
        assert!(said(&refused).contains(wanted), "{name}: {}", said(&refused));
        assert!(!folder.join("out.tar").exists(), "{name}: an archive was written");
    }
}
