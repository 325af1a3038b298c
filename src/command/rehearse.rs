//! `rehearse`: the walk against a made-up service, once with its lines, or many times as a table. Decides the seed of
//! each run and how cores share them. It may use the rehearsal of `view` and the walk.

use super::Stop;
use crate::cli::{Output, RehearseArgs};
use crate::command::report::{self, Lines};
use crate::machine::claim::{Asker, IfBusy};
use crate::machine::standing::Claimant;
use crate::machine::walk::{Walk, WalkGoal};
use crate::model::outcome::{Code, Outcome};
use crate::rollout::capacity::CapacityMode;
use crate::rollout::goal::CapacityGoal;
use crate::rollout::goal::Goal;
use crate::rollout::goal::GoalOptions;
use crate::rollout::goal::WalkOptions;
use crate::rollout::owner::{Owner, OwnerKind};
use crate::run::ports::Sink;
use crate::view::rehearse::{Chance, Mean, OutcomeRow, Played, RehearsalTable, midnight, play};
use serde_json::{Value, json};
use std::num::NonZero;

/// The Service of every rehearsal.
const NAME: &str = "hello";

struct Dice(fastrand::Rng);

impl Chance for Dice {
    fn unit(&mut self) -> f64 {
        self.0.f64()
    }

    fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }
}

/// `andante rehearse`. It ends well whenever it could rehearse, because bad endings are what it is asked about.
pub(super) fn rehearse(args: &RehearseArgs, lines: &mut Lines) -> Result<Code, Stop> {
    let goal = goal(args)?;
    let Some(runs) = args.runs else {
        let played = one(args, &goal, args.seed)?;
        for (at, said) in &played.lines {
            lines.say(*at, said);
        }
        lines.outcome(&played.outcome);
        return Ok(Code::Done);
    };
    let table = table(args, &goal, runs)?;
    match args.output {
        Output::Text => report::line(table.to_string().trim_end()),
        Output::Json => report::line(&json(&table).to_string()),
    }
    Ok(Code::Done)
}

/// The table of so many rehearsals as these arguments say (one, if they do not), as `andante rehearse` prints it.
/// Fails with the outcome of the command where a plan or rules do not fit together.
pub fn rehearsed(args: &RehearseArgs) -> Result<RehearsalTable, Box<Outcome>> {
    goal(args).and_then(|goal| table(args, &goal, args.runs.unwrap_or(1))).map_err(|Stop(outcome)| outcome)
}

fn table(args: &RehearseArgs, goal: &WalkGoal, runs: u32) -> Result<RehearsalTable, Stop> {
    Ok(RehearsalTable::of(&many(args, goal, u64::from(runs))?))
}

fn goal(args: &RehearseArgs) -> Result<WalkGoal, Stop> {
    // Where there are always enough pods nobody asks for any.
    let capacity = match args.service.pods {
        Some(_) => args.capacity.goal(),
        None => CapacityGoal { mode: CapacityMode::Off, ..CapacityGoal::default() },
    };
    let walk = WalkOptions {
        plan: args.plan.options(),
        deadline: args.deadline,
        grace: args.grace,
        judge: Some(args.judge.rules().map_err(Stop::bad_input)?),
        // There are no pods that could be listed.
        restarts: None,
        capacity,
        ..WalkOptions::default()
    };
    let service = NAME.parse().map_err(Stop::bad_input)?;
    let goal = Goal::new(GoalOptions { service, candidate: None, walk: Some(walk) }).map_err(Stop::bad_input)?;
    let namespace = "default".parse().map_err(Stop::bad_input)?;
    WalkGoal::of(&goal, &namespace, false).ok_or_else(|| Stop::new(Code::Internal, "a goal without a walk"))
}

fn one(args: &RehearseArgs, goal: &WalkGoal, seed: u64) -> Result<Played, Stop> {
    let owner = Owner { kind: OwnerKind::TaskRun, name: "rehearsal".into(), uid: "rehearsal".into() };
    let asker = Asker { owner, intent: midnight(), if_busy: IfBusy::Fail, force: false };
    let hold = |process: &str| Claimant::new(asker.clone(), process.to_owned());
    let walk = |process: &str| Walk::new(goal.clone(), hold(process));
    let dice = Dice(fastrand::Rng::with_seed(seed));
    play(walk, &hold("stage"), NAME, args.service.behaviour(), dice, midnight()).map_err(Stop::bad_input)
}

/// On all cores; the seed of each run is its own, so the table does not depend on how they are shared out.
fn many(args: &RehearseArgs, goal: &WalkGoal, runs: u64) -> Result<Vec<Played>, Stop> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(64);
    let shares = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads)
            .map(|first| {
                let mine = (0..runs).skip(first).step_by(threads);
                scope.spawn(move || {
                    mine.map(|run| one(args, goal, args.seed.wrapping_add(run)).map(light))
                        .collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        shares.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut all = Vec::new();
    for share in shares {
        all.extend(share.map_err(|_| Stop::new(Code::Internal, "a rehearsal broke off"))??);
    }
    Ok(all)
}

/// Without its lines: nobody reads those of a thousand.
fn light(played: Played) -> Played {
    Played { lines: Vec::new(), ..played }
}

fn json(table: &RehearsalTable) -> Value {
    let row = |row: &OutcomeRow| {
        let (part, low, high) = row.part;
        let mean = |m: Mean| json!({"mean": m.average, "give_or_take": m.give_or_take, "p95": m.p95});
        json!({
            "outcome": row.outcome, "runs": row.runs, "part": part, "interval": [low, high],
            "waited_for_pods": row.waited.map(mean), "bad_requests": mean(row.bad), "over_stables": mean(row.extra), "seconds": mean(row.took),
        })
    };
    json!({"outcomes": table.rows.iter().map(row).collect::<Vec<_>>(), "all": row(&table.all)})
}
