//! A revert is a release: what serves is rolled out again after something else was rolled back.

use super::check::{self, entries};
use super::exhaustive::{Case, exhaust};
use super::fault::{Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::settle::To;
use andante::model::outcome::{Code, Outcome};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn walk() -> Job {
    Job::Walk(plan(&[10, 50, 100], 20, 60, None), Looks { probe: true, ..Looks::default() })
}

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

#[test]
fn a_revert_after_a_rollback_whatever_happens() {
    exhaust(&Case {
        name: "revert",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("flaky-probe:2-20"), None), (walk(), None)],
        job: stage("ok:1"),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn a_revert_of_what_never_started_whatever_happens() {
    exhaust(&Case {
        name: "revert of what never started",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("crash-start:2"), None)],
        job: stage("ok:1"),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn a_revert_of_one_who_is_pinned_whatever_happens() {
    exhaust(&Case {
        name: "revert of one who is pinned",
        traffic: json!([{"revisionName": "hello-00001", "percent": 100}]),
        images: &["ok:1"],
        before: vec![(stage("crash-start:2"), None)],
        job: stage("ok:1"),
        code: Code::Done,
        leaves: "hello-00001=100",
    });
}

/// What serves is wanted in the middle of somebody's walk.
#[test]
fn a_revert_in_mid_walk_whatever_happens() {
    exhaust(&Case {
        name: "revert in mid-walk",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None), (walk(), Some(Crash::After(7))), (settle(), None)],
        job: stage("ok:1"),
        code: Code::Done,
        leaves: "latest=100",
    });
}

fn settle() -> Job {
    Job::Settle { to: None, any: false }
}

/// What is done in turn, by one run after the other unless it says whose it is.
enum Deed {
    Play(Job),
    /// Other bytes are pushed under an image, and the registry says nothing from then on.
    Pushed(&'static str),
    /// New revisions of an image crash from now on.
    Broken(&'static str),
    /// They start again.
    Mended(&'static str),
    /// Somebody sets an image with kubectl.
    Image(&'static str),
    /// Somebody sets a limit with kubectl.
    Limit,
}

/// How all jobs ended, the Service and what users got, whom the record rejects.
struct Left {
    ends: Vec<Outcome>,
    split: String,
    image: String,
    served: Vec<(String, i64)>,
    rejected: Vec<String>,
    revisions: usize,
}

fn after(traffic: &Value, deeds: Vec<Deed>) -> Left {
    let traffic = traffic.clone();
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        world.move_traffic(&traffic).unwrap();
        sleep(Duration::from_secs(10)).await;
        let prologue = world.scene_is_set();
        let mut ends = vec![];
        for (i, deed) in deeds.into_iter().enumerate() {
            let label = format!("run-{i}");
            // A run settles only what is its own.
            let person = matches!(deed, Deed::Play(Job::Settle { .. }));
            let who = if person { "@kim" } else { &label };
            let asker = asker(who, i as u64 + 1, IfBusy::Supersede);
            match deed {
                Deed::Pushed(image) => world.with(|s| {
                    s.push_again(image);
                    s.registry_answers = false;
                }),
                Deed::Broken(image) => drop(world.with(|s| s.broken.insert(image.to_owned()))),
                Deed::Mended(image) => drop(world.with(|s| s.broken.remove(image))),
                Deed::Image(image) => world.deploy_image(image).unwrap(),
                Deed::Limit => world.edit(|o| o["spec"]["template"]["spec"]["timeoutSeconds"] = json!(7)).unwrap(),
                Deed::Play(job) => ends.extend(theatre.process(&label, &asker, &job, Script::default()).await),
            }
            sleep(Duration::from_secs(60)).await;
        }
        let story = theatre.story(prologue);
        assert_eq!(check::all(&story), Vec::<String>::new(), "{}", theatre.print(prologue));
        let service = world.service().unwrap();
        // Nobody follows latest while that is what was rejected.
        for write in story.writes().iter().filter(|w| w.who.run.is_some()) {
            let follows = entries(&write.after).iter().any(|e| e.name.is_none() && e.percent > 0);
            assert!(!follows || write.truth.latest_ready == write.truth.latest_created, "{}", theatre.print(prologue));
        }
        let rejected = check::record(&service).map(|r| r.rejected).unwrap_or_default();
        Left {
            ends,
            split: brief(&service),
            image: service["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned(),
            served: world.served_now(),
            rejected: rejected.iter().map(|r| r.revision.to_string()).collect(),
            revisions: world.with(|s| s.revisions.len()),
        }
    })
}

fn all_on(name: &str) -> Vec<(String, i64)> {
    vec![(name.to_owned(), 100)]
}

#[test]
fn the_old_image_after_a_rollback_makes_the_template_good_and_latest_is_followed_again() {
    use Deed::Play;
    let left = after(&latest(), vec![Play(stage("crash-start:2")), Play(stage("ok:1")), Play(stage("ok:1"))]);
    assert_eq!(left.ends[0].code, Code::NeverReady);
    assert_eq!((left.ends[1].code, left.ends[1].word), (Code::Done, "reverted"), "{}", left.ends[1].line());
    assert_eq!(left.ends[1].candidate.as_ref().unwrap().as_str(), "hello-00003");
    assert!(left.ends[1].digest.is_some() && left.ends[1].line().contains("traffic now: latest 100 %"));
    assert_eq!(left.ends[2].word, "unchanged", "a second time there is nothing to do: {}", left.ends[2].line());
    assert_eq!((left.split.as_str(), left.image.as_str()), ("latest=100", "ok:1"));
    assert_eq!((left.served, left.revisions), (all_on("hello-00003"), 3));
    assert_eq!(left.rejected, ["hello-00002"], "the bad one stays rejected");
}

#[test]
fn who_is_pinned_stays_so_and_is_told_once() {
    use Deed::Play;
    let pinned = json!([{"revisionName": "hello-00001", "percent": 100}]);
    let left = after(&pinned, vec![Play(stage("crash-start:2")), Play(stage("ok:1")), Play(stage("ok:1"))]);
    let words: Vec<_> = left.ends.iter().map(|end| end.word).collect();
    assert_eq!(words, ["never-ready", "reverted", "unchanged"], "{}", left.ends[2].line());
    assert_eq!((left.split.as_str(), left.image.as_str()), ("hello-00001=100", "ok:1"));
    assert_eq!((left.served, left.revisions), (all_on("hello-00001"), 3));
}

#[test]
fn a_revert_that_never_gets_ready_moves_nobody_blames_nobody_and_may_be_tried_again() {
    use Deed::{Broken, Mended, Play};
    let bad = || vec![Play(stage("crash-start:2")), Broken("ok:1"), Play(stage("ok:1"))];
    let left = after(&latest(), bad());
    assert_eq!(left.ends[1].code, Code::NeverReady, "{}", left.ends[1].line());
    assert_eq!((left.split.as_str(), left.image.as_str()), ("hello-00001=100", "ok:1"));
    assert_eq!((left.served, left.rejected), (all_on("hello-00001"), vec!["hello-00002".to_owned()]));
    let mut mended = bad();
    mended.extend([Mended("ok:1"), Play(stage("ok:1"))]);
    let left = after(&latest(), mended);
    assert_eq!(left.ends[2].word, "reverted", "{}", left.ends[2].line());
    assert_eq!((left.split.as_str(), left.served), ("latest=100", all_on("hello-00004")));
}

#[test]
fn other_bytes_under_the_old_words_are_a_candidate_like_any_other() {
    use Deed::{Play, Pushed};
    let left = after(&latest(), vec![Play(stage("crash-start:2")), Pushed("ok:1"), Play(stage("ok:1"))]);
    assert_eq!((left.ends[1].code, left.ends[1].word), (Code::Done, "staged"), "{}", left.ends[1].line());
    assert_eq!(left.served, all_on("hello-00001"));
}

#[test]
fn what_somebody_else_set_since_gives_way_only_to_just_what_was_asked_for() {
    use Deed::{Image, Limit, Play};
    // Their image is replaced by the one that is asked for; their limit is not.
    let left = after(&latest(), vec![Play(stage("crash-start:2")), Image("ok:9"), Play(stage("ok:1"))]);
    assert_eq!((left.ends[1].word, left.image.as_str()), ("reverted", "ok:1"), "{}", left.ends[1].line());
    let left = after(&latest(), vec![Play(stage("crash-start:2")), Limit, Play(stage("ok:1"))]);
    assert_eq!((left.ends[1].word, left.image.as_str()), ("unchanged", "crash-start:2"), "{}", left.ends[1].line());
}

#[test]
fn a_newer_run_that_wants_what_serves_takes_users_back_and_the_template_too() {
    use Deed::Play;
    let own = |label: &str| asker(label, 1, IfBusy::Supersede);
    let left = simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        theatre.process("a", &own("a"), &stage("ok:2"), Script::default()).await;
        let job = Job::Walk(plan(&[50, 100], 600, 60, None), Looks::default());
        let first = own("a");
        let killed = theatre.process("a-walk", &first, &job, Script::default());
        tokio::time::timeout(Duration::from_secs(20), killed).await.unwrap_err();
        let half = world.served_now();
        let newer = asker("b", 2, IfBusy::Supersede);
        let end = theatre.process("b", &newer, &stage("ok:1"), Script::default()).await.unwrap();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
        (half, end, brief(&world.service().unwrap()), world.served_now())
    });
    assert_eq!(left.0, [("hello-00001".to_owned(), 50), ("hello-00002".to_owned(), 50)]);
    assert_eq!(left.1.word, "reverted", "{}", left.1.line());
    assert_eq!((left.2.as_str(), left.3), ("latest=100", all_on("hello-00003")));
    // Nothing of a rollout is left behind that the next one has to take over.
    let left = after(&latest(), vec![Play(stage("crash-start:2")), Play(stage("ok:1")), Play(stage("ok:3"))]);
    assert_eq!(left.ends[2].word, "staged", "{}", left.ends[2].line());
}

#[test]
fn a_way_back_from_a_revert_blames_nobody() {
    use Deed::Play;
    let back = Job::Settle { to: Some(To::Stable), any: true };
    let left =
        after(&latest(), vec![Play(stage("crash-start:2")), Play(stage("ok:1")), Play(back), Play(stage("ok:1"))]);
    assert_eq!(left.ends[2].code, Code::Done, "{}", left.ends[2].line());
    assert!(!matches!(left.ends[3].code, Code::RejectedBefore), "{}", left.ends[3].line());
    assert_eq!(left.split, "latest=100");
}
