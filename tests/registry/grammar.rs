//! The grammar of references is the container tools' own: twenty thousand texts, read by both.

use andante::image::reference::Reference;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What each side is known to see otherwise, on purpose.
fn differs_on_purpose(text: &str, theirs: &Value) -> bool {
    // Their library turns a host with an underscore into a path without any host.
    let no_host = theirs["Good"] == true && theirs["Domain"] == "";
    // It knows BLAKE3 only in programs that ask for it.
    no_host || text.contains("@blake3:")
}

fn ours(text: &str) -> Value {
    match text.parse::<Reference>() {
        Ok(read) => serde_json::json!({
            "Good": true,
            "Domain": read.repository.domain.as_str(),
            "Path": read.repository.path.as_str(),
            "Tag": read.tag.as_ref().map_or("", |t| t.as_str()),
            "Digest": read.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
        }),
        Err(_) => serde_json::json!({"Good": false, "Domain": "", "Path": "", "Tag": "", "Digest": ""}),
    }
}

/// Texts that are nearly references.
fn texts(count: usize) -> Vec<String> {
    let hex = "[0-9a-f]{64}";
    let piece = prop_oneof![
        8 => "[a-z0-9]{1,6}",
        2 => "[A-Z]{1,2}",
        6 => "[/:@._-]",
        2 => "[/:@._-]{2,3}",
        4 => prop::sample::select(vec![
            "localhost", "docker.io", "index.docker.io", "library/", "gcr.io/", "a.b/", ":5000/", "[::1]:5000/", "[fd00::1]/",
            "[", "]", "http://", "10.0.0.1/", "\u{e4}", "\u{130}", "\n", " ", "sha256:", "Registry/", "a_b.c/", "x--y__z", "%",
        ]).prop_map(str::to_owned),
        1 => hex,
        2 => hex.prop_map(|h| format!("@sha256:{h}")),
        1 => "[0-9a-f]{96}".prop_map(|h| format!("@sha384:{h}")),
        1 => "[0-9a-f]{128}".prop_map(|h| format!("@sha512:{h}")),
        1 => "[0-9a-fA-F]{31,33}".prop_map(|h| format!("@md5:{h}")),
        1 => "[a-z]{200,260}",
        1 => "[0-9A-Za-z_.-]{120,132}".prop_map(|t| format!(":{t}")),
    ];
    let whole = prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat());
    // Always the same texts: a failure is found again.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| whole.new_tree(&mut runner).unwrap().current()).collect()
}

/// What their library says.
fn theirs(texts: &[String]) -> Vec<Value> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/grammar");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("grammar");
    let built = Command::new("go").current_dir(source).args(["build", "-o"]).arg(&program).arg(".").output();
    let built = built.unwrap_or_else(|e| panic!("Go is needed for this test: {e}"));
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let lines: String = texts.iter().map(|t| serde_json::to_string(t).unwrap() + "\n").collect();
    let feeder = std::thread::spawn(move || pipe.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn both_read_the_same() {
    let mut texts = texts(20_000);
    texts.extend(
        ["", "a", "a:b", "a@b", "localhost", "localhost:5000", "localhost/a", "A/a", "a.b", "a:5/b"].map(str::to_owned),
    );
    let theirs = theirs(&texts);
    assert_eq!(theirs.len(), texts.len());
    let good = theirs.iter().filter(|t| t["Good"] == true).count();
    assert!(good > texts.len() / 20, "only {good} of {} are references", texts.len());
    let differ: Vec<_> = texts
        .iter()
        .zip(&theirs)
        .filter(|(text, theirs)| ours(text) != **theirs && !differs_on_purpose(text, theirs))
        .collect();
    assert!(differ.is_empty(), "{} differ, such as {:#?}", differ.len(), &differ[..differ.len().min(5)]);
}
