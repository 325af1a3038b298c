use super::*;
use proptest::prelude::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn key(name: &str) -> ServiceKey {
    ServiceKey { namespace: "shop".parse().unwrap(), name: name.parse().unwrap() }
}

#[expect(clippy::unnecessary_wraps, reason = "as a Service is seen")]
fn start(name: &str) -> Option<Wish> {
    Some(Wish::Start(name.to_owned()))
}

fn run(name: &str) -> RunKey {
    ("PipelineRun".to_owned(), "shop".to_owned(), name.to_owned())
}

fn queue(most: usize) -> StartQueue {
    StartQueue::new(Duration::from_secs(1), most, most)
}

fn started(name: &str) -> Came {
    Came::Started(run(name), true)
}

#[test]
fn three_edits_in_a_second_are_one_turn() {
    let mut queue = queue(10);
    for (millis, wish) in [(0, "a"), (400, "b"), (800, "c")] {
        queue.seen(key("hello"), start(wish), at(millis));
    }
    assert_eq!(queue.next(at(1799)), NextTurn::Wait(Some(at(1800))));
    // What else changes moves nothing.
    queue.seen(key("hello"), start("c"), at(1700));
    assert_eq!(queue.next(at(1800)), NextTurn::Act(key("hello")));
    queue.took(&key("hello"), started("r"), at(1800));
    assert_eq!((queue.next(at(9000)), queue.waiting(), queue.running()), (NextTurn::Wait(None), 0, 1));
    // Edits that never rest count all the same.
    for millis in 0..60 {
        queue.seen(key("busy"), start(&format!("{millis}")), at(millis * 100));
    }
    assert_eq!(queue.next(at(5999)), NextTurn::Act(key("busy")));
    // One that was taken back is none.
    queue.seen(key("busy"), None, at(6000));
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn only_so_many_runs_work_at_once() {
    let mut queue = queue(1);
    queue.seen(key("a"), start("1"), at(0));
    queue.seen(key("b"), start("2"), at(1));
    queue.seen(key("c"), Some(Wish::Note("n".into())), at(2));
    assert_eq!(queue.next(at(5000)), NextTurn::Act(key("a")));
    queue.took(&key("a"), started("1"), at(5000));
    assert_eq!(queue.next(at(5000)), NextTurn::Act(key("c")), "what starts nothing waits for nobody");
    queue.took(&key("c"), Came::Done, at(5000));
    assert_eq!(queue.next(at(5000)), NextTurn::Wait(None));
    queue.run_seen(run("1"), key("a"), false, at(5000));
    assert_eq!(queue.next(at(5000)), NextTurn::Wait(None));
    queue.run_seen(run("1"), key("a"), true, at(5000));
    assert_eq!(queue.waiting(), 2, "how it ended is looked at");
    assert_eq!(queue.next(at(5000)), NextTurn::Act(key("b")), "who waits longest comes first");
    queue.took(&key("b"), started("2"), at(5000));
    assert_eq!(queue.next(at(5000)), NextTurn::Act(key("a")));
    queue.took(&key("a"), Came::Done, at(5000));
    // A run that is not known, or was over before, is nobody's news.
    queue.run_seen(run("1"), key("a"), true, at(5000));
    queue.all_runs("TaskRun", Vec::new(), at(5000));
    assert_eq!((queue.running(), queue.waiting()), (1, 0));
    // One that ended while nobody looked.
    queue.all_runs("PipelineRun", vec![(run("3"), key("c"))], at(5000));
    assert_eq!((queue.running(), queue.next(at(5000))), (1, NextTurn::Act(key("b"))));
}

#[test]
fn what_failed_is_tried_again_later_and_later() {
    let mut queue = queue(1);
    queue.seen(key("a"), start("1"), at(0));
    queue.took(&key("a"), Came::Again, at(1000));
    assert_eq!(queue.next(at(1000)), NextTurn::Act(key("a")));
    queue.took(&key("a"), Came::Again, at(1000));
    assert_eq!(queue.next(at(1000)), NextTurn::Wait(Some(at(11_000))));
    for _ in 0..20 {
        queue.took(&key("a"), Came::Later, at(1000));
    }
    assert_eq!(queue.next(at(1000)), NextTurn::Wait(Some(at(301_000))));
    // Another wish has no past.
    queue.seen(key("a"), start("2"), at(2000));
    assert_eq!(queue.next(at(2000)), NextTurn::Wait(Some(at(3000))));
    queue.all(vec![(key("b"), Wish::Start("1".into()))], at(2000));
    assert_eq!(queue.waiting(), 1);
    queue.gone(&key("b"));
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn a_look_that_finds_a_run_due_waits_where_no_other_may_work() {
    let mut queue = queue(1);
    queue.run_seen(run("x"), key("b"), false, at(0));
    queue.seen(key("a"), Some(Wish::Note("n".into())), at(0));
    assert!(queue.is_full(&key("a").namespace) && queue.next(at(1000)) == NextTurn::Act(key("a")));
    queue.took(&key("a"), Came::Full("a-1".into()), at(1000));
    assert_eq!(queue.next(at(1000)), NextTurn::Wait(None));
    queue.run_seen(run("x"), key("b"), true, at(2000));
    assert_eq!(queue.next(at(2000)), NextTurn::Act(key("a")));
}

#[test]
fn a_run_that_nobody_tells_of_is_asked_for_and_let_go_of() {
    let mut queue = queue(1);
    queue.seen(key("a"), start("1"), at(0));
    queue.took(&key("a"), Came::Started(run("1"), false), at(0));
    queue.seen(key("b"), start("2"), at(0));
    assert_eq!(queue.next(at(59_999)), NextTurn::Wait(Some(at(60_000))));
    assert_eq!(queue.next(at(60_000)), NextTurn::Look(run("1")));
    queue.looked(&run("1"), &RunLook::Works, at(60_000));
    assert_eq!(queue.next(at(60_000)), NextTurn::Wait(Some(at(120_000))));
    // One that may not be read counts for as long as its row lets it.
    let unknown = RunLook::Unknown(Duration::from_secs(150));
    queue.looked(&run("1"), &unknown, at(120_000));
    assert_eq!(queue.next(at(120_000)), NextTurn::Wait(Some(at(150_000))));
    queue.looked(&run("1"), &unknown, at(150_000));
    assert_eq!((queue.running(), queue.next(at(150_000))), (0, NextTurn::Act(key("b"))));
    queue.took(&key("b"), Came::Started(run("2"), false), at(150_000));
    queue.looked(&run("2"), &RunLook::Over, at(210_000));
    assert_eq!(queue.running(), 0);
    // One whose news comes all the same is not asked for.
    queue.took(&key("b"), Came::Started(run("3"), false), at(210_000));
    queue.run_seen(run("3"), key("b"), false, at(210_000));
    assert!(!matches!(queue.next(at(999_000)), NextTurn::Look(_)));
}

#[test]
fn one_namespace_does_not_take_every_place() {
    let mut queue = StartQueue::new(Duration::ZERO, 3, 2);
    let other = ServiceKey { namespace: "depot".parse().unwrap(), ..key("z") };
    for name in ["1", "2"] {
        queue.run_seen(run(name), key(&format!("s{name}")), false, at(0));
    }
    queue.seen(key("a"), start("3"), at(1));
    queue.seen(other.clone(), start("4"), at(2));
    assert!(queue.is_full(&key("a").namespace) && !queue.is_full(&other.namespace));
    assert_eq!(queue.next(at(2)), NextTurn::Act(other.clone()));
    queue.took(&other, started("4"), at(2));
    assert!(queue.is_full(&other.namespace), "there is no place at all");
    queue.run_seen(run("1"), key("s1"), true, at(3));
    queue.took(&key("s1"), Came::Done, at(3));
    assert_eq!(queue.next(at(3)), NextTurn::Act(key("a")));
}

#[test]
fn news_of_the_service_forgets_no_end_of_its_run() {
    let mut queue = queue(1);
    queue.ended(key("a"), "a-1", at(0));
    queue.seen(key("a"), None, at(1));
    assert_eq!(queue.next(at(1)), NextTurn::Act(key("a")));
    queue.seen(key("a"), start("a-2"), at(1));
    queue.ended(key("a"), "a-1", at(2));
    assert_eq!(queue.next(at(2)), NextTurn::Wait(Some(at(1001))), "another goal is noted with it");
    queue.gone(&key("a"));
    assert_eq!(queue.waiting(), 0);
}

proptest! {
    #[test]
    fn nobody_is_forgotten_and_never_too_many_work(
        story in proptest::collection::vec((0u8..4, 0u8..5, 0u8..3, 0i64..3000), 0..60)
    ) {
        let mut queue = queue(2);
        let namespace = key("s").namespace;
        let mut now = 0;
        for (what, who, wish, pause) in story {
            now += pause;
            let who = key(&format!("s{who}"));
            match what {
                0 => queue.seen(who, start(&wish.to_string()), at(now)),
                1 => if let NextTurn::Act(key) = queue.next(at(now)) {
                    let started = run(&format!("{}-{now}", key.name));
                    let came = match wish {
                        0 => Came::Later,
                        _ if queue.is_full(&namespace) => Came::Full("due".into()),
                        _ => Came::Started(started, wish == 1),
                    };
                    queue.took(&key, came, at(now));
                },
                2 => if let Some((run, of)) = queue.running.clone().into_iter().next() { queue.run_seen(run, of.service, true, at(now)); },
                _ => queue.seen(who, None, at(now)),
            }
            prop_assert!(queue.running() <= 2);
        }
        // In the end everybody who waits has a turn.
        let mut turns = 0;
        while queue.waiting() > 0 {
            queue.running.clear();
            now += 400_000;
            let NextTurn::Act(key) = queue.next(at(now)) else { panic!("somebody waits for ever") };
            queue.took(&key, Came::Done, at(now));
            turns += 1;
        }
        prop_assert!(turns <= 5);
    }
}

#[test]
fn what_is_suspended_with_its_namespace_waits_for_the_end_of_that() {
    let mut queue = queue(1);
    queue.seen(key("a"), start("1"), at(0));
    queue.took(&key("a"), Came::Held, at(1000));
    assert_eq!((queue.next(at(900_000_000)), queue.pending()), (NextTurn::Wait(Some(Timestamp::MAX)), 0));
    // The same edit moves nothing, another one rests and is looked at.
    queue.seen(key("a"), start("1"), at(900_000_000));
    queue.seen(key("a"), start("2"), at(900_000_500));
    assert_eq!(queue.next(at(900_000_500)), NextTurn::Wait(Some(at(900_001_500))));
    queue.took(&key("a"), Came::Held, at(900_001_500));
    queue.lifted(|of| of.as_str() == "another", at(900_002_000));
    assert_eq!(queue.next(at(900_002_000)), NextTurn::Wait(Some(Timestamp::MAX)));
    queue.lifted(|of| of.as_str() == "shop", at(900_003_000));
    assert_eq!((queue.next(at(900_003_000)), queue.pending()), (NextTurn::Act(key("a")), 1));
    queue.took(&key("a"), started("r"), at(900_003_000));
    assert_eq!((queue.pending(), queue.waiting()), (0, 0));
}
