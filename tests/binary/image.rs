//! `image` at the executable's edge: what a registry asks for cannot break it.

use super::{Ran, andante, expect, file, scratch};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn standard_output_is_the_reference_and_nothing_else() {
    let said = "repository: gcr.io/stuff  --repository\n\
                name:       {service}     built in; with --repository the cluster is not asked\n\
                tag:        v1            --tag\n\
                andante: note: the tag `v1` does not name the commit: another commit's image may have it\n";
    let arguments = ["image", "hello", "--repository", "gcr.io/stuff", "--tag", "v1", "--explain"];
    expect(&arguments, 0, "gcr.io/stuff/hello:v1\n", said);
}

#[test]
fn space_around_what_another_task_said_is_nothing() {
    let arguments = ["image", "hello", "--repository", " gcr.io/stuff\n", "--tag", "v1\n", "--name-template", "x\n"];
    let ran = andante(&arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "gcr.io/stuff/x:v1\n"), "{}", ran.stderr);
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    for repository in ["https://kim:s3cret@gcr.io/stuff", "kim:s3cret@gcr.io/stuff", "git+https://kim:s3cr/et@gcr.io"] {
        let ran = andante(&["image", "hello", "--repository", repository, "--tag", "v1", "--explain"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        assert!(ran.stderr.contains("...@gcr.io") && !ran.stderr.contains("s3c"), "{}", ran.stderr);
    }
}

/// Runs the executable, which has to end.
fn soon(arguments: &[&str]) -> Ran {
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let (sender, ran) = mpsc::channel();
    std::thread::spawn(move || sender.send(andante(&arguments.iter().map(String::as_str).collect::<Vec<_>>())));
    ran.recv_timeout(Duration::from_secs(20)).expect("it hangs")
}

#[test]
fn what_is_no_file_is_not_waited_for_and_what_is_too_large_not_read() {
    let pipe = scratch("pipes").join("pipe");
    if !pipe.exists() {
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    }
    let (pipe, large) = (pipe.to_str().unwrap(), file("large.pem", &"x".repeat((4 << 20) + 1)));
    let name = ["image", "hello", "--repository", "gcr.io/x", "--tag", "v1"];
    let resolve = ["image", "resolve", "127.0.0.1:1/x", "--patience", "1s"];
    for (base, flag, path, why) in [
        (&name[..], "--digest-file", pipe, "it is not a regular file"),
        (&name, "--digest-file", "/dev/zero", "it is not a regular file"),
        (&resolve, "--ca-file", pipe, "it is not a regular file"),
        (&resolve, "--ca-file", &large, "it has more than 4194304 bytes"),
        (&resolve, "--docker-config", pipe, "it is not a regular file"),
    ] {
        let ran = soon(&[base, &[flag, path]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{flag} {path}: {}", ran.stderr);
        assert!(ran.stderr.contains(path) && ran.stderr.contains(why), "{}", ran.stderr);
    }
}

#[test]
fn a_secret_that_was_given_as_a_digest_file_is_not_repeated() {
    let secret = file("token", "s3cret-t0ken\n");
    let ran = andante(&["image", "hello", "--repository", "gcr.io/x", "--tag", "v1", "--digest-file", &secret]);
    let said = format!(
        "andante: --digest-file {secret}: its line 1 is neither a digest (sha256:...) nor a reference with one\n"
    );
    let note = "andante: note: the tag `v1` does not name the commit: another commit's image may have it\n";
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr), (2, "", format!("{note}{said}")));
}

#[test]
fn a_registry_that_asks_to_wait_for_ever_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        // More than a second was spent already: added to the longest of times it is more than a time can be.
        std::thread::sleep(Duration::from_millis(1100));
        let answer = format!("HTTP/1.1 429 X\r\nretry-after: {}\r\ncontent-length: 0\r\n\r\n", u64::MAX);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let ran = andante(&["image", "resolve", &format!("{address}/x:v1"), "--plain-http"]);
    server.join().unwrap();
    let begin = format!(
        "andante: the registry {address} was asked for {address}/x:v1: it limits the rate of requests (429), and asks to wait"
    );
    assert_eq!((ran.code, ran.stdout.as_str()), (31, ""), "{}", ran.stderr);
    assert!(ran.stderr.starts_with(&begin), "{}", ran.stderr);
}

const COMMIT: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";

#[test]
fn a_repository_that_holds_the_services_name_is_whole() {
    let said = "repository: gcr.io/stuff/{service}  --repository\n\
                name:       {service}               in the repository already: nothing is appended to it\n\
                tag:        full                    built in; with --repository the cluster is not asked\n\
                commit:     3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d  --commit\n";
    let base = ["image", "thing", "--repository", "gcr.io/stuff/{service}", "--commit", COMMIT];
    let ran = andante(&[&base[..], &["--explain"]].concat());
    let squeezed =
        |text: &str| text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    assert_eq!((ran.code, ran.stdout), (0, format!("gcr.io/stuff/thing:{COMMIT}\n")));
    assert_eq!(squeezed(&ran.stderr), squeezed(said));
    let ran = andante(&[&base[..], &["--name-template", "worker"]].concat());
    assert_eq!((ran.code, ran.stdout), (0, format!("gcr.io/stuff/thing/worker:{COMMIT}\n")), "{}", ran.stderr);
}

#[test]
fn what_nobody_said_is_named_by_its_flag() {
    let base = ["image", "hello", "--repository", "gcr.io/stuff", "--commit", COMMIT];
    for (more, said) in [
        (
            &["--tag", "branch", "--branch", ""][..],
            "tag \"branch\" (--tag) needs the branch, and no branch is known (--branch is empty): give --branch NAME",
        ),
        (
            &["--tag", "branch", "--branch", "refs/heads/"],
            "tag \"branch\" (--tag) needs the branch, and no branch is known",
        ),
        (
            &["--tag", "{namespace}-{commit}"],
            "tag \"{namespace}-{commit}\" (--tag) needs the namespace, and nothing says it: give -n NAMESPACE (a cluster's \
             context would say it, but no cluster: give --kubeconfig, set KUBECONFIG, or run in a pod with a service account)",
        ),
        (
            &["--name-template", "{namespace}-{service}"],
            "name template \"{namespace}-{service}\" (--name-template) needs the namespace, and nothing says it: give -n",
        ),
    ] {
        let ran = andante(&[&base[..], more].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{more:?}");
        assert!(ran.stderr.starts_with(&format!("andante: {said}")), "{}", ran.stderr);
    }
    // An empty branch is none where none is needed.
    expect(&[&base[..], &["--branch", ""]].concat(), 0, &format!("gcr.io/stuff/hello:{COMMIT}\n"), "");
    let ran = andante(&[&base[..], &["--tag", "{namespace}-{commit:12}", "-n", "shop"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "gcr.io/stuff/hello:shop-3f2a9c1d5e6f\n"), "{}", ran.stderr);
}

#[test]
fn a_host_with_an_underscore_is_refused_with_the_reason() {
    let ran = andante(&["image", "hello", "--repository", "my_host.io/stuff", "--commit", COMMIT]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    let said = "`my_host.io` is not a registry host: it has a `_`, and the library by which Kubernetes and the container tools \
                read references takes none in a host";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn what_a_builder_left_of_another_repository_is_not_taken() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let build = |name: &str| format!("{{\"containerimage.digest\": \"{digest}\", \"image.name\": \"{name}\"}}");
    let base = ["image", "hello", "--repository", "gcr.io/stuff", "--commit", COMMIT, "--digest-file"];
    for (name, metadata, taken) in [
        ("ours.json", build("gcr.io/stuff/hello:v1"), true),
        (
            "bake.json",
            format!("{{\"other\": {}, \"hello\": {}}}", build("x/y:v1"), build("gcr.io/stuff/hello:v1")),
            true,
        ),
        ("foreign.json", build("gcr.io/stuff/other:v1"), false),
        ("baked.json", format!("{{\"other\": {}}}", build("gcr.io/stuff/other:v1")), false),
    ] {
        let path = file(name, &metadata);
        let ran = andante(&[&base[..], &[path.as_str()]].concat());
        if taken {
            assert_eq!((ran.code, ran.stdout), (0, format!("gcr.io/stuff/hello@{digest}\n")), "{name}: {}", ran.stderr);
        } else {
            let said = format!(
                "andante: --digest-file {path}: it names the repository gcr.io/stuff/other, but this image belongs to \
                 gcr.io/stuff/hello; if that one is meant, --digest says so\n"
            );
            assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr), (2, "", said), "{name}");
        }
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_a_fault_of_the_settings() {
    let variables = [("HTTPS_PROXY", "http://kim:s3cret@proxy.test:port")];
    let ran = super::andante_with(&variables, &["image", "resolve", "registry.test/x:v1"]);
    let said = "andante: the registry registry.test cannot be asked: HTTPS_PROXY names no proxy that can be used: it is not a URL \
                (it is http://HOST:PORT)\n";
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (2, "", said));
}
