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
