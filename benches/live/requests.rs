//! What releases that go well ask of the API server, and what they take on the machine that runs them.

use super::figures::{figure, load};
use super::meter::Taken;
use super::runs::{Ran, Runner};
use crate::cluster::support::{Asked, FaultProxy};
use std::thread::sleep;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);
const VERBS: [&str; 6] = ["get", "list", "watch", "create", "patch", "delete"];
const STAGE_V1: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v1"];
const STAGE_V2: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
const WALK: [&str; 8] = ["walk", "hello", "--steps", "1,5,25,50,100", "--dwell", "2s", "--bake", "2s"];

/// A count of requests.
struct Counted(Vec<Asked>);

impl Counted {
    fn of(&self, verb: &str) -> usize {
        self.0.iter().filter(|asked| asked.verb == verb).count()
    }

    /// By verb, in words: `3 get, 1 list`.
    fn words(&self) -> String {
        if self.0.is_empty() {
            return "none".into();
        }
        let some = VERBS.iter().map(|verb| (self.of(verb), verb)).filter(|(n, _)| *n > 0);
        some.map(|(n, verb)| format!("{n} {verb}")).collect::<Vec<_>>().join(", ")
    }

    fn print(&self, name: &str, how: &str) {
        figure(&format!("requests.{name}"), self.0.len(), "requests", &format!("{}; {how}", self.words()));
    }
}

pub fn measure(runner: Runner) {
    counted(runner);
    dwelling(runner);
    taken(runner);
}

/// A five-step release, each process through the counting proxy, as steps of a pipeline.
fn counted(runner: Runner) {
    load("before a release is counted");
    let proxy = FaultProxy::start();
    let (_, stage) = through(&proxy, runner, &STAGE_V2, "staged");
    stage.print("stage", "new image to ready at 0 %, as a step of a pipeline");
    let (ran, walk) = through(&proxy, runner, &WALK, "finished");
    runner.space.answers("hello", "v2", 5);
    walk.print("walk", "1,5,25,50,100 %, dwell and bake of 2 s, as a step of a pipeline");
    for verb in ["get", "list", "watch", "patch"] {
        figure(&format!("requests.walk.{verb}"), walk.of(verb), "requests", "of that walk");
    }
    figure("requests.walk.events", walk.of("create"), "requests", "of that walk: Events, for which nobody waits");
    figure("requests.release", stage.0.len() + walk.0.len(), "requests", "stage and walk together");
    figure("walk.time", format!("{:.1}", ran.took.as_secs_f64()), "s", "that walk; 10 s of it are dwell and bake");
}

/// A walk that stays at its first step for 20 s.
fn dwelling(runner: Runner) {
    load("before a long dwell");
    let proxy = FaultProxy::start();
    through(&proxy, runner, &STAGE_V1, "staged");
    let before = proxy.asked().len();
    let arguments = ["walk", "hello", "--steps", "50,100", "--dwell", "20s", "--bake", "0s"];
    let walk = runner.start_as_step(&arguments, proxy.kubeconfig());
    walk.line("step 1 of 2 is served", LIMIT);
    let served = proxy.asked().len();
    sleep(Duration::from_secs(19));
    let dwelt = Counted(proxy.asked().split_off(served));
    walk.ended(0, "finished", LIMIT);
    runner.space.answers("hello", "v1", 5);
    dwelt.print("dwelling", "in 19 s of a dwell of 20 s");
    let all = Counted(proxy.asked().split_off(before));
    all.print("walk.two-steps", "50,100 %, dwell of 20 s, no bake");
}

/// The same five-step release with nothing in between: TLS to the API server, probes through the gateway.
fn taken(runner: Runner) {
    load("before a release is weighed");
    let ran = runner.start(&STAGE_V2).ended(0, "staged", LIMIT);
    print("stage", &ran.taken, "stage, TLS to the API server");
    let via = format!("http://{}", runner.space.cluster.gateway);
    let mut arguments = WALK.to_vec();
    arguments.extend(["--probe", "/healthz", "--via", &via]);
    let ran = runner.start(&arguments).ended(0, "finished", LIMIT);
    runner.space.answers("hello", "v2", 5);
    print("walk", &ran.taken, "five-step walk of dwell 2 s with a probe each second, TLS to the API server");
}

fn print(name: &str, taken: &Taken, how: &str) {
    figure(&format!("memory.{name}.peak"), taken.peak_kib, "KiB", &format!("VmHWM of {how}"));
    let ms = format!("{:.0}", taken.cpu().as_secs_f64() * 1e3);
    figure(&format!("cpu.{name}"), ms, "ms", "its time on a processor");
}

fn through(proxy: &FaultProxy, runner: Runner, arguments: &[&str], end: &str) -> (Ran, Counted) {
    let before = proxy.asked().len();
    let ran = runner.start_as_step(arguments, proxy.kubeconfig()).ended(0, end, LIMIT);
    (ran, Counted(proxy.asked().split_off(before)))
}
