//! The same in an environment that would break clients which read it: this binary runs some of its tests again.

use std::process::Command;

#[test]
fn a_hostile_environment_changes_nothing() {
    let tests = [
        "adapters::prober::an_answer_is_told_whole",
        "adapters::connect::a_proxy_is_used_unless_no_proxy_names_the_api_server",
        "adapters::requests::reads_are_plain_gets_with_our_token",
    ];
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("--exact")
        .args(tests)
        // No certificates of the system's: those who only speak plain HTTP must not need them.
        .envs([("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/nowhere")])
        // A proxy that is not there, and a list of exceptions that some parsers refuse.
        .envs(
            ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"].map(|v| (v, "http://127.0.0.1:1")),
        )
        .env("NO_PROXY", "a.test,,")
        .env("KUBECONFIG", "/nowhere/config")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("3 passed"), "{text}");
}
