//! What is asked of an open registry, and what it costs.

use super::builder::{Builder, Kind};
use super::server::Registry;
use super::{andante, directory};

const COMMIT: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";

/// `andante image hello` at this registry.
fn name(registry: &Registry, more: &[&str]) -> super::Ran {
    let repository = format!("{}/stuff", registry.address());
    andante(&[&["image", "hello", "--repository", &repository, "--commit", COMMIT], more].concat())
}

#[test]
fn built_already_or_not_in_one_request() {
    let registry = Registry::open();
    let image = format!("{}/stuff/hello:{COMMIT}", registry.address());
    for flag in ["--if-exists=skip", "--if-exists=fail"] {
        let before = registry.asked().len();
        let ran = name(&registry, &[flag]).ended(0);
        let said = format!("andante: {image} is not in the registry: it is to be built\n");
        assert_eq!((ran.stdout, ran.stderr), (format!("{image}\n"), said));
        let asked = registry.asked();
        assert_eq!(asked[before..], [format!("HEAD /v2/stuff/hello/manifests/{COMMIT} 404")], "one request");
    }
    let (digest, _) = Builder::get().push(&registry, &format!("stuff/hello:{COMMIT}"), Kind::Oci);
    let before = registry.asked().len();
    let by_digest = format!("{}/stuff/hello@{digest}", registry.address());
    let ran = name(&registry, &["--if-exists=skip"]).ended(0);
    let said = format!("andante: {image} is built already, as {digest}; next: skip the build and deploy {by_digest}\n");
    assert_eq!((ran.stdout, ran.stderr), (format!("{by_digest}\n"), said));
    let asked = registry.asked();
    assert_eq!(asked[before..], [format!("HEAD /v2/stuff/hello/manifests/{COMMIT} 200")], "one request");

    let ran = name(&registry, &["--if-exists=fail"]).ended(30);
    assert_eq!((ran.stdout.as_str(), ran.stderr), ("", format!("andante: {image} is built already, as {digest}\n")));

    let results = directory();
    let results = results.to_str().unwrap();
    let said = name(&registry, &["--if-exists=skip", "-o", "json", "--results", results]).ended(0).json();
    assert_eq!(
        (&said["exists"], &said["digest"], &said["digest-reference"], &said["image"]),
        (&true.into(), &(*digest).into(), &(*by_digest).into(), &(*image).into())
    );
    let read = |name: &str| std::fs::read_to_string(format!("{results}/{name}")).unwrap();
    assert_eq!((read("exists"), read("digest"), read("digest-reference")), ("true".into(), digest, by_digest));

    let before = registry.asked().len();
    name(&registry, &[]).ended(0);
    assert_eq!(registry.asked().len(), before, "nobody asked for the registry to be asked");
}

#[test]
fn digests_of_images_and_of_indexes() {
    let registry = Registry::open();
    let builder = Builder::get();
    for kind in Kind::ALL {
        let one = builder.push(&registry, &format!("one:{kind:?}"), kind).0;
        let both = builder.push_index(&registry, &format!("both:{kind:?}"), kind);
        for (name, digest) in [("one", one), ("both", both)] {
            let by_digest = format!("{}/{name}@{digest}", registry.address());
            let by_tag = format!("{}/{name}:{kind:?}", registry.address());
            for asked in [&by_tag, &by_digest, &format!("{by_tag}@{digest}")] {
                let ran = andante(&["image", "resolve", asked]).ended(0);
                assert_eq!((ran.stdout, ran.stderr.as_str()), (format!("{by_digest}\n"), ""), "{asked}");
            }
        }
    }
    let none = format!("{}/one:none", registry.address());
    let ran = andante(&["image", "resolve", &none]).ended(32);
    assert_eq!(ran.stderr, format!("andante: the registry has no {none}\n"));
    let strange = format!("{}/one@sha256:{}", registry.address(), "0".repeat(64));
    andante(&["image", "resolve", &strange]).ended(32);
    // Without a tag it is the tag `latest`.
    let ran = andante(&["image", "resolve", &format!("{}/one", registry.address()), "-o", "json"]).ended(32);
    assert_eq!((&ran.json()["tag"], &ran.json()["exists"]), (&"latest".into(), &false.into()));
}

#[test]
fn what_a_builder_leaves_becomes_the_reference_that_deploys() {
    let registry = Registry::open();
    let builder = Builder::get();
    let (digest, file) = builder.push(&registry, &format!("stuff/hello:{COMMIT}"), Kind::Oci);
    let by_digest = format!("{}/stuff/hello@{digest}", registry.address());
    let file = file.to_str().unwrap();
    assert_eq!(name(&registry, &["--digest-file", file]).ended(0).stdout, format!("{by_digest}\n"));
    assert_eq!(name(&registry, &["--digest", &digest]).ended(0).stdout, format!("{by_digest}\n"));
    assert_eq!(andante(&["image", "resolve", &by_digest]).ended(0).stdout, format!("{by_digest}\n"), "it is there");

    let layout = directory().join("layout");
    builder.layout(&layout, COMMIT);
    let path = layout.to_str().unwrap();
    let said = name(&registry, &["--oci-layout", path, "-o", "json"]).ended(0).json();
    let told = said["digest"].as_str().unwrap().to_owned();
    assert!(layout.join("blobs/sha256").join(&told[7..]).exists(), "{told}");
    assert_eq!(said["from"]["digest"]["from"], format!("--oci-layout {path}"));
    // A second image in the same layout; each has its name there.
    builder.layout(&layout, "other");
    name(&registry, &["--oci-layout", path]).ended(0);
    // One byte more, and it is not believed.
    let blob = layout.join("blobs/sha256").join(&told[7..]);
    std::fs::write(&blob, [std::fs::read(&blob).unwrap(), b" ".to_vec()].concat()).unwrap();
    let ran = name(&registry, &["--oci-layout", path]).ended(2);
    assert!(ran.stderr.ends_with("in it is damaged\n"), "{}", ran.stderr);
    let ran = name(&registry, &["--oci-layout", "/nowhere"]).ended(2);
    assert!(ran.stderr.contains("/nowhere/oci-layout: No such file"), "{}", ran.stderr);
}

#[test]
fn nobody_there() {
    let registry = Registry::open();
    let address = registry.address();
    drop(registry);
    let ran = andante(&["image", "resolve", &format!("{address}/x")]).ended(31);
    let begin =
        format!("andante: the registry {address} was asked for {address}/x:latest: no answer: Connection refused");
    assert!(ran.stderr.starts_with(&begin), "{}", ran.stderr);
}
