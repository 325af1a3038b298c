//! Signals, to this very process.

use andante::adapter::signal::listen;
use andante::machine::world::Signal;
use std::process::Command;
use std::time::Duration;
use tokio::time::timeout;

fn send(signal: &str) {
    let command = format!("kill -{signal} {}", std::process::id());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

#[tokio::test]
async fn each_signal_is_delivered_a_second_one_too() {
    let mut signals = listen().unwrap();
    let mut all = vec![
        ("TERM", Signal::Terminate),
        ("TERM", Signal::Terminate),
        ("INT", Signal::Interrupt),
        ("HUP", Signal::Hangup),
    ];
    // Under `nohup` this very process ignores it, and then it is not listened to.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    if u64::from_str_radix(ignored, 16).unwrap() & 1 == 1 {
        all.pop();
    }
    for (sent, expected) in all {
        send(sent);
        let came = timeout(Duration::from_secs(5), signals.recv()).await.unwrap();
        assert_eq!(came, Some(expected));
    }
}
