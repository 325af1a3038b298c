//! `andante apply`: a directory of Services into the cluster. Every file is read and tried before the first one is written.
//!
//! Decides that one bad file keeps all of them from being written, what is said of a write that failed among others, and which
//! results there are. [`crate::machine::apply`] decides what becomes of a Service. It may use every room.

use super::care::{adopt_by, would_adopt};
use super::people::failed;
use super::{Stop, patient::answered_within, reach, report};
use crate::adapter::cluster::Kube;
use crate::adapter::env::Environment;
use crate::adapter::manifest::{ServiceFile, read_services};
use crate::adapter::tekton::{ONE_STEP, Results, directory};
use crate::cli::{APPLY_RESULTS, ApplyArgs, ClusterArgs, Output};
use crate::command::report::Lines;
use crate::machine::apply::prune::{hash, leftovers, marked};
use crate::machine::apply::{ApplyChange, Foreseen, Walker, WantedService};
use crate::machine::outcomes::UNCHANGED;
use crate::model::api_error::ApiError;
use crate::model::name::ServiceName;
use crate::model::outcome::{Code, Outcome};
use crate::run::apply::{apply as write, foresee};
use crate::view::apply::{ApplyRow, Leftovers, lines as table, whole};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// A dry run is a question, and whoever asks wants to know soon that nobody answers.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is written, and what came of it so far.
struct Sheet<'a> {
    args: &'a ApplyArgs,
    environment: &'a Environment,
    kube: Kube,
    wanted: Vec<WantedService>,
    rows: Vec<ApplyRow>,
    left: Option<Leftovers>,
    written: Vec<String>,
}

/// `andante apply`.
pub(super) async fn apply(args: &ApplyArgs, environment: &Environment, lines: &mut Lines) -> Code {
    let mut results = match begin(args) {
        Ok(results) => results,
        Err(Stop(outcome)) => return end(args, None, &outcome),
    };
    let mut sheet = None;
    let ended = of_directory(args, environment, lines, &mut sheet, results.as_mut()).await;
    let outcome = ended.unwrap_or_else(|Stop(outcome)| *outcome);
    if let Some(results) = &mut results {
        // The last line says it as well, so a result that cannot be written adds nothing.
        let _ = results.set("outcome", outcome.word);
        let _ = results.set_text("message", &outcome.what);
    }
    end(args, sheet.as_ref(), &outcome)
}

/// The last word.
fn end(args: &ApplyArgs, sheet: Option<&Sheet<'_>>, outcome: &Outcome) -> Code {
    match args.output {
        Output::Text if outcome.code == Code::Done => {
            report::show(&outcome.line());
        }
        Output::Text => {
            for (at, line) in outcome.line().split('\n').enumerate() {
                report::complain(&if at == 0 { format!("andante: {line}") } else { format!("  {line}") });
            }
        }
        Output::Json => {
            let told = match sheet {
                Some(sheet) => whole(&sheet.rows, sheet.left.as_ref(), &sheet.written, outcome),
                None => whole(&[], None, &[], outcome),
            };
            report::line(&told.to_string());
        }
    }
    outcome.code
}

/// Every declared result with its neutral value, where this is a step.
fn begin(args: &ApplyArgs) -> Result<Option<Results>, Stop> {
    let place = args.results.results.as_deref();
    let results = Results::begin(&directory(place, &APPLY_RESULTS), &APPLY_RESULTS).map_err(Stop::bad_input)?;
    // Names of Services need more room than words do, and no second step reports them again.
    Ok(results.map(|results| results.with_room(ONE_STEP)))
}

async fn of_directory<'a>(
    args: &'a ApplyArgs,
    environment: &'a Environment,
    lines: &mut Lines,
    out: &mut Option<Sheet<'a>>,
    results: Option<&mut Results>,
) -> Result<Outcome, Stop> {
    let kube = reach(&args.reach, args.namespace.as_ref(), environment)?;
    let (files, notes) = read_services(&args.place, kube.namespace()).map_err(faults)?;
    let wanted = wanted(&files, args.set.as_deref())?;
    if args.output == Output::Text {
        for note in &notes {
            report::complain(&format!("andante: {note}"));
        }
    }
    let sheet =
        out.insert(Sheet { args, environment, kube, wanted, rows: Vec::new(), left: None, written: Vec::new() });
    sheet.foresee(files).await;
    sheet.look_for_leftovers().await?;
    sheet.show();
    sheet.refused()?;
    if let Some(results) = results {
        // Before anything is written: what changed and cannot be told would be walked by nobody.
        sheet.tell(results)?;
    }
    if args.dry_run {
        return Ok(Outcome::new(Code::Done, format!("a dry run: {}; nothing was written", sheet.counted())));
    }
    sheet.write(lines).await
}

/// Every fault, each on a line of its own.
fn faults(faults: Vec<impl std::fmt::Display>) -> Stop {
    let count = faults.len();
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    match lines.as_slice() {
        [one] => Stop::bad_input(format!("{one}; nothing was written")),
        many => Stop::bad_input(format!("{count} faults, so nothing was written:\n{}", many.join("\n"))),
    }
}

fn wanted(files: &[ServiceFile], set: Option<&str>) -> Result<Vec<WantedService>, Stop> {
    let (mut wanted, mut bad) = (Vec::new(), Vec::new());
    for file in files {
        match WantedService::of(file.object.clone(), set) {
            Ok(one) => wanted.push(one),
            Err(faults) => bad.extend(faults.iter().map(|fault| format!("{}: {fault}", file.file))),
        }
    }
    if bad.is_empty() { Ok(wanted) } else { Err(faults(bad)) }
}

impl Sheet<'_> {
    /// How one Service is meant by the commands that are about one.
    fn one(&self, service: &ServiceName) -> ClusterArgs {
        self.args.reach.of_service(service.clone(), Some(self.kube.namespace().clone()), self.args.output)
    }

    /// Tries every file by dry runs.
    async fn foresee(&mut self, files: Vec<ServiceFile>) {
        let patience = PATIENCE.min(self.args.reach.patience);
        for (file, wanted) in files.into_iter().zip(&self.wanted) {
            let cluster = self.kube.service(file.service.clone());
            let mut foreseen = foresee(&cluster, wanted, &self.args.take_over, patience).await;
            if let Ok(found) = &foreseen
                && found.adopts
                && found.conflicts.is_empty()
                && let Err(refused) =
                    would_adopt(&cluster, &file.service, found.declares.clone(), patience, self.environment).await
            {
                foreseen = Err(refused);
            }
            let notes = wanted.notes.clone();
            self.rows.push(ApplyRow { service: file.service, file: file.file, foreseen, notes });
        }
    }

    /// Finds the Services of the set whose files are gone.
    async fn look_for_leftovers(&mut self) -> Result<(), Stop> {
        let Some(set) = &self.args.set else { return Ok(()) };
        match self.left_over(set).await {
            Ok(found) => self.left = (!found.left.is_empty() || self.args.prune.is_some()).then_some(found),
            // Who deletes nothing can do without.
            Err(ApiError::Forbidden(why)) if self.args.prune.is_none() => {
                if self.args.output == Output::Text {
                    report::complain(&format!("andante: whether files of set {set} are gone is not known: {why}"));
                }
            }
            Err(error) => return Err(failed(&error)),
        }
        Ok(())
    }

    /// The Services of the set whose files are gone, as they are now.
    async fn left_over(&self, set: &str) -> Result<Leftovers, ApiError> {
        let patience = PATIENCE.min(self.args.reach.patience);
        let asked = async || self.kube.services(|service| marked(&service)).await;
        let live = answered_within(patience, asked).await?;
        let files: BTreeSet<ServiceName> = self.rows.iter().map(|row| row.service.clone()).collect();
        let left = leftovers(set, &files, &live);
        Ok(Leftovers { set: set.to_owned(), hash: hash(set, &left), left })
    }

    fn show(&self) {
        if self.args.output == Output::Json {
            return;
        }
        for line in table(&self.rows) {
            report::show(&line);
        }
        if let Some(left) = self.left.as_ref().filter(|left| !left.left.is_empty()) {
            report::show(&left.line());
        }
    }

    /// The end where anything is wrong: the worst of it, with what else is.
    fn refused(&self) -> Result<(), Stop> {
        let refused: Vec<(&ApplyRow, Outcome)> =
            self.rows.iter().filter_map(|row| Some((row, row.refused()?))).collect();
        if let Some((row, first)) = refused.iter().min_by_key(|(_, outcome)| outcome.code.number()) {
            let others = match refused.len() {
                1 => String::new(),
                many => format!(" (and {} more)", many - 1),
            };
            let what = format!("{}: {}{others}; nothing was written", row.service, first.what);
            return Err(Stop(Box::new(Outcome::new(first.code, what).next(first.next.clone()))));
        }
        let left = self.left.as_ref();
        let Some(why) = self.args.prune.as_ref().zip(left).and_then(|(asked, left)| left.not_meant(asked)) else {
            return Ok(());
        };
        Err(Stop::new(Code::BadState, format!("{why}; nothing was written")))
    }

    /// Who is walked how.
    fn walked(&self, by: Walker) -> Vec<&str> {
        let rows = self.rows.iter().filter(|row| row.foreseen.as_ref().is_ok_and(|foreseen| foreseen.walker == by));
        rows.map(|row| row.service.as_str()).collect()
    }

    fn tell(&self, results: &mut Results) -> Result<(), Stop> {
        let (roll, start) = (self.walked(Walker::RollOut), self.walked(Walker::Start));
        let (changed, starts) = (json!(roll).to_string(), json!(start).to_string());
        let count = (roll.len() + start.len()).to_string();
        let values = [("changed", changed.as_str()), ("start", starts.as_str()), ("count", count.as_str())];
        results.set_all(&values).map_err(|error| {
            Stop(Box::new(
                Outcome::new(Code::BadInput, format!("{error}; nothing was written"))
                    .next("apply the directory in parts, or from a terminal"),
            ))
        })
    }

    fn counted(&self) -> String {
        let of = |change: ApplyChange| {
            self.rows.iter().filter(|row| row.foreseen.as_ref().is_ok_and(|foreseen| foreseen.change == change)).count()
        };
        let all = [ApplyChange::Created, ApplyChange::Changed, ApplyChange::Owned, ApplyChange::Unchanged];
        let some = all.into_iter().map(|change| (of(change), change.word())).filter(|(count, _)| *count > 0);
        some.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    }

    /// Writes what is to be written, and then deletes what was named.
    async fn write(&mut self, lines: &mut Lines) -> Result<Outcome, Stop> {
        for at in 0..self.rows.len() {
            let (Some(row), Some(wanted)) = (self.rows.get(at), self.wanted.get(at)) else { break };
            if row.foreseen.as_ref().is_ok_and(Foreseen::is_there) {
                continue;
            }
            let one = self.one(&row.service);
            let cluster = self.kube.service(row.service.clone());
            let adopt = async |foreseen: &Foreseen| {
                adopt_by(&one, &self.kube, foreseen.declares.clone(), self.environment, lines).await
            };
            if let Err(refused) = write(&cluster, wanted, &self.args.take_over, self.args.reach.patience, adopt).await {
                return Err(self.stopped(at, &refused));
            }
            let name = row.service.to_string();
            self.written.push(name);
        }
        let deleted = self.delete().await?;
        let what = format!("applied: {}{deleted}", self.counted());
        let here = format!("-n {}", self.kube.namespace());
        let roll = self.walked(Walker::RollOut).into_iter();
        let roll = roll.map(|name| format!("`andante roll-out {name} {here} --revision latest`"));
        let start = self.walked(Walker::Start).into_iter().map(|name| format!("`andante start {name} {here}`"));
        let next = roll.chain(start).collect::<Vec<_>>().join(", ");
        let word = if self.written.is_empty() && deleted.is_empty() { UNCHANGED } else { "applied" };
        Ok(Outcome::new(Code::Done, what).word(word).next(next))
    }

    async fn delete(&self) -> Result<String, Stop> {
        let Some(asked) = &self.args.prune else { return Ok(String::new()) };
        let Some(set) = &self.args.set else { return Ok(String::new()) };
        // Writing took its time, and what is of another set by now is somebody else's.
        let left = self.left_over(set).await.map_err(|error| failed(&error))?;
        if let Some(why) = left.not_meant(asked) {
            let what = format!("{why}; nothing was deleted; written: {}", said(&self.written));
            return Err(Stop::new(Code::BadState, what));
        }
        let patience = self.args.reach.patience;
        let mut names = Vec::new();
        for one in &left.left {
            let gone = answered_within(patience, async || self.kube.delete_service(&one.service, &one.uid).await).await;
            match gone {
                Ok(()) | Err(ApiError::NotFound(_)) => names.push(one.service.as_str()),
                Err(error) => {
                    let Stop(mut outcome) = failed(&error);
                    outcome.what =
                        format!("{} was not deleted: {}; deleted before: {}", one.service, outcome.what, said(&names));
                    return Err(Stop(outcome));
                }
            }
        }
        Ok(format!("; deleted: {}", said(&names)))
    }

    /// The end in the middle: what was written and what was not.
    fn stopped(&self, at: usize, refused: &Outcome) -> Stop {
        let name = |row: &ApplyRow| row.service.to_string();
        let failed = self.rows.get(at).map(name).unwrap_or_default();
        let rest = self.rows.iter().skip(at + 1);
        let rest: Vec<String> =
            rest.filter(|row| row.foreseen.as_ref().is_ok_and(|foreseen| !foreseen.is_there())).map(name).collect();
        let what =
            format!("{failed}: {}; written before: {}; not tried: {}", refused.what, said(&self.written), said(&rest));
        let next = match refused.next.as_str() {
            "" => "the same again goes on from there".to_owned(),
            next => format!("{next}; the same again goes on from there"),
        };
        Stop(Box::new(Outcome::new(refused.code, what).next(next)))
    }
}

/// Names, or that there are none.
fn said(names: &[impl AsRef<str>]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", "),
    }
}
