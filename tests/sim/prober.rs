//! The addresses of tags, as the gateway answers them.

use super::image::Behaviour;
use super::lifecycle::WAKE;
use super::state::State;
use super::story::Probed;
use super::world::World;
use andante::evidence::probe::{Answer, ProbeRequest};
use andante::run::ports::Prober;
use std::ops::Range;
use std::time::Duration;
use tokio::time::sleep;

/// One process's way to the gateway.
#[derive(Clone)]
pub(crate) struct SimProber {
    world: World,
    run: String,
    /// Times at which the gateway cannot be reached from here.
    cut_off: Vec<Range<Duration>>,
}

/// What the gateway finds behind a tag.
enum Behind {
    Nothing,
    /// Every pod is dead: requests hang.
    Dead,
    Asleep,
    Answers(u16, String),
}

impl SimProber {
    pub(crate) fn new(world: &World, run: &str, cut_off: Vec<Range<Duration>>) -> Self {
        Self { world: world.clone(), run: run.to_owned(), cut_off }
    }

    fn look(&self, tag: &str) -> (Option<String>, Behind) {
        self.world.with(|s: &mut State| {
            let Some(name) = s.ingress.tagged(tag).map(str::to_owned) else { return (None, Behind::Nothing) };
            let now = s.now();
            let awake = s.touch(&name);
            let Some(r) = s.revisions.get(&name) else { return (Some(name), Behind::Nothing) };
            let behind = match r.behaviour {
                _ if r.dead || r.ready_at.is_none() => Behind::Dead,
                _ if !awake => Behind::Asleep,
                Behaviour::AnswersBadly { later, .. } if r.ready_at.is_some_and(|at| now >= at + later) => {
                    Behind::Answers(500, "no".into())
                }
                _ => Behind::Answers(200, r.image().to_owned()),
            };
            (Some(name), behind)
        })
    }
}

impl Prober for SimProber {
    async fn ask(&self, request: &ProbeRequest) -> Answer {
        let host = request.url.strip_prefix("http://").unwrap_or_default().trim_end_matches('/');
        let tag = host.strip_suffix(&format!("-{}.ns.example.com", self.world.name()));
        let now = self.world.start.elapsed();
        let (Some(tag), false) = (tag, self.cut_off.iter().any(|times| times.contains(&now))) else {
            sleep(Duration::from_millis(20)).await;
            return Answer::Unreachable("the name does not resolve".into());
        };
        let mut latency = Duration::from_millis(self.world.with(|s| s.rng.u64(5..40)));
        let (mut revision, mut behind) = self.look(tag);
        if matches!(behind, Behind::Asleep) && request.timeout > WAKE + latency {
            latency += WAKE;
            sleep(latency).await;
            (revision, behind) = self.look(tag);
        } else if matches!(behind, Behind::Dead | Behind::Asleep) {
            sleep(request.timeout).await;
        } else {
            sleep(latency.min(request.timeout)).await;
        }
        let answer = match behind {
            Behind::Nothing => Some((404, "no such host".to_owned())),
            Behind::Answers(status, body) => Some((status, body)),
            Behind::Dead | Behind::Asleep => None,
        };
        let status = answer.as_ref().map(|(status, _)| *status);
        self.world.with(|s| {
            let at = s.now();
            let by = self.run.clone();
            s.log.probes.push(Probed { at, by, tag: tag.to_owned(), revision: revision.clone(), status });
        });
        match answer {
            None => Answer::Silent(format!("no answer within {} ms", request.timeout.as_millis())),
            Some((status, body)) => Answer::Http {
                status,
                headers: revision.iter().map(|r| ("x-revision".to_owned(), r.clone())).collect(),
                body,
                latency,
            },
        }
    }
}
