//! What a container does, told by its image: `KIND:N` or `KIND:N-SECONDS`, with any registry before it.

use std::time::Duration;

/// What happens to a revision of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// `ok`: starts and stays; `slow` only takes longer; `sleepy` scales to zero.
    Starts { after: Duration, sleeps: bool },
    /// `heals`: fails at first and is Ready later (no failure of a Revision is final).
    Heals { after: Duration },
    /// `never`: its image cannot be resolved, unless it was pushed meanwhile.
    Missing,
    /// `no-room`: no node takes its pod until some time has passed; `no-quota`: its pod may not even be made until then.
    NoRoom { until: Duration, quota: bool },
    /// `unmounted`: a volume's Secret is missing, so that a node has its pod and makes no container of it.
    Unmounted,
    /// `stuck`: it stays Unknown until Knative's own progress deadline.
    Stuck,
    /// `crash-start`: it exits with 3 and its last words.
    CrashesAtStart { after: Duration },
    /// `crash-unseen`: it exits at its start and only its pods say so; the conditions stay `Deploying` for minutes.
    CrashesUnseen,
    /// `crash-later`: it dies for good after it was Ready; `crash-loop`: comes back for a second now and then.
    CrashesLater { start: Duration, later: Duration, returns: bool },
    /// `breaks`: it was Ready and crashes from some time on; its conditions say so, as of one that has all users.
    /// `wavers`: it comes back for eight seconds now and then, and is Ready then.
    Breaks { start: Duration, later: Duration, returns: bool },
    /// `restarts`: one of its pods' containers ends with 3 again and again from some time on; the others go on, so that
    /// nothing but the pods tells.
    Restarts { start: Duration, later: Duration },
    /// `flaky-probe`: answers 500 from some time on.
    AnswersBadly { start: Duration, later: Duration },
}

impl Behaviour {
    /// Reads it off an image; times that the image does not give are drawn from `rng`.
    pub(crate) fn of(image: &str, rng: &mut fastrand::Rng) -> Self {
        let last = image.rsplit('/').next().unwrap_or(image);
        let last = last.split('@').next().unwrap_or(last);
        let (kind, rest) = last.split_once(':').unwrap_or((last, ""));
        let given = rest.split_once('-').and_then(|(_, s)| s.parse().ok()).map(Duration::from_secs);
        let mut draw = |low: u64, high: u64| Duration::from_millis(rng.u64(low * 1000..=high * 1000));
        let start = draw(0, 3);
        match kind {
            "slow" => Self::Starts { after: given.unwrap_or_else(|| draw(20, 90)), sleeps: false },
            "sleepy" => Self::Starts { after: start, sleeps: true },
            "heals" => Self::Heals { after: given.unwrap_or_else(|| draw(1, 5)) },
            "never" => Self::Missing,
            "no-room" => Self::NoRoom { until: given.unwrap_or_else(|| draw(15, 90)), quota: false },
            "no-quota" => Self::NoRoom { until: given.unwrap_or_else(|| draw(15, 90)), quota: true },
            "unmounted" => Self::Unmounted,
            "stuck" => Self::Stuck,
            "crash-unseen" => Self::CrashesUnseen,
            "crash-start" => Self::CrashesAtStart { after: given.unwrap_or(start) },
            "crash-later" => Self::CrashesLater { start, later: given.unwrap_or_else(|| draw(0, 60)), returns: false },
            "crash-loop" => Self::CrashesLater { start, later: given.unwrap_or_else(|| draw(0, 60)), returns: true },
            "breaks" => Self::Breaks { start, later: given.unwrap_or_else(|| draw(0, 30)), returns: false },
            "wavers" => Self::Breaks { start, later: given.unwrap_or_else(|| draw(0, 30)), returns: true },
            "restarts" => Self::Restarts { start, later: given.unwrap_or_else(|| draw(0, 30)) },
            "flaky-probe" => Self::AnswersBadly { start, later: given.unwrap_or_else(|| draw(0, 30)) },
            _ => Self::Starts { after: given.unwrap_or(start), sleeps: false },
        }
    }
}

/// The digest reference that Knative would resolve the image to, when it was pushed so many times.
pub(crate) fn digest(image: &str, pushes: u32) -> String {
    if image.contains('@') {
        return image.to_owned();
    }
    let repository = image.rsplit_once(':').map_or(image, |(r, _)| r);
    let pushed = if pushes > 1 { format!("{image} {pushes}") } else { image.to_owned() };
    let sum = pushed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{repository}@sha256:{sum:064x}")
}

#[test]
fn images_tell_what_they_do() {
    let mut rng = fastrand::Rng::with_seed(1);
    assert_eq!(Behaviour::of("dev.local/never:2", &mut rng), Behaviour::Missing);
    let Behaviour::CrashesLater { later, returns: false, .. } = Behaviour::of("crash-later:2-15", &mut rng) else {
        unreachable!("a crash-later image");
    };
    assert_eq!(later, Duration::from_secs(15));
    assert!(matches!(Behaviour::of("anything:1", &mut rng), Behaviour::Starts { sleeps: false, .. }));
    assert_ne!(digest("ok:1", 1), digest("ok:2", 1));
    assert!(digest("ok:1", 1).starts_with("ok@sha256:"));
}
