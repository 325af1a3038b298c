//! Somebody writes the template of a Service whose users are pinned, and a run takes up what that made (`--revision latest`): it need
//! not be ready yet, and nobody meets it before that.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::Code;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

#[test]
fn what_the_template_made_is_waited_for_and_walked() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        world.move_traffic(&json!([{"revisionName": "hello-00001", "percent": 100}])).unwrap();
        sleep(Duration::from_secs(10)).await;
        let prologue = world.scene_is_set();
        let run = asker("a", 100, IfBusy::Supersede);
        // What serves already is nothing to do.
        let same = theatre.process("a", &run, &Job::Latest, Script::default()).await.unwrap();
        assert_eq!((same.code, same.word), (Code::Done, "unchanged"), "{}", same.line());
        // At once: Knative has not even looked.
        world.deploy_image("slow:2-20").unwrap();
        let run = asker("b", 200, IfBusy::Supersede);
        let staged = theatre.process("b", &run, &Job::Latest, Script::default()).await.unwrap();
        assert_eq!((staged.code, staged.word), (Code::Done, "staged"), "{}", staged.line());
        assert_eq!(brief(&world.service().unwrap()), "hello-00001#stable=100 hello-00002#candidate=0");
        let job = Job::Walk(plan(&[50, 100], 2, 2, None), Looks::default());
        let walked = theatre.process("b-walk", &run, &job, Script::default()).await.unwrap();
        assert_eq!(walked.code, Code::Done, "{}", walked.line());
        // One that never gets ready moves nobody, and is not tried again.
        world.deploy_image("crash-start:3").unwrap();
        let run = asker("c", 300, IfBusy::Supersede);
        let never = theatre.process("c", &run, &Job::Latest, Script::default()).await.unwrap();
        assert_eq!(never.code, Code::NeverReady, "{}", never.line());
        let run = asker("d", 400, IfBusy::Supersede);
        let again = theatre.process("d", &run, &Job::Latest, Script::default()).await.unwrap();
        assert_eq!(again.code, Code::RejectedBefore, "{}", again.line());
        sleep(Duration::from_secs(10)).await;
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
    });
}
