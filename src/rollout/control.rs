//! What people ask of a running rollout: pause, approve, abort, promote.
//!
//! Decides which requests count for a rollout and an attempt. A request is its own annotation beside the record, because
//! every write of a walk tests the record: an approval written into it would refuse the walk's next step. A request names
//! its rollout, so that an old one never counts. Depends on names and serde.

use crate::model::name::RolloutId;
use crate::model::observed::{CONTROL, Service};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A request and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRequest {
    /// Who asked, as the API server's SelfSubjectReview named them: recorded, not proof.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The attempt of the rollout that was seen when it was asked ([`crate::rollout::record::Record::attempt`]).
    #[serde(default)]
    pub attempt: u32,
}

/// An approval of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The step, counted from 1.
    pub step: usize,
    /// Who approved it and when.
    #[serde(flatten)]
    pub request: ControlRequest,
}

/// Everything that was asked of one rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// The rollout that is meant.
    pub rollout: RolloutId,
    /// Approved steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved: Vec<Approval>,
    /// Stop dwelling and ramping until it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<ControlRequest>,
    /// When the last pause was taken back: the present step's dwell begins anew from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<ControlRequest>,
    /// Roll back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<ControlRequest>,
    /// Skip dwell, approvals and missing evidence; never a Fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<ControlRequest>,
}

impl Control {
    /// Nothing asked yet.
    pub fn of(rollout: RolloutId) -> Self {
        Self { rollout, approved: vec![], pause: None, resumed: None, abort: None, promote: None }
    }

    /// What is asked of `rollout` on this Service.
    pub fn on(service: &Service, rollout: &RolloutId) -> Self {
        Self::parse(service.annotations.get(CONTROL).map(String::as_str), rollout)
    }

    /// The requests that concern `rollout`; unreadable text and other rollouts' requests are none.
    pub fn parse(text: Option<&str>, rollout: &RolloutId) -> Self {
        // Not an error: anybody may write an annotation, and a typing mistake must not stop a walk that has users.
        text.and_then(|t| serde_json::from_str::<Self>(t).ok())
            .filter(|c| c.rollout == *rollout)
            .unwrap_or_else(|| Self::of(rollout.clone()))
    }

    /// The approval of a step, counted from 1, in this attempt. An approval of an earlier attempt never counts, because its
    /// plan may have had other steps.
    pub fn approval(&self, step: usize, attempt: u32) -> Option<&Approval> {
        self.approved.iter().find(|a| a.step == step && a.request.attempt == attempt)
    }

    /// The wish to promote this attempt. Pause and abort hold for the whole rollout instead, because they are cautious.
    pub fn promoted(&self, attempt: u32) -> Option<&ControlRequest> {
        self.promote.as_ref().filter(|request| request.attempt == attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_rollouts_approval_never_counts() {
        let mut control = Control::of("r1".parse().unwrap());
        control.approved.push(Approval {
            step: 2,
            request: ControlRequest { by: "kim".into(), at: Timestamp::from_second(1).unwrap(), attempt: 1 },
        });
        let text = serde_json::to_string(&control).unwrap();
        assert!(Control::parse(Some(&text), &"r1".parse().unwrap()).approval(2, 1).is_some());
        assert!(Control::parse(Some(&text), &"r1".parse().unwrap()).approval(3, 1).is_none());
        assert!(Control::parse(Some(&text), &"r2".parse().unwrap()).approval(2, 1).is_none());
        assert!(Control::parse(Some("rubbish"), &"r1".parse().unwrap()).approved.is_empty());
        assert!(Control::parse(None, &"r1".parse().unwrap()).pause.is_none());
    }
}
