use super::*;
use crate::machine::world::NameHolder;
use crate::model::observed::Service;
use crate::model::percent::Percent;
use crate::rollout::plan::{Plan, PlanOptions};
use crate::rollout::record::Phase;
use crate::rollout::splits::Tags;
use crate::view::plan::lines::lines;
use crate::view::status::samples::{service, walking, with, world};
use serde_json::{Value, json};
use std::time::Duration;

fn p(value: i64) -> Percent {
    value.try_into().unwrap()
}

fn asked(style: Style, to: i64) -> PlanQuestion {
    let wish = PlanOptions {
        style,
        steps: if style == Style::Canary { vec![p(1).into(), p(50).into()] } else { vec![] },
        dwell: Some(Duration::from_secs(120)),
        bake: Some(Duration::from_secs(300)),
        keep_stable: Percent::ZERO,
        to: p(to),
        approve: if to == 100 { vec![p(100)] } else { vec![] },
        approval_timeout: Duration::from_secs(1800),
    };
    PlanQuestion {
        plan: Some(Plan::new(&wish).unwrap()),
        tags: Tags { candidate: "candidate".parse().unwrap(), stable: "stable".parse().unwrap() },
        stable: None,
        from_file: false,
    }
}

fn preview(object: &Value, asked: &PlanQuestion) -> Preview {
    compose(asked, &world(object, None), &Service::from_json(object).unwrap()).unwrap()
}

fn refusal(object: &Value, asked: &PlanQuestion) -> String {
    compose(asked, &world(object, None), &Service::from_json(object).unwrap()).unwrap_err().line()
}

#[test]
fn every_split_of_a_rollout_that_has_not_begun() {
    let expected = "\
hello: a canary rollout; nothing is written by this
stable     hello-00002; the owner's entry follows latest
candidate  <hello-new>

stage      hello-00002 100 % (tag stable), latest 0 % (tag candidate)
           with the new template, in one write; not for a revision that is there already
candidate  hello-00002 100 % (tag stable), <hello-new> 0 % (tag candidate)
           once it is Ready, by name
step 1     hello-00002 99 % (tag stable), <hello-new> 1 % (tag candidate)
           stays 2m
step 2     hello-00002 50 % (tag stable), <hello-new> 50 % (tag candidate)
           stays 2m
step 3     hello-00002 0 % (tag stable), <hello-new> 100 % (tag candidate)
           after an approval (waited for 30m at most), then bakes 5m
finish     latest 100 %
           follows latest again, as the owner had it; stays pinned by name if a newer template waits by then
rollback   hello-00002 100 %, <hello-new> 0 % (tag candidate)
           instead of what is still to come, whenever a gate fails

time       at least 9m, staging, gates and approvals aside
note       <hello-new> stands for the revision that staging makes or takes up";
    assert_eq!(lines(&preview(&service(json!({})), &asked(Style::Canary, 100))).join("\n"), expected);
}

#[test]
fn stable_keeps_a_part_for_the_bake_and_a_step_has_its_own_time() {
    let steps = vec!["1".parse().unwrap(), "50@10m".parse().unwrap()];
    let wish = PlanOptions { steps, keep_stable: p(5), approve: vec![p(100)], ..PlanOptions::default() };
    let wanted = PlanQuestion { plan: Some(Plan::new(&wish).unwrap()), ..asked(Style::Canary, 100) };
    let text = lines(&preview(&service(json!({})), &wanted)).join("\n");
    let expected = "\
step 2     hello-00002 50 % (tag stable), <hello-new> 50 % (tag candidate)
           stays 10m
step 3     hello-00002 5 % (tag stable), <hello-new> 95 % (tag candidate)
           after an approval (waited for 30m at most), then bakes 5m beside 5 % on stable
step 4     hello-00002 0 % (tag stable), <hello-new> 100 % (tag candidate)
           the rest, once the bake has ended well
finish     latest 100 %
";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("time       at least 17m, staging"), "{text}");
}

#[test]
fn in_care_the_end_is_by_name() {
    let preview = preview(&service(json!({"andante.dev/pipeline": "slow-walk"})), &asked(Style::Canary, 100));
    let text = lines(&preview).join("\n");
    let end = "finish     <hello-new> 100 %\n           by name, as in care; `andante detach` gives latest back\n";
    assert!(text.contains(end), "{text}");
}

#[test]
fn an_open_rollout_shows_what_is_still_to_come() {
    let preview = preview(&with(&walking(), 5), &asked(Style::Canary, 100));
    assert_eq!(preview.candidate, "hello-00002");
    assert_eq!(preview.goes_on_with.as_deref(), Some("r1 by kim, walking"));
    let done: Vec<_> = preview.moves.iter().map(|m| m.done).collect();
    assert_eq!(done, [true, true, true, false, false, false]);
    assert_eq!(preview.shortest_ms, 420_000);
}

#[test]
fn where_nothing_is_asked_an_open_rollout_shows_its_own_plan() {
    let mut record = walking();
    let wish = PlanOptions { style: Style::Linear, ..PlanOptions::default() };
    record.plan = Some(Plan::new(&wish).unwrap());
    let nothing = PlanQuestion { plan: None, ..asked(Style::Canary, 100) };
    let preview = preview(&with(&record, 5), &nothing);
    let steps: Vec<_> = preview.moves.iter().filter_map(|m| m.percent).collect();
    assert_eq!((preview.style, steps), (Style::Linear, vec![20, 40, 60, 80, 100]));
    // Without one it is what a walk does by itself.
    let usual = compose(&nothing, &world(&service(json!({})), None), &Service::from_json(&service(json!({}))).unwrap());
    assert_eq!(usual.unwrap().style, Style::Canary);
}

#[test]
fn a_staging_one_is_not_pinned_yet() {
    let mut record = walking();
    record.phase = Phase::Staging;
    record.candidate = None;
    record.split = record.start.staging(&record.tags);
    let preview = preview(&with(&record, 5), &asked(Style::Canary, 100));
    let done: Vec<_> = preview.moves.iter().map(|m| m.done).collect();
    assert_eq!(done, [true, false, false, false, false, false]);
}

#[test]
fn a_hold_writes_nothing() {
    let preview = preview(&service(json!({})), &asked(Style::Canary, 60));
    let last = preview.moves.last().unwrap();
    assert_eq!((last.kind, last.traffic.len()), ("hold", 0));
    assert!(last.note.contains("stops at 60 %"), "{}", last.note);
}

#[test]
fn a_file_without_status_gets_a_marked_placeholder() {
    let mut object = service(json!({}));
    object.as_object_mut().unwrap().remove("status");
    let mut asked = asked(Style::BlueGreen, 100);
    asked.from_file = true;
    let preview = preview(&object, &asked);
    assert_eq!(preview.stable, "<hello-now>");
    assert!(preview.warnings.iter().any(|w| w.contains("<hello-now> stands for it")));
    assert!(preview.warnings.iter().any(|w| w.contains("promises no comparison")));
    // In a cluster the same is a first deployment, which no split is written for.
    asked.from_file = false;
    assert!(refusal(&object, &asked).contains("has no ready revision"));
}

#[test]
fn the_budget_may_pass_over_all_steps_but_one() {
    let wanted = asked(Style::Budget, 100);
    let preview = preview(&service(json!({})), &wanted);
    let plan = wanted.plan.as_ref().unwrap();
    let dwell = plan.steps[0].dwell + plan.bake;
    assert_eq!(u128::from(preview.shortest_ms), dwell.as_millis());
    assert!(preview.warnings.iter().any(|w| w.contains("steps are passed over")));
}

#[test]
fn what_staging_would_refuse_is_refused_or_said() {
    let mut object = service(json!({}));
    object["spec"]["traffic"] =
        json!([{"revisionName": "hello-00001", "percent": 100}, {"revisionName": "gone", "percent": 0, "tag": "qa"}]);
    let preview = preview(&object, &asked(Style::Canary, 100));
    assert!(preview.refusals[0].contains("gone, which is not Ready (it does not exist)"), "{:?}", preview.refusals);
    object["spec"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100, "tag": "candidate"}]);
    assert!(refusal(&object, &asked(Style::Canary, 100)).contains("the tag `candidate` is the owner's already"));
    object["spec"]["traffic"] =
        json!([{"revisionName": "hello-00001", "percent": 60}, {"revisionName": "hello-00002", "percent": 40}]);
    assert!(refusal(&object, &asked(Style::Canary, 100)).contains("--stable REVISION"));
}

#[test]
fn a_name_that_knative_cannot_have_is_refused_as_staging_refuses_it() {
    // The owner's own split clashes already.
    let mut object = service(json!({}));
    object["status"]["conditions"] = json!([{"type": "RoutesReady", "status": "False", "reason": "NotOwned",
        "message": "There is an existing placeholder Service \"hello\" that we do not own."}]);
    let refusals = preview(&object, &asked(Style::Canary, 100)).refusals;
    assert!(refusals[0].contains("it needs the name `hello`, and another Service has it"), "{refusals:?}");
    // One of ours would: who has the names is asked before anything is promised.
    let object = service(json!({}));
    let (mut world, of) = (world(&object, None), Service::from_json(&object).unwrap());
    let mut names = Vec::new();
    loop {
        let preview = compose(&asked(Style::Canary, 100), &world, &of).unwrap();
        let Some(name) = preview.unasked.clone() else {
            assert!(preview.refusals[0].contains("the tag `stable` needs the name `stable-hello`"), "{preview:?}");
            break;
        };
        let holder = if name == "stable-hello" { NameHolder::Other("a Service") } else { NameHolder::Nobody };
        world.names.insert(name.clone(), holder);
        names.push(name);
    }
    assert_eq!(names, ["candidate-hello", "stable-hello"]);
    // A file tells of no names, and tags that stand already need none.
    let file = PlanQuestion { from_file: true, ..asked(Style::Canary, 100) };
    assert_eq!(preview(&object, &file).unasked, None);
    assert_eq!(preview(&with(&walking(), 5), &asked(Style::Canary, 100)).unasked, None);
}

#[test]
fn a_foreign_edit_is_warned_of_and_the_rollout_is_not_gone_on_with() {
    let mut object = with(&walking(), 9);
    object["spec"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
    let preview = preview(&object, &asked(Style::Canary, 100));
    assert_eq!(preview.goes_on_with, None);
    assert!(preview.warnings.iter().any(|w| w.contains("changed the traffic")), "{:?}", preview.warnings);
}

#[test]
fn knatives_own_ramp_is_warned_of() {
    let preview = preview(&service(json!({"serving.knative.dev/rollout-duration": "60s"})), &asked(Style::Canary, 100));
    assert!(preview.warnings.iter().any(|w| w.contains("rollout-duration is 60s")));
}
