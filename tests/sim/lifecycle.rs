//! A revision's life: resolved, started or failed, perhaps dead later, perhaps asleep.

use super::condition::Cond;
use super::image::Behaviour;
use super::state::{Due, Life, State};
use std::time::Duration;

/// How long a revision without users stays up (autoscaler's stable window).
const IDLE: Duration = Duration::from_secs(60);
/// How long it takes to come back (measured: 0.87 s).
pub(crate) const WAKE: Duration = Duration::from_millis(900);
/// Knative's own progress deadline.
const DEADLINE: Duration = Duration::from_secs(600);

impl State {
    /// The next thing in a revision's life, if it is still that one.
    pub(crate) fn live(&mut self, name: &str, uid: u64, life: Life) {
        let now = self.now();
        let pushes = self.revisions.get(name).map_or(1, |r| self.pushes(r.image()));
        let has_users = self.ingress.served().iter().any(|(served, _)| served == name);
        let Some(r) = self.revisions.get_mut(name).filter(|r| r.uid == uid) else { return };
        let mut next: Vec<(Duration, Life)> = vec![];
        match (life, r.behaviour) {
            // Knative asks the registry again only after a long while.
            (Life::Resolve, Behaviour::Missing) if pushes < 2 => {
                let text =
                    format!("Unable to fetch image {:?}: failed to resolve image to digest: not found", r.image());
                r.container = Cond::no("ContainerMissing", text);
            }
            (Life::Resolve, behaviour) => {
                r.resolve(pushes);
                r.container = Cond::maybe("Deploying", "");
                let life = match behaviour {
                    Behaviour::Starts { after, .. } => (after, Life::Start),
                    Behaviour::CrashesLater { start, .. }
                    | Behaviour::Breaks { start, .. }
                    | Behaviour::AnswersBadly { start, .. }
                    | Behaviour::Restarts { start, .. } => (start, Life::Start),
                    Behaviour::Heals { after } => {
                        next.push((Duration::from_millis(500), Life::Fail));
                        (after + Duration::from_secs(1), Life::Start)
                    }
                    Behaviour::NoRoom { until, .. } => {
                        next.push((Duration::from_millis(500), Life::Fail));
                        (until, Life::Start)
                    }
                    Behaviour::CrashesAtStart { after } => (after, Life::Fail),
                    Behaviour::Missing => (Duration::from_secs(1), Life::Start),
                    Behaviour::Stuck | Behaviour::Unmounted | Behaviour::CrashesUnseen => (DEADLINE, Life::Deadline),
                };
                next.push(life);
            }
            (Life::Start, behaviour) => {
                (r.resources, r.container, r.active) = (Cond::yes(), Cond::yes(), Cond::yes());
                (r.ready_at, r.used_at) = (Some(now), now);
                r.actual = r.min_scale().max(1);
                r.desired = r.actual;
                if let Behaviour::CrashesLater { later, .. } | Behaviour::Breaks { later, .. } = behaviour {
                    next.push((later, Life::Die(0)));
                }
                next.push((IDLE, Life::Sleep));
            }
            // No room is told at once as a failure of the Revision, and is none.
            (Life::Fail, Behaviour::NoRoom { quota, .. }) => {
                r.resources = if quota {
                    Cond::no("FailedCreate", "pods are forbidden: exceeded quota: few, requested: pods=1")
                } else {
                    Cond::no("Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.")
                };
            }
            (Life::Fail, _) => {
                r.container = Cond::no("ExitCode3", "Container failed with: cannot open the ledger");
                r.active = Cond::no("NoTraffic", "The target is not receiving traffic.");
            }
            (Life::Deadline, _) => {
                r.resources = Cond::no("ProgressDeadlineExceeded", "Revision has timed out progressing.");
            }
            (Life::Die(round), behaviour) => {
                (r.dead, r.actual, r.desired) = (true, 0, r.desired.max(1));
                r.active =
                    Cond::maybe("Queued", "Requests to the target are being buffered as resources are provisioned.");
                if matches!(behaviour, Behaviour::Breaks { .. }) {
                    r.container = Cond::no("ExitCode3", "Container failed with: cannot open the ledger");
                }
                if matches!(
                    behaviour,
                    Behaviour::CrashesLater { returns: true, .. } | Behaviour::Breaks { returns: true, .. }
                ) {
                    // Kubernetes doubles the time between two starts of a container.
                    next.push((Duration::from_secs(4 << round.min(6)), Life::Return(round)));
                }
            }
            (Life::Return(round), behaviour) => {
                (r.dead, r.actual, r.active, r.container) = (false, 1, Cond::yes(), Cond::yes());
                let up = if matches!(behaviour, Behaviour::Breaks { .. }) { 8 } else { 1 };
                next.push((Duration::from_secs(up), Life::Die(round + 1)));
            }
            (Life::Sleep, Behaviour::Starts { sleeps: true, .. }) => {
                let idle = now.saturating_sub(r.used_at);
                if has_users || r.min_scale() > 0 {
                    return;
                }
                if idle < IDLE {
                    next.push((IDLE.checked_sub(idle).unwrap(), Life::Sleep));
                } else {
                    (r.actual, r.desired) = (0, 0);
                    r.active = Cond::no("NoTraffic", "The target is not receiving traffic.");
                }
            }
            (Life::Sleep, _) => return,
            (Life::Scale, _) => {
                self.scale(name);
                return;
            }
            (Life::Wake, _) => {
                (r.actual, r.desired, r.active, r.used_at) = (1, 1, Cond::yes(), now);
                next.push((IDLE, Life::Sleep));
                next.push((Duration::from_secs(2), Life::Scale));
            }
        }
        for (wait, life) in next {
            self.after(wait, Due::Revision(name.to_owned(), uid, life));
        }
        self.show_revision(name);
    }

    /// Somebody asks a revision. True if it is awake; if it sleeps, it wakes a little later.
    pub(crate) fn touch(&mut self, name: &str) -> bool {
        let now = self.now();
        let Some(r) = self.revisions.get_mut(name) else { return false };
        r.used_at = now;
        if r.actual > 0 {
            return true;
        }
        if !r.dead && r.ready_at.is_some() && r.desired == 0 {
            let (name, uid) = (name.to_owned(), r.uid);
            r.desired = 1;
            self.after(WAKE, Due::Revision(name.clone(), uid, Life::Wake));
            self.show_revision(&name);
        }
        false
    }

    /// After a change of the split: who has users wakes, who lost them may fall asleep later.
    pub(crate) fn tend_sleepers(&mut self, before: &[(String, i64)]) {
        let now = self.now();
        let after = self.ingress.served();
        for (name, _) in &after {
            self.touch(name);
        }
        self.scale_soon();
        for (name, _) in before.iter().filter(|(name, _)| !after.iter().any(|(n, _)| n == name)) {
            if let Some(r) = self.revisions.get_mut(name) {
                r.used_at = now;
                let uid = r.uid;
                self.after(IDLE, Due::Revision(name.clone(), uid, Life::Sleep));
            }
        }
    }
}
