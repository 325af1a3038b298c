//! Real rollouts on the model: the machines of the library under its real runner, as processes that can be killed.

use super::fault::Script;
use super::goal_made::{rollout_id, settle_goal, tags, walk_goal};
use super::handle::Handle;
use super::prober::SimProber;
use super::punctual::Punctual;
use super::sink::SimSink;
use super::source::SimSource;
use super::story::{Ended, Story};
use super::time::{SimClock, stamp};
use super::world::World;
use andante::machine::apply::{Foreseen, WantedService};
use andante::machine::care::adopt::{Adopt, AdoptGoal};
use andante::machine::care::detach::{Detach, DetachGoal, IfMoves};
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::next::Machine;
use andante::machine::settle::{Settle, SettleGoal, To};
use andante::machine::stage::{Stage, StageGoal, Want};
use andante::machine::standing::Claimant;
use andante::machine::walk::{Walk, WalkGoal};
use andante::machine::world::Signal;
use andante::model::name::{GoalId, RevisionName};
use andante::model::outcome::{Code, Outcome};
use andante::model::template::TemplateChange;
use andante::rollout::declaration::part::DeclaredPart;
use andante::rollout::goal::CapacityGoal;
use andante::rollout::owner::{Owner, OwnerKind};
use andante::rollout::plan::{Plan, Step, Style};
use andante::rollout::told::Told;
use andante::run::apply::apply;
use andante::run::ports::{NoSource, Ports};
use andante::run::{Limits, run};
use serde_json::Value;
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// What a process is told to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Job {
    /// Stage an image.
    Stage { image: String, again: bool },
    /// Stage an image under a name of its own for the revision.
    Named { image: String, name: String },
    /// Stage the template of a file.
    File(Value),
    /// Take up a revision that is there.
    TakeUp(Option<RevisionName>),
    /// Take up what the present template made.
    Latest,
    /// Walk by a plan.
    Walk(Plan, Looks),
    /// Settle; of one's own run alone, or whosever it is.
    Settle { to: Option<To>, any: bool },
    /// Take the Service into care of this pipeline.
    Adopt(&'static str),
    /// Take it out of care.
    Detach(IfMoves),
    /// The same with `--restore-template`.
    Restoring(Box<Self>),
    /// Apply a file with this image, which declares this pipeline or none.
    Apply { image: &'static str, pipeline: Option<&'static str> },
}

/// What a walk looks at beside readiness and replicas.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Looks {
    /// The candidate's own address.
    pub(crate) probe: bool,
    /// The evidence.
    pub(crate) evidence: bool,
    /// A gate of the owner's.
    pub(crate) gates: bool,
    /// Counters of the owner's own, compared.
    pub(crate) compare: bool,
    /// The pods of both revisions.
    pub(crate) restarts: bool,
}

/// A plan of so many percents, with the same dwell everywhere.
pub(crate) fn plan(percents: &[i64], dwell: u64, bake: u64, approve: Option<i64>) -> Plan {
    let step = |p: &i64| Step {
        percent: (*p).try_into().unwrap(),
        dwell: Duration::from_secs(if *p == 100 { 0 } else { dwell }),
        approval: approve == Some(*p),
    };
    let (bake, approval_timeout) = (Duration::from_secs(bake), Duration::from_secs(120));
    let (keep, declared) = (0.try_into().unwrap(), false);
    Plan { style: Style::Canary, steps: percents.iter().map(step).collect(), bake, keep, approval_timeout, declared }
}

/// Who runs something: a PipelineRun, or a person.
pub(crate) fn asker(name: &str, intent: u64, if_busy: IfBusy) -> Asker {
    let (kind, name) = match name.strip_prefix('@') {
        Some(person) => (OwnerKind::Person, person.to_owned()),
        None => (OwnerKind::PipelineRun, format!("ns/{name}")),
    };
    let owner = Owner { kind, uid: format!("uid-{name}"), name };
    Asker { owner, intent: stamp(Duration::from_secs(intent)), if_busy, force: false }
}

/// A simulation: one cluster, what its runs said, and how they ended.
#[derive(Clone)]
pub(crate) struct Theatre {
    pub(crate) world: World,
    pub(crate) sink: SimSink,
    ended: Rc<RefCell<Vec<Ended>>>,
    signals: Rc<RefCell<BTreeMap<String, UnboundedSender<Signal>>>>,
    calls: Rc<RefCell<BTreeMap<String, usize>>>,
    writes: Rc<RefCell<BTreeMap<String, usize>>>,
    complaints: Rc<RefCell<Vec<String>>>,
    seed: u64,
    /// What the deciding task of the run that settles said.
    pub(crate) told: Rc<RefCell<Option<Told>>>,
    /// The gateway neither restarts nor fails.
    pub(crate) calm: bool,
    /// Every process does what is due and exits (`--once`); by this plan.
    pub(crate) once: Option<Plan>,
    /// The declared goals that runs were started for (`--goal`), by the name of the run.
    goals: Rc<RefCell<BTreeMap<String, GoalId>>>,
}

impl Theatre {
    pub(crate) fn new(seed: u64) -> Self {
        // The library's own jitter must repeat itself too.
        fastrand::seed(seed);
        let (ended, signals, calls, writes, complaints) = Default::default();
        let (told, goals) = Default::default();
        let (world, sink) = (World::new("hello", seed), SimSink::default());
        Self { world, sink, ended, signals, calls, writes, complaints, seed, told, calm: false, once: None, goals }
    }

    /// From now on the processes of this run work for this goal.
    pub(crate) fn set_goal(&self, run: &Asker, goal: GoalId) {
        self.goals.borrow_mut().insert(run.owner.name.clone(), goal);
    }

    /// The stage of most plays: a Service that follows latest and serves this image, at rest; `calm`: so is the gateway.
    pub(crate) async fn serving(seed: u64, image: &str, calm: bool) -> Self {
        let theatre = Self { calm, ..Self::new(seed) };
        let world = &theatre.world;
        world.deploy(&world.plain(image)).await;
        world.move_traffic(&json!([{"latestRevision": true, "percent": 100}])).unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        theatre
    }

    /// Runs one process until it ends, or is killed where its script says. A late reader finds its end in the story.
    pub(crate) async fn process(&self, label: &str, asker: &Asker, job: &Job, script: Script) -> Option<Outcome> {
        let (job, restore_template) = match job {
            Job::Restoring(job) => (&**job, true),
            job => (job, false),
        };
        let prober = SimProber::new(&self.world, label, script.cut_off.clone());
        let handle = Handle::new(&self.world, label, script);
        let (sender, mut signals) = tokio::sync::mpsc::unbounded_channel();
        self.signals.borrow_mut().insert(label.to_owned(), sender);
        let mut sink = self.sink.of(label);
        let goal = self.goals.borrow().get(&asker.owner.name).cloned();
        let hold = Claimant::new(asker.clone(), label.to_owned()).against(goal);
        let (clock, limits) = (self.clock_of(label), Limits::default());
        let work = async {
            match job {
                Job::Stage { .. } | Job::Named { .. } | Job::File(_) | Job::TakeUp(_) | Job::Latest => {
                    let ports = Ports { cluster: &handle, prober: &prober, source: &NoSource, clock: &clock };
                    let goal = StageGoal { restore_template, ..self.stage_goal(label, job) };
                    let mut machine = self.watched(label, Stage::new(goal, hold));
                    run(&mut machine, ports, &mut sink, &mut signals, limits).await
                }
                Job::Walk(plan, looks) => {
                    let source = SimSource::new(&self.world, label, self.seed, self.calm, &clock);
                    if looks.gates {
                        self.world.with(|s| s.log.has_gate.insert(label.to_owned()));
                    }
                    let ports = Ports { cluster: &handle, prober: &prober, source: &source, clock: &clock };
                    let goal = WalkGoal { restore_template, ..self.walk_goal(plan, *looks) };
                    let mut machine = self.watched(label, Walk::new(goal, hold));
                    run(&mut machine, ports, &mut sink, &mut signals, limits).await
                }
                Job::Adopt(pipeline) => {
                    let goal = AdoptGoal {
                        service: self.world.name().parse().unwrap(),
                        declares: vec![(DeclaredPart::Pipeline, (*pipeline).to_owned())],
                        tags: tags(),
                        id: rollout_id(label),
                        dry_run: false,
                        names_only: false,
                    };
                    let ports = Ports { cluster: &handle, prober: &prober, source: &NoSource, clock: &clock };
                    let mut machine = self.watched(label, Adopt::new(goal, hold));
                    let machine: &mut dyn Machine = &mut machine;
                    run(machine, ports, &mut sink, &mut signals, limits).await
                }
                Job::Apply { image, pipeline } => {
                    let file = self.file(image, *pipeline);
                    let wanted = WantedService::of(file, None).unwrap();
                    // What people did with kubectl is to be the file's.
                    let take_over = ["kubectl".to_owned()];
                    let adopt = async |foreseen: &Foreseen| {
                        let goal = AdoptGoal {
                            service: self.world.name().parse().unwrap(),
                            declares: foreseen.declares.clone(),
                            tags: tags(),
                            id: rollout_id(label),
                            dry_run: false,
                            names_only: false,
                        };
                        let ports = Ports { cluster: &handle, prober: &prober, source: &NoSource, clock: &clock };
                        let mut machine = self.watched(label, Adopt::new(goal, hold.clone()));
                        let machine: &mut dyn Machine = &mut machine;
                        let end = run(machine, ports, &mut sink, &mut signals, limits).await;
                        if end.code == Code::Done { Ok(()) } else { Err(Box::new(end)) }
                    };
                    match apply(&handle, &wanted, &take_over, limits.patience, adopt).await {
                        Ok(_) => Outcome::new(Code::Done, "applied"),
                        Err(end) => *end,
                    }
                }
                Job::Detach(if_moves) => {
                    let (service, id) = (self.world.name().parse().unwrap(), rollout_id(label));
                    let goal = DetachGoal { service, if_moves: *if_moves, tags: tags(), id, dry_run: false };
                    let ports = Ports { cluster: &handle, prober: &prober, source: &NoSource, clock: &clock };
                    let mut machine = self.watched(label, Detach::new(goal, hold));
                    let machine: &mut dyn Machine = &mut machine;
                    run(machine, ports, &mut sink, &mut signals, limits).await
                }
                Job::Restoring(_) => unreachable!("once is enough"),
                Job::Settle { to, any } => {
                    let rollout = if *any { None } else { Some(asker.owner.uid.clone()) };
                    let ports = Ports { cluster: &handle, prober: &prober, source: &NoSource, clock: &clock };
                    let goal = SettleGoal { restore_template, ..settle_goal(label, rollout, to.clone()) };
                    let settle = Settle::new(goal, hold).told(self.told.borrow().clone());
                    let mut machine = self.watched(label, settle);
                    run(&mut machine, ports, &mut sink, &mut signals, limits).await
                }
            }
        };
        // Whoever drops this future has killed the process as well.
        let guard = Guard { theatre: self.clone(), label: label.to_owned(), handle: handle.clone(), outcome: None };
        let mut guard = guard;
        tokio::select! {
            biased;
            () = handle.killed() => None,
            () = clock.spins() => {
                self.complaints.borrow_mut().push(format!("{label} spins instead of waiting"));
                None
            }
            outcome = work => {
                guard.outcome = Some(outcome.clone());
                Some(outcome)
            }
        }
    }

    /// The clock of a process: most are right, some are off by what nobody notices, some by minutes or hours. The first
    /// answer sets those, and a process asks for the time before it begins.
    fn clock_of(&self, label: &str) -> SimClock {
        let clock = self.world.clock();
        if self.calm {
            return clock;
        }
        let seed = label.bytes().fold(self.seed, |seed, b| seed.wrapping_mul(31).wrapping_add(u64::from(b)));
        let mut rng = fastrand::Rng::with_seed(seed);
        let ahead = match rng.u8(..10) {
            0..6 => 0,
            6..8 => rng.i64(-2000..=2000),
            8 => rng.i64(-600_000..=600_000),
            _ => rng.i64(-7_200_000..=7_200_000),
        };
        let clock = clock.ahead(ahead);
        clock.align();
        clock
    }

    fn watched<M>(&self, label: &str, machine: M) -> Punctual<M> {
        Punctual { machine, label: label.to_owned(), complaints: self.complaints.clone() }
    }

    fn file(&self, image: &str, pipeline: Option<&str>) -> Value {
        let mut file = self.world.plain(image);
        if let Some(pipeline) = pipeline {
            file["metadata"]["annotations"] = json!({"andante.dev/pipeline": pipeline});
        }
        file
    }

    fn stage_goal(&self, label: &str, job: &Job) -> StageGoal {
        let want = match job {
            Job::TakeUp(name) => Want::Revision(name.clone()),
            Job::Latest => Want::Latest,
            Job::Named { image, name } => Want::Template(Box::new(TemplateChange {
                image: Some(image.clone()),
                revision_name: Some(name.parse().unwrap()),
                ..TemplateChange::default()
            })),
            Job::File(template) => {
                Want::Template(Box::new(TemplateChange { file: Some(template.clone()), ..TemplateChange::default() }))
            }
            Job::Stage { image, again } => Want::Template(Box::new(TemplateChange {
                image: Some(image.clone()),
                again: again.then(|| label.to_owned()),
                ..TemplateChange::default()
            })),
            _ => unreachable!("only for staging"),
        };
        StageGoal {
            service: self.world.name().parse().unwrap(),
            want,
            manifest: None,
            stable: None,
            tags: tags(),
            again: matches!(job, Job::Stage { again: true, .. }),
            deadline: Duration::from_secs(120),
            grace: Duration::from_secs(10),
            hold_for: Duration::from_secs(120),
            capacity: CapacityGoal::default(),
            goes_on: self.once.clone(),
            restore_template: false,
            id: rollout_id(label),
        }
    }

    fn walk_goal(&self, plan: &Plan, looks: Looks) -> WalkGoal {
        WalkGoal { once: self.once.is_some(), ..walk_goal(plan, looks) }
    }

    /// Sends a signal to a process, if it lives.
    pub(crate) fn signal(&self, label: &str, signal: Signal) {
        if let Some(sender) = self.signals.borrow().get(label) {
            sender.send(signal).ok();
        }
    }

    /// The processes that live now.
    pub(crate) fn living(&self) -> Vec<String> {
        self.signals.borrow().keys().cloned().collect()
    }

    /// What is wrong with the way in which runs behave, whatever they wrote.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.borrow().clone()
    }

    /// How many calls a process made.
    pub(crate) fn calls(&self, label: &str) -> usize {
        self.calls.borrow().get(label).copied().unwrap_or(0)
    }

    /// How many writes of the Service a process tried.
    pub(crate) fn writes(&self, label: &str) -> usize {
        self.writes.borrow().get(label).copied().unwrap_or(0)
    }

    /// The story so far.
    pub(crate) fn story(&self, prologue: usize) -> Story {
        self.world.story(prologue, self.ended.borrow().clone())
    }

    /// Story and lines, for a person who looks for the defect.
    pub(crate) fn print(&self, prologue: usize) -> String {
        format!("{}\n{}", self.story(prologue).print(), self.sink.lines().join("\n"))
    }
}

/// Notes how a process ended, also when it is simply dropped.
struct Guard {
    theatre: Theatre,
    label: String,
    handle: Handle,
    outcome: Option<Outcome>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let theatre = &self.theatre;
        let at = theatre.world.start.elapsed();
        let ended = Ended { run: self.label.clone(), at, outcome: self.outcome.take() };
        theatre.ended.borrow_mut().push(ended);
        theatre.signals.borrow_mut().remove(&self.label);
        theatre.calls.borrow_mut().insert(self.label.clone(), self.handle.calls());
        let writes = self.handle.verbs().get("patch services").copied().unwrap_or(0);
        theatre.writes.borrow_mut().insert(self.label.clone(), writes);
    }
}
