//! What a walk waits for: decides what is said of each typed reason, and what the walk does meanwhile. It may use the
//! scene and the log.

use super::pods::PodsMove;
use super::scene::Scene;
use super::{Walk, write};
use crate::machine::judge::Judge;
use crate::machine::next::{Look, Next};
use crate::machine::write::order;
use crate::model::event::{Event, Log, Topic};
use crate::model::moment::Moment;
use crate::model::percent::Percent;
use crate::model::time::words;
use crate::rollout::record::Phase;
use jiff::Timestamp;
use std::time::Duration;

/// Why the next step is not taken now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A person stopped dwell and ramp.
    Paused { by: String, at: Timestamp },
    /// Its Service or namespace says that nothing is to move: in its words, whose word it is, and until when that counts.
    Suspended { text: String, of: String, until: Option<Timestamp> },
    /// Whether the namespace says so is to be read.
    NamespaceUnread,
    /// What the Service declares cannot be read; why.
    Declared(String),
    /// The step's own time is not over.
    Dwell { stay: Duration, until: Timestamp },
    /// The candidate's answer is awaited, or about to be asked for.
    Answer,
    /// Probes must pass in a row; which.
    Probes(String),
    /// The candidate has no ready pod at the moment.
    Ready,
    /// A gate with questions of its own lacks a pass; which.
    Gate(String),
    /// The evidence does not allow the step yet; why.
    Evidence(String),
    /// A step needs an approval, and nobody was told so yet; since when it is due.
    ApprovalUnasked { step: usize, since: Timestamp },
    /// A step needs an approval; until when it is waited for.
    Approval { step: usize, until: Timestamp },
    /// Knative would not take the split; why.
    Blocked { step: usize, blocker: String },
    /// The candidate has too few pods for the users that it has; how few.
    Short(String),
    /// The pods of the next step come before its users.
    Pods(PodsMove),
    /// Windows shut, the candidate's own address is asked before a move.
    LastLook,
}

impl Waiting {
    /// When it ends by itself, before the deadline.
    fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Dwell { until, .. } | Self::Approval { until, .. } | Self::Pods(PodsMove::Coming { until, .. }) => {
                Some(*until)
            }
            Self::Suspended { until, .. } => *until,
            _ => None,
        }
    }

    /// True if the last look before a move is over for now: windows open again.
    fn ends_look(&self) -> bool {
        matches!(
            self,
            Self::Paused { .. }
                | Self::Suspended { .. }
                | Self::Declared(_)
                | Self::Ready
                | Self::Short(_)
                | Self::Gate(_)
                | Self::Evidence(_)
                | Self::Blocked { .. }
        )
    }

    /// What a short call says of it, where it may end on it.
    fn rest(&self) -> Option<String> {
        match self {
            Self::Paused { .. } => Some("paused".to_owned()),
            Self::Dwell { until, .. } => Some(format!("the next move is due at {until}")),
            Self::Gate(missing) => Some(missing.clone()),
            Self::Evidence(why) => Some(why.clone()),
            Self::Approval { step, until } => Some(format!("step {step} waits for approval until {until}")),
            Self::Blocked { blocker, .. } => Some(blocker.clone()),
            Self::Suspended { text, .. }
            | Self::Declared(text)
            | Self::Short(text)
            | Self::Pods(PodsMove::Coming { text, .. }) => Some(text.clone()),
            Self::Pods(_)
            | Self::NamespaceUnread
            | Self::Answer
            | Self::Probes(_)
            | Self::Ready
            | Self::ApprovalUnasked { .. }
            | Self::LastLook => None,
        }
    }
}

impl Walk {
    /// Waits for it: says so once, shuts or opens windows, and ends a short call that has seen what it came to see.
    pub(super) fn wait_for(&mut self, waiting: &Waiting, scene: &Scene<'_>, log: &mut Log) -> Next {
        let (record, now) = (scene.record, scene.now);
        match waiting {
            Waiting::ApprovalUnasked { step, since } => return self.ask_approval(*step, *since, scene),
            Waiting::NamespaceUnread => return Next::Look(Look::Namespace),
            Waiting::Pods(PodsMove::Coming { .. }) if !self.judges(record) || self.last_look => {}
            // New pods are cold: what their first requests are like is no evidence of the present step.
            Waiting::LastLook | Waiting::Pods(PodsMove::Coming { .. }) => self.begin_look(now),
            Waiting::Pods(what) => return self.do_for_pods(what, scene, log),
            _ if waiting.ends_look() => self.end_look(now),
            _ => {}
        }
        self.say_waiting(waiting, scene, log);
        if let Some(rest) = waiting.rest().filter(|_| self.goal.once && self.may_rest(waiting, scene)) {
            return self.rest(scene, &rest);
        }
        self.wait(waiting.until().unwrap_or(record.deadline), record, now)
    }

    /// True if a short call may end now: it first sees what it came to see, where it could see anything.
    fn may_rest(&self, waiting: &Waiting, scene: &Scene<'_>) -> bool {
        match waiting {
            Waiting::Dwell { .. } => self.due_probe(scene).is_none() && self.has_looked(scene.record),
            Waiting::Gate(_) | Waiting::Evidence(_) => self.has_looked(scene.record),
            _ => true,
        }
    }

    fn say_waiting(&self, waiting: &Waiting, scene: &Scene<'_>, log: &mut Log) {
        let record = scene.record;
        let text = match waiting {
            Waiting::Paused { by, at } => format!("paused by {by} at {}", at.strftime("%H:%M:%S")),
            Waiting::Suspended { text, of, .. } => {
                format!("{text}: no step until andante.dev/suspend is taken off {of}")
            }
            Waiting::Declared(text) => format!("{text}; no step until it can be"),
            Waiting::Dwell { stay, .. } if record.step > 0 => {
                let kind = if record.phase == Phase::Baking { "bake" } else { "dwell" };
                format!("{kind} {} at step {} of {}", words(*stay), record.step, self.goal.plan.steps.len())
            }
            Waiting::Probes(wanted) => wanted.clone(),
            Waiting::Short(text) => text.clone(),
            Waiting::Pods(PodsMove::Coming { text, .. }) => {
                log.once(Topic::Pods, format!("waiting for {text}"));
                return;
            }
            Waiting::Ready => {
                format!("{} has no ready pod at the moment; no step until it has or has failed", scene.candidate)
            }
            Waiting::Evidence(_) if self.judge.as_ref().is_some_and(Judge::awaits_first_window) => return,
            Waiting::Evidence(why) => return say_unproved(why, log),
            Waiting::Blocked { step, blocker } => {
                self.say_approval(scene, log);
                format!("step {step} cannot be taken: {blocker}")
            }
            Waiting::LastLook => return self.say_approval(scene, log),
            // Gates and waits for an approval have lines of their own.
            Waiting::Dwell { .. }
            | Waiting::NamespaceUnread
            | Waiting::Answer
            | Waiting::Pods(_)
            | Waiting::Gate(_)
            | Waiting::ApprovalUnasked { .. }
            | Waiting::Approval { .. } => return,
        };
        let moment = match waiting {
            Waiting::Paused { .. } => Some(Moment::Paused),
            Waiting::Suspended { .. } => Some(Moment::Suspended),
            Waiting::Declared(_) => Some(Moment::DeclarationUnreadable),
            Waiting::Blocked { .. } => Some(Moment::StepBlocked),
            _ => None,
        };
        log.add_once(Event::new(Topic::Wait, text).at(moment));
    }

    /// The write that tells people that a step waits for them, so that a restart does not give them a new half hour.
    fn ask_approval(&self, step: usize, since: Timestamp, scene: &Scene<'_>) -> Next {
        let (service, mut to) = (scene.service, scene.record.clone());
        to.approval_since = Some(since.max(to.step_at));
        let plan = &self.goal.plan;
        let percent = plan.step(step).map_or(Percent::ZERO, |s| s.percent);
        let what = format!(
            "step {step} ({percent}) waits for approval, at most {}: `andante control approve {} --rollout {} --step {step}`",
            words(plan.approval_timeout),
            service.called(),
            to.id
        );
        let what = Event::new(Topic::Wait, what).at(Moment::ApprovalNeeded);
        write(order(service, to, None, None, what), service)
    }
}

/// Says what the evidence lacks, once for each kind of lack: new numbers alone are said with each save.
fn say_unproved(why: &str, log: &mut Log) {
    let kind: String = why.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect();
    log.once_of(Topic::Wait, &kind, why);
}
