//! The declared goal that a rollout works for, as its record keeps it.

use crate::model::name::GoalId;
use serde::{Deserialize, Serialize};

/// The declared goal that a rollout works for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutGoal {
    /// The one that its run was started for.
    pub asked: GoalId,
    /// The same goal as its Service declares it with the template that this rollout wrote: a template is part of a goal, so what
    /// we write into it gives the goal another id.
    pub declared: GoalId,
}

#[cfg(test)]
mod tests {
    use super::super::Record;
    use super::super::tests::record;
    use super::*;

    /// Older versions pass over what they do not know, and a record of theirs has no goal.
    #[test]
    fn a_record_may_have_a_goal_and_one_without_is_read() {
        let mut of_goal = record();
        assert!(!of_goal.to_text().unwrap().contains("goal"));
        let [asked, declared] = ["0123456789ab", "ba9876543210"].map(|id| id.parse().unwrap());
        of_goal.goal = Some(RolloutGoal { asked, declared });
        let text = of_goal.to_text().unwrap();
        assert!(text.contains(r#""goal":{"asked":"0123456789ab","declared":"ba9876543210"}"#), "{text}");
        assert_eq!(Record::parse(&text).unwrap(), of_goal);
        let newer = text.replacen('{', r#"{"of-a-newer-version":[1],"#, 1);
        assert_eq!(Record::parse(&newer).unwrap(), of_goal);
        assert_eq!(of_goal.clone().least().goal, of_goal.goal, "whoever comes later has to know");
    }
}
