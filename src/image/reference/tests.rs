//! Tables and properties of the grammar. That it is the container tools' own is proved against their library in
//! `tests/registry`.

use super::*;
use proptest::prelude::*;

const SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn full(text: &str) -> String {
    match text.parse::<Reference>() {
        Ok(reference) => reference.to_string(),
        Err(error) => format!("refused: {error}"),
    }
}

#[test]
fn short_names_are_docker_hubs() {
    for (text, expected) in [
        ("redis", "docker.io/library/redis"),
        ("redis:7", "docker.io/library/redis:7"),
        ("docker.io/redis", "docker.io/library/redis"),
        ("index.docker.io/redis:7", "docker.io/library/redis:7"),
        ("stuff/thing", "docker.io/stuff/thing"),
        ("docker.io/stuff/thing", "docker.io/stuff/thing"),
        ("localhost", "docker.io/library/localhost"),
        ("example.com", "docker.io/library/example.com"),
        ("example.com:5000", "docker.io/library/example.com:5000"),
    ] {
        assert_eq!(full(text), expected, "{text}");
    }
}

#[test]
fn a_host_is_known_by_dot_port_or_upper_case() {
    for text in [
        "gcr.io/stuff/thingservice:lolcommithash",
        "localhost/x",
        "localhost:5000/x:y",
        "registry:5000/a/b/c",
        "Registry/x",
        "registry.example.com:443/a__b/c--d/e.f_g:V1.0-x_Y",
        "10.0.0.1:5000/x",
        "[2001:db8::1]/x",
        "[::1]:5000/x:y",
    ] {
        assert_eq!(full(text), text);
    }
}

#[test]
fn tag_and_digest_stay() {
    let both = format!("gcr.io/a/b:c@{SHA256}");
    assert_eq!(full(&both), both);
    assert_eq!(full(&format!("b@{SHA256}")), format!("docker.io/library/b@{SHA256}"));
    for algorithm in Algorithm::ALL {
        let digest = format!("{}:{}", algorithm.word(), "0a".repeat(algorithm.digits() / 2));
        let text = format!("gcr.io/a@{digest}");
        let read: Reference = text.parse().unwrap();
        assert_eq!((read.to_string(), read.digest.unwrap().algorithm()), (text, algorithm));
    }
}

#[test]
fn what_is_refused_names_the_rule() {
    for (text, expected) in [
        ("", "an image reference is empty"),
        (&SHA256[7..], "64 hexadecimal digits are an image's id, not a reference: write NAME@sha256:... for a digest"),
        ("https://gcr.io/x", "an image reference is not a URL: leave out `https://`"),
        ("Stuff", "not an image reference: `library/Stuff` is not a repository path: parts joined by `/`"),
        ("gcr.io/A", "not an image reference: `A` is not a repository path: parts joined by `/`"),
        ("gcr.io/a:", "not an image reference: `` is not a tag: letters, digits"),
        ("gcr.io/a:-b", "not an image reference: `-b` is not a tag: letters, digits"),
        ("gcr.io/a@", "not an image reference: `` is not a digest: ALGORITHM:VALUE"),
        ("gcr.io/a@md5:0", "not an image reference: `md5:0` is not a digest: the algorithm is"),
        ("gcr.io/a@sha256:0", "not an image reference: `sha256:0` is not a digest: 64 lower-case"),
        ("gcr.io:x/a", "not an image reference: `gcr.io:x` is not a registry host: dotted names"),
        (
            "my_host.io/a",
            "not an image reference: `my_host.io` is not a registry host: it has a `_`, and the library by",
        ),
        (
            "my_host:5000/a",
            "not an image reference: `my_host:5000` is not a registry host: it has a `_`, and the library",
        ),
    ] {
        let said = text.parse::<Reference>().unwrap_err().to_string();
        assert!(said.starts_with(expected), "{text}: {said}");
    }
}

#[test]
fn more_that_is_refused() {
    for text in [
        "a b",
        "a/",
        "/a",
        "a//b",
        "gcr.io/",
        "a:b:c",
        "a:b/c",
        "a@b@c",
        "-a",
        "a-",
        "a._b",
        "a___b",
        "a..b",
        "ä/b",
        "a:ä",
        ".a/b",
        "a.:5/b",
        "[::1/b",
        "[]/b",
        "[::1]:/b",
        "[::g]/b",
        "a:b\n",
        "\u{0}",
        "gcr.io/a\u{202e}",
    ] {
        assert!(text.parse::<Reference>().is_err(), "{text}");
    }
    let long = |n: usize| format!("gcr.io/{}", "a".repeat(n));
    assert!(long(255).parse::<Reference>().is_ok() && long(256).parse::<Reference>().is_err());
    // On Docker Hub `library/` counts.
    assert!("a".repeat(247).parse::<Reference>().is_ok() && "a".repeat(248).parse::<Reference>().is_err());
    assert!(format!("a:{}", "b".repeat(128)).parse::<Reference>().is_ok());
    assert!(format!("a:{}", "b".repeat(129)).parse::<Reference>().is_err());
}

#[test]
fn a_refusal_of_much_is_short() {
    let said = format!("gcr.io/{}", "A".repeat(100_000)).parse::<Reference>().unwrap_err().to_string();
    assert!(said.len() < 600, "{}", said.len());
}

/// Texts made of the pieces that matter, most of them nearly references.
pub(crate) fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9]{1,6}",
        "[A-Z]",
        "[/:@._-]",
        "[/:@._-]{2}",
        prop::sample::select(vec![
            "localhost",
            "docker.io",
            "index.docker.io",
            "library",
            "gcr.io",
            ":5000",
            "[::1]",
            "[",
            "]",
            "://",
            "sha256:",
            "sha512:",
            "blake3:",
            "\u{e4}",
            "\n",
            SHA256,
            "@sha256:",
            "10.0.0.1",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn reference() -> impl Strategy<Value = String> {
    let domain = prop_oneof![
        "[a-z]{1,5}(\\.[a-zA-Z0-9]{1,5}){1,3}(:[0-9]{1,5})?",
        "localhost(:[0-9]{1,5})?",
        "\\[[0-9a-f]{1,4}:[0-9a-f:]{1,9}\\](:[0-9]{1,5})?",
    ];
    let path = "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,5}){1,3}";
    (domain, path, prop::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"), prop::option::of("[0-9a-f]{64}")).prop_map(
        |(domain, path, tag, hex)| {
            let tag = tag.map(|t| format!(":{t}")).unwrap_or_default();
            let digest = hex.map(|h| format!("@sha256:{h}")).unwrap_or_default();
            format!("{domain}/{path}{tag}{digest}")
        },
    )
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(text in ".{0,200}") {
        // Reading what was printed gives the same, and printing is final.
        if let Ok(read) = text.parse::<Reference>() {
            prop_assert_eq!(read.to_string().parse::<Reference>(), Ok(read));
        }
    }

    #[test]
    fn what_is_nearly_a_reference_is_read_or_refused(text in nearly()) {
        if let Ok(read) = text.parse::<Reference>() {
            prop_assert_eq!(read.to_string().parse::<Reference>(), Ok(read));
        }
    }

    #[test]
    fn a_full_reference_is_printed_as_it_was_read(text in reference()) {
        let read: Reference = text.parse().unwrap();
        prop_assert_eq!(read.to_string(), text);
    }
}
