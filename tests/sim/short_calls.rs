//! A rollout made of many short calls (`--once`), each by an owner of its own, as the Jobs of a CronJob are.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::rollout::plan::Plan;
use std::time::Duration;
use tokio::time::sleep;

fn usual() -> Plan {
    plan(&[10, 50, 100], 5, 5, None)
}

/// Calls once a minute: the plan and the image of each; what stood after each of them.
fn call_each(calls: Vec<(&'static str, Plan)>) -> Vec<String> {
    simulate(async move {
        let mut theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        let mut after = vec![];
        for (i, (image, plan)) in calls.into_iter().enumerate() {
            theatre.once = Some(plan.clone());
            let run = asker(&format!("job-{i}"), 60 * (i as u64 + 1), IfBusy::Supersede);
            let job = Job::Stage { image: image.into(), again: false };
            let staged = theatre.process(&format!("stage-{i}"), &run, &job, Script::default()).await.unwrap();
            let mut last = staged.clone();
            if staged.word == "staged" {
                let job = Job::Walk(plan, Looks::default());
                last = theatre.process(&format!("walk-{i}"), &run, &job, Script::default()).await.unwrap();
            }
            sleep(Duration::from_secs(60)).await;
            let now = brief(&theatre.world.with(|s| s.get_service()).unwrap());
            after.push(format!("{}: {now}", last.word));
        }
        let wrong = check::all(&theatre.story(prologue));
        assert_eq!(wrong, Vec::<String>::new(), "{}", theatre.print(prologue));
        after
    })
}

#[test]
fn each_newer_owner_goes_on_where_the_last_one_left_off() {
    assert_eq!(
        call_each(vec![("ok:2", usual()); 5]),
        [
            "not-due: hello-00001#stable=90 hello-00002#candidate=10",
            "not-due: hello-00001#stable=50 hello-00002#candidate=50",
            "not-due: hello-00001#stable=0 hello-00002#candidate=100",
            "finished: latest=100",
            "unchanged: latest=100",
        ]
    );
}

#[test]
fn another_image_or_plan_begins_anew() {
    let other = plan(&[20, 100], 5, 5, None);
    assert_eq!(
        call_each(vec![("ok:2", usual()), ("ok:2", usual()), ("ok:3", usual()), ("ok:3", other)]),
        [
            "not-due: hello-00001#stable=90 hello-00002#candidate=10",
            "not-due: hello-00001#stable=50 hello-00002#candidate=50",
            "not-due: hello-00001#stable=90 hello-00003#candidate=10",
            "not-due: hello-00001#stable=80 hello-00003#candidate=20",
        ]
    );
}
