//! A run against its goal (`--goal`): how what it was started for stands to what its Service declares now.
//!
//! Decides when a goal is another one by now; `by_goal` decides what may then still be done. It may use the declaration, the record
//! and observed objects.

use crate::model::name::{GoalId, RevisionName};
use crate::model::observed::Service;
use crate::rollout::declaration::read::{Declaration, Stated};
use crate::rollout::record::{Record, RolloutGoal};

/// How the goal of a run stands to what its Service declares now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GoalNow {
    /// It is what is declared; or the run was given none, and nothing is compared.
    Present,
    /// Another one is declared; in a sentence.
    Older(String),
    /// What is declared cannot be read; in a sentence. A slip is no new goal, so nobody is taken back for it; nor is anybody moved.
    Unreadable(String),
}

/// The goal that a process works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GoalAsked {
    /// The one that its run was started for.
    asked: GoalId,
    /// The same with the template that this process wrote, once the API server answered that.
    written: Option<GoalId>,
}

impl GoalAsked {
    /// The goal as it was asked for.
    pub(super) fn new(asked: GoalId) -> Self {
        Self { asked, written: None }
    }

    /// What a record keeps of it, where `known` is what it kept so far.
    pub(super) fn of_rollout(&self, known: Option<&RolloutGoal>) -> RolloutGoal {
        let declared = self.written.as_ref().or(self.in_chain(known)).unwrap_or(&self.asked).clone();
        RolloutGoal { asked: self.asked.clone(), declared }
    }

    /// What the record of a rollout that begins now keeps of it: what is declared, in whichever of its names.
    pub(super) fn of_service(&self, service: &Service) -> RolloutGoal {
        let declared = Stated::of_service(service).read().map(|declared| declared.id);
        RolloutGoal { asked: self.asked.clone(), declared: declared.unwrap_or_else(|_| self.asked.clone()) }
    }

    /// The id that a rollout of this goal gave it by the template that it wrote, whichever run that was of.
    fn in_chain<'a>(&self, known: Option<&'a RolloutGoal>) -> Option<&'a GoalId> {
        known.filter(|known| known.asked == self.asked).map(|known| &known.declared)
    }

    /// True if the goal goes by this id now. Whoever `holds` the rollout that wrote a template goes by that alone: with the one
    /// from before somebody declared the goal anew.
    fn is_called(&self, id: &GoalId, known: Option<&RolloutGoal>, holds: bool) -> bool {
        let ours = self.written.as_ref().or(self.in_chain(known).filter(|_| holds));
        ours.map_or_else(|| *id == self.asked || self.in_chain(known) == Some(id), |ours| ours == id)
    }

    /// Compares it with what the Service declares now. `known`: what the record there keeps of its goal; `holds`: that is of an
    /// open rollout of this run's own.
    pub(super) fn now(&self, known: Option<&RolloutGoal>, holds: bool, service: &Service) -> GoalNow {
        let (name, asked) = (&service.name, &self.asked);
        match Stated::of_service(service).read() {
            Ok(Declaration { id, .. }) if self.is_called(&id, known, holds) => GoalNow::Present,
            Ok(Declaration { id, in_charge: Some(_), .. }) => {
                GoalNow::Older(format!("{name} declares goal {id} by now, and this run is of goal {asked}"))
            }
            Ok(_) => GoalNow::Older(format!(
                "{name} names nobody in charge (andante.dev/pipeline) any more, and this run is of goal {asked}"
            )),
            Err(faults) => {
                let faults = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                GoalNow::Unreadable(format!(
                    "what {name} declares cannot be read, so nobody can tell whether goal {asked} is wanted still: {faults}"
                ))
            }
        }
    }

    /// True for a record of this goal, whichever run's.
    pub(super) fn is_of(&self, record: &Record) -> bool {
        record.goal.as_ref().is_some_and(|goal| [&goal.asked, &goal.declared].contains(&&self.asked))
    }

    /// True if a record is of another goal than this. One that knows of no goal is of none.
    pub(super) fn differs_from(&self, record: &Record) -> bool {
        record.goal.is_some() && !self.is_of(record)
    }

    /// Takes up what the Service declares with the template that this process just wrote, as the API server answered it: what
    /// others on the way there made of a template is no other goal either.
    pub(super) fn learn(&mut self, service: &Service) {
        if let Ok(declared) = Stated::of_service(service).read() {
            self.written = Some(declared.id);
        }
    }
}

/// What an onlooker is told where the goal of an open rollout is not the one that its Service declares now: by the comparison that a
/// walk makes. Which process makes it no record tells (a person may go on with it without a goal), so this is said of whoever does.
pub(crate) fn goal_note(record: &Record, service: &Service) -> Option<String> {
    match seen(record, service)? {
        GoalNow::Present => None,
        GoalNow::Older(why) if has_moved(record) => Some(format!("{why}: a walk for that goal takes users back")),
        GoalNow::Older(why) => Some(format!("{why}: a walk for that goal moves nobody any more")),
        GoalNow::Unreadable(why) => Some(format!("{why}; a walk for that goal takes no step until it can be read")),
    }
}

/// Why a walk for the goal of this open rollout takes no step: what its Service declares cannot be read; in a sentence.
pub(crate) fn unread_goal(record: &Record, service: &Service) -> Option<String> {
    match seen(record, service)? {
        GoalNow::Unreadable(why) => Some(why),
        GoalNow::Present | GoalNow::Older(_) => None,
    }
}

/// How the goal of an open rollout stands to what is declared now; none: it is of no goal.
fn seen(record: &Record, service: &Service) -> Option<GoalNow> {
    let goal = record.goal.as_ref().filter(|_| record.phase.is_open())?;
    Some(GoalAsked::new(goal.asked.clone()).now(Some(goal), true, service))
}

/// True if this rollout brought users to the candidate, as the record has it; what an earlier one left there is none of it.
pub(super) fn has_moved(record: &Record) -> bool {
    let had = |candidate: &RevisionName| record.start.pinned().share(candidate);
    record.candidate.as_ref().is_some_and(|candidate| record.split.share(candidate) > had(candidate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::record::tests::record;
    use crate::rollout::splits::Start;
    use serde_json::{Value, json};

    fn service(annotations: &Value, image: &str) -> Service {
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 1, "annotations": annotations},
            "spec": {"template": {"spec": {"containers": [{"image": image}]}}}
        }))
        .unwrap()
    }

    fn id(service: &Service) -> GoalId {
        Stated::of_service(service).read().unwrap().id
    }

    #[test]
    fn a_goal_is_present_as_long_as_just_that_is_declared() {
        let declared = json!({"andante.dev/pipeline": "p"});
        let first = service(&declared, "i:1");
        let goal = GoalAsked::new(id(&first));
        assert_eq!(goal.now(None, false, &first), GoalNow::Present);
        let GoalNow::Older(why) = goal.now(None, false, &service(&declared, "i:2")) else { panic!("another template") };
        let second = id(&service(&declared, "i:2"));
        assert_eq!(why, format!("s declares goal {second} by now, and this run is of goal {}", id(&first)));
        let GoalNow::Older(why) = goal.now(None, false, &service(&json!({}), "i:1")) else {
            panic!("nothing declared")
        };
        assert!(why.starts_with("s names nobody in charge (andante.dev/pipeline) any more"), "{why}");
        let slip = service(&json!({"andante.dev/pipeline": "p", "andante.dev/traffic": "0"}), "i:1");
        let GoalNow::Unreadable(why) = goal.now(None, false, &slip) else { panic!("a slip") };
        assert!(why.contains("andante.dev/traffic is `0`"), "{why}");
    }

    /// A template is part of a goal without a source, so what we write into it gives the goal another id.
    #[test]
    fn what_a_run_wrote_itself_is_no_other_goal() {
        let declared = json!({"andante.dev/pipeline": "p"});
        let [first, ours, theirs] = ["i:1", "i:2", "i:3"].map(|image| service(&declared, image));
        let goal = GoalAsked::new(id(&first));
        let kept = RolloutGoal { asked: id(&first), declared: id(&ours) };
        for holds in [true, false] {
            assert_eq!(goal.now(Some(&kept), holds, &ours), GoalNow::Present, "another run of it, too");
            assert!(matches!(goal.now(Some(&kept), holds, &theirs), GoalNow::Older(_)));
        }
        assert!(matches!(goal.now(Some(&kept), true, &first), GoalNow::Older(_)), "somebody put the one before back");
        assert_eq!(goal.now(Some(&kept), false, &first), GoalNow::Present, "and a run is started for that");
        assert_eq!(goal.of_service(&first).declared, id(&first));
        let of_another = RolloutGoal { asked: id(&theirs), declared: id(&ours) };
        assert!(matches!(goal.now(Some(&of_another), false, &ours), GoalNow::Older(_)), "the record of another goal");
        let mut learned = goal.clone();
        learned.learn(&ours);
        assert_eq!(learned.now(None, false, &ours), GoalNow::Present);
        assert_eq!(learned.of_rollout(None), kept);
    }

    #[test]
    fn a_record_is_of_the_goal_that_it_names_in_either_way() {
        let [one, two, three] =
            ["000000000001", "000000000002", "000000000003"].map(|id| id.parse::<GoalId>().unwrap());
        let mut of = record();
        let is = |goal: &GoalId, record: &Record| {
            let goal = GoalAsked::new(goal.clone());
            (goal.is_of(record), goal.differs_from(record))
        };
        assert_eq!(is(&one, &of), (false, false), "a rollout without a goal is of none");
        of.goal = Some(RolloutGoal { asked: one.clone(), declared: two.clone() });
        assert_eq!([is(&one, &of), is(&two, &of), is(&three, &of)], [(true, false), (true, false), (false, true)]);
    }

    #[test]
    fn users_are_moved_once_the_candidate_has_a_share() {
        let mut of = record();
        assert!(!has_moved(&of));
        of.split = serde_json::from_value(
            json!([{"revisionName": "s1", "percent": 99}, {"revisionName": "s2", "percent": 1}]),
        )
        .unwrap();
        assert!(has_moved(&of));
        // What an earlier goal ended with was there before.
        let [s1, s2]: [RevisionName; 2] = ["s1", "s2"].map(|name| name.parse().unwrap());
        of.start = Start::between(of.split.clone(), s2.clone(), &s1, &s2).unwrap();
        assert!(!has_moved(&of));
        of.candidate = None;
        assert!(!has_moved(&of));
    }
}
