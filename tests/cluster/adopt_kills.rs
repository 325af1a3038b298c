//! Into care and out of it, killed exactly before and exactly after each write, and run again: what stands there then is what stands
//! there where nobody was killed.

use super::support::*;
use serde_json::{Value, json};

const POINTS: [(Point, &str); 2] = [(Point::Before, "before"), (Point::After, "after")];
/// What writes of a Service and of its Revisions have in their paths; dry runs begin otherwise.
const WRITE: [&str; 2] = ["/serving.knative.dev/", "?fieldManager="];
const ADOPT: [&str; 4] = ["--pipeline", "ship-it", "--param", "note=a"];

/// Everything that has to be as if nobody had been killed.
fn picture(space: &Space, name: &str) -> Value {
    space.settled(name);
    let service = space.service(name);
    let floors: Vec<Value> = space
        .list("revision", &format!("serving.knative.dev/service={name}"))
        .iter()
        .map(|revision| revision["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"].clone())
        .collect();
    json!({"like": likeness(space, name), "ours": ours(space, name), "floors": floors,
        "params": service["metadata"]["annotations"]["andante.dev/params"]})
}

/// How many writes were asked for.
fn writes(proxy: &FaultProxy) -> usize {
    let is_write = |asked: &&Asked| asked.verb == "patch" && WRITE.iter().all(|part| asked.path.contains(part));
    proxy.asked().iter().filter(is_write).count()
}

/// Runs a command on a Service that nobody touched before, kills it at each of its writes on both sides, runs it again, and holds
/// what is there then to what one leaves that was not killed. How many writes there are.
#[track_caller]
fn killed_everywhere(test: &str, prepare: impl Fn(&Space, &str), command: &str, flags: &[&str]) -> usize {
    killed_in(&Space::new(test), prepare, command, flags)
}

/// The same with the policies of `config/care`.
#[track_caller]
fn killed_in_care(test: &str, prepare: impl Fn(&Space, &str), command: &str, flags: &[&str]) -> usize {
    let (space, _care) = in_care(test, "care");
    killed_in(&space, prepare, command, flags)
}

#[track_caller]
fn killed_in(space: &Space, prepare: impl Fn(&Space, &str), command: &str, flags: &[&str]) -> usize {
    let arguments =
        |name: &str| -> Vec<String> { [&[command, name], flags].concat().into_iter().map(str::to_owned).collect() };
    let run = |proxy: &FaultProxy, name: &str| {
        let arguments = arguments(name);
        proxy.andante(space, "run", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let gone = |name: &str| space.kubectl(&["delete", "ksvc", name, "--wait=false"]).good();
    prepare(space, "calm");
    let proxy = FaultProxy::start();
    run(&proxy, "calm").wait(LONG).ended(0);
    let (count, calm) = (writes(&proxy), picture(space, "calm"));
    eprintln!("{command} {flags:?}: {count} writes, and then {calm:#}");
    assert!(count > 0, "{command} writes nothing");
    gone("calm");
    for write in 1..=count {
        for (point, side) in POINTS {
            let name = format!("{side}-{write}");
            prepare(space, &name);
            let proxy = FaultProxy::start();
            let gate = proxy.hold(When::next("patch").with(WRITE[0]).with(WRITE[1]).nth(write), point);
            let first = run(&proxy, &name);
            gate.reached(LONG);
            assert_eq!(first.kill().code, -1, "killed");
            gate.shut();
            proxy.behave();
            let mut again = run(&proxy, &name).wait(LONG);
            // Whoever comes before Knative has taken up what was written is told to come again, and writes nothing.
            if again.code == 3 {
                again.ends_with("try again in a moment");
                space.settled(&name);
                again = run(&proxy, &name).wait(LONG);
            }
            again.ended(0);
            assert_eq!(picture(space, &name), calm, "{command} killed {side} write {write}");
            gone(&name);
        }
    }
    count
}

fn adopted(space: &Space, name: &str) {
    space.serve(&sample(name, "v1"));
    space.andante(&[&["adopt", name], &ADOPT[..]].concat()).ended(0);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_adoption_killed_at_its_write() {
    let serve = |space: &Space, name: &str| space.serve(&sample(name, "v1"));
    assert_eq!(killed_everywhere("adopt-kill", serve, "adopt", &ADOPT), 1, "one write");
}

/// Where no policies are, the mark of a broken glass is taken away in a write of its own.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_leaving_care_killed_at_its_writes() {
    assert_eq!(killed_everywhere("detach-kill", adopted, "detach", &[]), 2);
}

/// The template is that of a candidate that was rejected.
fn rejected(space: &Space, name: &str) {
    adopted(space, name);
    space.andante(&["roll-out", name, "--image", "dev.local/andante-sample:crash", "--grace", "2s"]).ended(11);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_leaving_care_with_its_template_killed_at_its_writes() {
    let writes = killed_everywhere("detach-kill-template", rejected, "detach", &["--restore-template"]);
    assert!(writes >= 3, "the template, the split, and what is ours: {writes}");
}

/// With the policies nothing takes the mark away but they, in the same write, and nothing else of it is put back by them.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_policies_let_an_adoption_and_a_leave_through_that_are_killed() {
    let serve = |space: &Space, name: &str| space.serve(&sample(name, "v1"));
    assert_eq!(killed_in_care("adopt-kill-care", serve, "adopt", &ADOPT), 1, "one write");
    assert_eq!(killed_in_care("detach-kill-care", adopted, "detach", &[]), 1, "one write");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_policies_let_a_leave_with_its_template_through_that_is_killed() {
    let writes = killed_in_care("detach-kill-tpl-care", rejected, "detach", &["--restore-template"]);
    assert!(writes >= 3, "the template, the split, and what is ours: {writes}");
}
