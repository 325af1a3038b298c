//! What a write of ours does about the declared goal.
//!
//! Decides that a write of a run with a goal is refused where another goal is declared by then, which moves no generation; and that
//! a template of ours is never a new goal: `andante.dev/goal-status` names what is declared with it, in the same write, for which the
//! API server is asked first what it will store. It may use the declaration, the record and observed objects.

use crate::machine::next::{Look, Next, Order};
use crate::machine::world::World;
use crate::model::name::GoalId;
use crate::model::observed::{GOAL_STATUS, PIPELINE, Service};
use crate::model::outcome::Code;
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::declaration::read::Stated;
use crate::rollout::goal_status::{GoalPhase, GoalStatus, StatusSeen, asked_again};
use crate::rollout::owner::Owner;
use crate::rollout::record::{Phase, Record, RolloutGoal};
use jiff::Timestamp;
use serde_json::{Value, json};

/// An annotation as a JSON pointer, in which `~1` is a slash.
pub(super) fn pointer(annotation: &str) -> String {
    format!("/metadata/annotations/{}", annotation.replace('/', "~1"))
}

/// Tests of every declaring annotation as it was read. Setting one raises no generation, so no other test sees it.
pub(super) fn declared_tests(service: &Service) -> Vec<Value> {
    if service.annotations.is_empty() {
        // That there are none is tested already.
        return Vec::new();
    }
    let parts = DeclaredPart::ALL.into_iter().map(DeclaredPart::annotation);
    parts.map(|name| json!({"op": "test", "path": pointer(name), "value": service.annotations.get(name)})).collect()
}

/// A test of who is in charge, as it was read, for a write that gives latest back: in care nobody is to follow that, and to come into
/// care raises no generation.
pub(super) fn charge_test(service: &Service) -> Option<Value> {
    let who = service.annotations.get(PIPELINE);
    (!service.annotations.is_empty()).then(|| json!({"op": "test", "path": pointer(PIPELINE), "value": who}))
}

/// True for a write that rests on what is declared. A way back rests on it only where that is why it is one: any other is not
/// withheld, whatever is declared.
pub(super) fn rests_on_goal(record: &Record) -> bool {
    let back = matches!(record.phase, Phase::RolledBack | Phase::Interrupted);
    record.goal.is_some() && (!back || record.outcome == Some(Code::Superseded))
}

/// A template that a write of ours carries.
#[derive(Debug)]
pub(super) struct NewTemplate {
    /// As it is written.
    pub(super) template: Value,
    /// The goal that is declared with it; none: what is declared then cannot be read.
    goal: Option<GoalId>,
    /// It is what serves, put back.
    restores: bool,
}

impl NewTemplate {
    /// This one on this Service: with the goal that a dry run told, else with the one of its own words.
    pub(super) fn of(world: &World, service: &Service, template: Value) -> Self {
        let heard = world.foretold.as_ref().filter(|heard| heard.is_of(service, &template));
        let stated = match heard.and_then(|heard| heard.stored(service)) {
            Some(stored) => Stated::of_service(&stored).read(),
            None => Stated::of_service(service).with_template(&template).read(),
        };
        Self { goal: stated.ok().map(|declared| declared.id), template, restores: false }
    }

    /// The same where it is what serves, so that nothing has to be started for it.
    pub(super) fn restoring(self) -> Self {
        Self { restores: true, ..self }
    }
}

/// The question that comes before a write of this template: what would be stored of it, where the write says which goal that is.
/// None: it was asked, or no goal is at stake.
pub(super) fn asks_first(
    world: &World,
    service: &Service,
    goal: Option<&RolloutGoal>,
    template: &Value,
    order: &Order,
) -> Option<Next> {
    let declared = Stated::of_service(service).read().ok()?.id;
    let is_at_stake = goal.is_some() || StatusSeen::of(service).goal() == Some(&declared);
    let was_asked = world.foretold.as_ref().is_some_and(|heard| heard.is_of(service, template));
    (is_at_stake && !was_asked).then(|| Next::Look(Look::Stored(order.patch.clone())))
}

/// What keeps the status true in a write with this template, or with none: tests and changes of the annotation. The record's goal
/// becomes what is declared with that template. `owner` and `at`: whose write it is, and when, where nobody noted the run when it
/// was started.
pub(super) fn status_changes(
    service: &Service,
    goal: Option<&mut RolloutGoal>,
    template: Option<&NewTemplate>,
    (owner, at): (&Owner, Timestamp),
) -> Vec<Value> {
    let Ok(declared) = Stated::of_service(service).read() else { return Vec::new() };
    let before = declared.id;
    let Some(after) = template.map_or(Some(&before), |new| new.goal.as_ref()).cloned() else { return Vec::new() };
    let seen = StatusSeen::of(service);
    let named = seen.goal();
    // What is known of the goal that is found is passed on, and one that waits to be started goes on waiting.
    let mut carries = named == Some(&before) && after != before;
    let mut noted = None;
    if let Some(goal) = goal {
        if template.is_some() {
            goal.declared.clone_from(&after);
        }
        // An older goal's run says nothing of the newer one; what a run was started for does not wait any more.
        carries &= goal.declared == after;
        if goal.declared == after && named != Some(&after) {
            noted = GoalStatus::of_run(&after, owner, service, at);
        }
    }
    // Nobody has looked at it yet, and whoever looks first would start a run for what serves.
    if noted.is_none()
        && template.is_some_and(|new| new.restores)
        && declared.in_charge.is_some()
        && seen == StatusSeen::Absent
    {
        let reached = GoalStatus::new(GoalPhase::Reached, "the template was put back to what serves", Some(at));
        noted = Some(GoalStatus { goal: Some(after.clone()), again: asked_again(service), ..reached });
    }
    let carried = seen.status().filter(|_| carries).map(|status| GoalStatus { goal: Some(after), ..status.clone() });
    let Some(next) = carried.or(noted) else { return Vec::new() };
    let path = pointer(GOAL_STATUS);
    let mut changes = Vec::new();
    if !service.annotations.is_empty() {
        changes.push(json!({"op": "test", "path": path, "value": service.annotations.get(GOAL_STATUS)}));
    }
    changes.push(json!({"op": "add", "path": path, "value": next.text(&service.uid)}));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::owner::OwnerKind;
    use crate::rollout::record::tests::record;

    fn run() -> Owner {
        Owner { kind: OwnerKind::PipelineRun, name: "shop/run-1".into(), uid: "u".into() }
    }

    fn kim() -> Owner {
        Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() }
    }

    fn changes(
        service: &Service,
        goal: Option<&mut RolloutGoal>,
        template: Option<&Value>,
        owner: &Owner,
    ) -> Vec<Value> {
        let template = template.map(|template| NewTemplate::of(&World::default(), service, template.clone()));
        status_changes(service, goal, template.as_ref(), (owner, Timestamp::UNIX_EPOCH))
    }

    fn service(annotations: &Value) -> Service {
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 1, "annotations": annotations},
            "spec": {"template": template("i:1")}
        }))
        .unwrap()
    }

    fn template(image: &str) -> Value {
        json!({"spec": {"containers": [{"image": image}]}})
    }

    fn id(service: &Service) -> GoalId {
        Stated::of_service(service).read().unwrap().id
    }

    fn status(goal: &GoalId) -> String {
        json!({"goal": goal, "run": "started", "phase": "started"}).to_string()
    }

    fn named(changes: &[Value]) -> Option<Value> {
        changes.last().map(|change| serde_json::from_str(change["value"].as_str().unwrap()).unwrap())
    }

    #[test]
    fn every_declaring_annotation_is_tested_as_it_was_read() {
        let tests = declared_tests(&service(&json!({"andante.dev/pipeline": "p", "a": "b"})));
        assert_eq!(tests.len(), DeclaredPart::ALL.len());
        assert_eq!(
            tests[0],
            json!({"op": "test", "path": "/metadata/annotations/andante.dev~1pipeline", "value": "p"})
        );
        assert!(tests[1..].iter().all(|test| test["value"].is_null()), "{tests:?}");
        assert_eq!(declared_tests(&service(&json!({}))), Vec::<Value>::new());
    }

    #[test]
    fn a_way_back_rests_on_no_goal_unless_that_is_its_reason() {
        let mut of = record();
        assert!(!rests_on_goal(&of), "it has none");
        let one: GoalId = "000000000001".parse().unwrap();
        of.goal = Some(RolloutGoal { asked: one.clone(), declared: one });
        for (phase, outcome, rests) in [
            (Phase::Walking, None, true),
            (Phase::Finished, Some(Code::Done), true),
            (Phase::RolledBack, Some(Code::Worse), false),
            (Phase::Interrupted, Some(Code::Interrupted), false),
            (Phase::RolledBack, Some(Code::Superseded), true),
        ] {
            (of.phase, of.outcome) = (phase, outcome);
            assert_eq!(rests_on_goal(&of), rests, "{phase:?} {outcome:?}");
        }
    }

    #[test]
    fn a_template_of_ours_is_no_new_goal() {
        let bare = json!({"andante.dev/pipeline": "p"});
        let first = id(&service(&bare));
        let with = json!({"andante.dev/pipeline": "p", GOAL_STATUS: status(&first)});
        let mut goal = RolloutGoal { asked: first.clone(), declared: first.clone() };
        let carried = changes(&service(&with), Some(&mut goal), Some(&template("i:2")), &run());
        let second = id(&Service { template: template("i:2"), ..service(&bare) });
        assert_ne!(first, second);
        assert_eq!(goal, RolloutGoal { asked: first.clone(), declared: second.clone() });
        let path = "/metadata/annotations/andante.dev~1goal-status";
        assert_eq!(carried[0], json!({"op": "test", "path": path, "value": status(&first)}));
        let wanted = json!({"goal": second, "run": "started", "phase": "started", "reason": "", "uid": "u"});
        assert_eq!(named(&carried), Some(wanted));
        // A run that nobody noted is noted.
        let mut goal = RolloutGoal { asked: first.clone(), declared: first.clone() };
        let noted = named(&changes(&service(&bare), Some(&mut goal), None, &run())).unwrap();
        assert_eq!((&noted["goal"], &noted["run"]), (&json!(first), &json!("run-1")));
        assert_eq!(changes(&service(&with), Some(&mut goal), None, &run()), Vec::<Value>::new(), "it says so already");
        assert_eq!(changes(&service(&bare), Some(&mut goal), None, &kim()), Vec::<Value>::new(), "a person is no run");
        // With a source the image is no part of the goal.
        let sourced = json!({"andante.dev/pipeline": "p", "andante.dev/source": "https://git.example.com/s.git"});
        let asked = id(&service(&sourced));
        let mut goal = RolloutGoal { asked: asked.clone(), declared: asked.clone() };
        changes(&service(&sourced), Some(&mut goal), Some(&template("i:2")), &run());
        assert_eq!(goal.declared, asked);
    }

    #[test]
    fn a_goal_that_waits_goes_on_waiting() {
        let bare = json!({"andante.dev/pipeline": "p"});
        let (first, older): (GoalId, GoalId) = (id(&service(&bare)), "000000000001".parse().unwrap());
        let with = |goal: &GoalId| service(&json!({"andante.dev/pipeline": "p", GOAL_STATUS: status(goal)}));
        let without_goal = |service: &Service| named(&changes(service, None, Some(&template("i:2")), &run()));
        assert_eq!(without_goal(&with(&older)), None, "nothing was started for what is declared");
        assert_eq!(without_goal(&service(&bare)), None);
        assert_ne!(without_goal(&with(&first)).unwrap()["goal"], json!(first));
        let mut person = RolloutGoal { asked: first.clone(), declared: first.clone() };
        assert_eq!(changes(&with(&older), Some(&mut person), Some(&template("i:2")), &kim()), Vec::<Value>::new());
        // A run of an older goal says nothing of the newer one.
        let mut goal = RolloutGoal { asked: older.clone(), declared: older };
        assert_eq!(changes(&with(&first), Some(&mut goal), None, &run()), Vec::<Value>::new());
        let slip = service(&json!({"andante.dev/traffic": "0"}));
        assert_eq!(changes(&slip, Some(&mut goal), None, &run()), Vec::<Value>::new());
    }
}
