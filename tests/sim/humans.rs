//! People who do something to the Service in the middle of a rollout, drawn from a seed.

use super::check::record;
use super::rollout::Theatre;
use super::time::SimClock;
use andante::model::observed::RECORD;
use andante::rollout::control::{Approval, ControlRequest};
use andante::run::ports::Clock;
use fastrand::Rng;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meddling {
    /// Pauses the rollout, and lets it go on later.
    Pause,
    Abort,
    Promote,
    /// Writes another split.
    Traffic,
    /// Deploys another image beside the rollout.
    Template,
    DeleteCandidate,
    DeleteStable,
    DeleteService,
    Tag,
    /// Takes the record away.
    Record,
    /// Writes an annotation of one's own.
    Annotation,
    /// Fills the annotations to the last byte.
    Full,
    /// Applies another template under the name of a revision that is there.
    Name,
    /// Damages the record.
    Garble,
}

impl Meddling {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let all = [
            (Self::Pause, 15),
            (Self::Abort, 10),
            (Self::Promote, 15),
            (Self::Traffic, 12),
            (Self::Template, 15),
            (Self::DeleteCandidate, 5),
            (Self::DeleteStable, 5),
            (Self::DeleteService, 2),
            (Self::Tag, 8),
            (Self::Record, 3),
            (Self::Annotation, 10),
            (Self::Full, 5),
            (Self::Name, 8),
            (Self::Garble, 2),
        ];
        let sum: u32 = all.iter().map(|(_, weight)| weight).sum();
        let mut left = rng.u32(..sum);
        for (one, weight) in all {
            if left < weight {
                return one;
            }
            left -= weight;
        }
        Self::Pause
    }
}

fn request(clock: SimClock, attempt: u32) -> ControlRequest {
    ControlRequest { by: "kim".into(), at: clock.now(), attempt }
}

/// Does it, at its time.
pub(crate) async fn meddle(theatre: Theatre, what: Meddling, when: Duration, mut rng: Rng) {
    sleep(when).await;
    let world = &theatre.world;
    let Some(service) = world.service() else { return };
    let record = record(&service);
    let now = request(world.clock(), record.as_ref().map_or(0, |r| r.attempt));
    let stable = record.as_ref().map_or("hello-00001".to_owned(), |r| r.start.stable.to_string());
    let candidate = record.and_then(|r| r.candidate).map(|c| c.to_string());
    // What admission refuses (a tag twice, say) was then not done; that is all.
    match what {
        Meddling::Pause => {
            world.control(|c| c.pause = Some(now)).ok();
            sleep(Duration::from_secs(rng.u64(1..120))).await;
            world.control(|c| c.pause = None).ok();
        }
        Meddling::Abort => drop(world.control(|c| c.abort = Some(now))),
        Meddling::Promote => drop(world.control(|c| c.promote = Some(now))),
        Meddling::Traffic => {
            let split = match (&candidate, rng.u8(..3)) {
                (Some(c), 0) => json!([{"revisionName": stable, "percent": 60}, {"revisionName": c, "percent": 40}]),
                (_, 1) => json!([{"latestRevision": true, "percent": 100}]),
                _ => json!([{"revisionName": stable, "percent": 100}]),
            };
            world.move_traffic(&split).ok();
        }
        Meddling::Template => {
            let image = ["ok:7", "never:7", "crash-start:8", "ok:3"][rng.usize(..4)];
            world.deploy_image(image).ok();
        }
        Meddling::DeleteCandidate => candidate.iter().for_each(|c| world.delete_revision(c)),
        Meddling::DeleteStable => world.delete_revision(&stable),
        Meddling::DeleteService => world.delete_service(),
        Meddling::Tag => drop(world.add_tag("mine", &stable)),
        Meddling::Record => drop(world.annotate(RECORD, None)),
        Meddling::Annotation => drop(world.annotate("example.com/note", Some("hello"))),
        Meddling::Full => drop(world.fill_annotations()),
        Meddling::Name => drop(world.apply_named(&stable, "ok:9")),
        Meddling::Garble => drop(world.annotate(RECORD, Some("{\"format\":1,\"id\":"))),
    }
}

/// Somebody who approves what waits for it, sooner or later or too late.
pub(crate) async fn approve(theatre: Theatre, mut rng: Rng) {
    let world = &theatre.world;
    for _ in 0..10 {
        sleep(Duration::from_secs(rng.u64(5..60))).await;
        let waiting = world.service().as_deref().and_then(record).filter(|r| r.approval_since.is_some());
        if let Some(record) = waiting {
            let approval = Approval { step: record.step + 1, request: request(world.clock(), record.attempt) };
            world.control(|c| c.approved.push(approval)).ok();
        }
    }
}
