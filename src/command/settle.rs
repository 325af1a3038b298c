//! `andante settle`: a Service brought to rest, or each one that a run rolled out.
//!
//! Decides which Services are meant, what is known of the run that settles, and whether templates are put back.
//! [`crate::machine::settle`] decides which end each gets. It may use every room.

use super::began;
use super::patient::answered_within;
use super::people::failed;
use super::posts::poster;
use super::roll::{claimant, drive_alone, new_id, tags};
use super::{Stop, connect, owner, reach};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::Kube;
use crate::adapter::env::Environment;
use crate::cli::{ClusterArgs, SettleArgs};
use crate::command::report::Lines;
use crate::machine::claim::{Asker, IfBusy};
use crate::machine::settle::{Settle, SettleGoal, To, together};
use crate::model::event::{Event, Topic};
use crate::model::name::ServiceName;
use crate::model::observed::{PIPELINE, RECORD};
use crate::model::outcome::{Code, Outcome};
use crate::rollout::declaration::params::Params;
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::owner::{Owner, OwnerKind};
use crate::rollout::record::Record;
use crate::rollout::told::Told;
use crate::run::ports::{Clock, Cluster, Sink};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use std::cell::RefCell;
use std::time::Duration;

/// So long what is only good to know is asked for.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
/// The same for all tasks of a run that rolled several Services out: each is asked for by its name.
const ALL_TOLD_WITHIN: Duration = Duration::from_secs(30);
/// So many tasks of such a run are asked for. The names of some two hundred Services fit into the results of a step.
const MOST_TASKS: usize = 300;
/// So many Services are brought to rest at once. Users wait for it, and each keeps two watches open meanwhile.
const AT_ONCE: usize = 20;

/// Who settles, and where to.
struct Settling<'a> {
    args: &'a SettleArgs,
    environment: &'a Environment,
    owner: Owner,
    to: Option<To>,
    /// When the run began, where that is known.
    run_began: Option<Timestamp>,
}

/// `andante settle`.
pub(super) async fn settle(args: &SettleArgs, environment: &Environment, lines: &mut Lines) -> Result<Outcome, Stop> {
    let to = match args.to.as_deref() {
        None => None,
        Some("stable") => Some(To::Stable),
        Some("candidate") => Some(To::Candidate),
        Some(name) => Some(To::Revision(name.parse().map_err(Stop::bad_input)?)),
    };
    if args.restore_template == Some(true) && !goes_back(to.as_ref()) {
        return Err(Stop::bad_input(
            "--restore-template is for a way back: with `--to stable`, or without --to. Elsewhere the template stays, so that users can \
             go there",
        ));
    }
    let settling = Settling { args, environment, owner: owner(environment)?, to, run_began: None };
    match &args.service {
        Some(service) => settling.one(service, lines).await,
        None => settling.all(lines).await,
    }
}

fn goes_back(to: Option<&To>) -> bool {
    matches!(to, None | Some(To::Stable))
}

impl Settling<'_> {
    async fn one(mut self, service: &ServiceName, lines: &mut Lines) -> Result<Outcome, Stop> {
        let cluster = self.args.cluster(service.clone());
        let kube = connect(&cluster, self.environment)?;
        // A settling run does not queue, because it takes the epoch from every other writer.
        kube.set_clock().await;
        self.run_began = began::of_settling(&cluster, &kube, &self.owner, self.to.is_some(), lines).await;
        // Nothing is brought to rest later because of what is only good to know.
        let told = tokio::time::timeout(TOLD_WITHIN, kube.told(&self.owner, service, SystemClock.now()));
        let told = told.await.ok().flatten();
        let restores = match self.args.restore_template {
            Some(given) => given,
            None if self.args.declared && goes_back(self.to.as_ref()) => declares(&kube, service, lines).await,
            None => false,
        };
        self.drive(&cluster, &kube, told, restores, lines).await
    }

    /// Every Service of the namespace that this run rolled out, side by side.
    async fn all(mut self, lines: &mut Lines) -> Result<Outcome, Stop> {
        let kube = reach(&self.args.reach, self.args.namespace.as_ref(), self.environment)?;
        if self.owner.kind == OwnerKind::Person {
            return Err(Stop::bad_input(
                "--all is for a run that rolled several Services out, and this is none: `andante settle SERVICE` settles one",
            ));
        }
        kube.set_clock().await;
        let patience = self.args.reach.patience;
        let objects = answered_within(patience, async || kube.services(Some).await).await.map_err(|e| failed(&e))?;
        let own: Vec<(ServiceName, Value)> =
            objects.into_iter().filter_map(|object| of_run(object, &self.owner)).collect();
        if let Some((first, _)) = own.first() {
            let cluster = self.args.cluster(first.clone());
            self.run_began = began::of_settling(&cluster, &kube, &self.owner, false, lines).await;
        }
        let tasks = kube.run_tasks(&self.owner, MOST_TASKS);
        let tasks = tokio::time::timeout(ALL_TOLD_WITHIN, tasks).await.unwrap_or_default();
        let now = SystemClock.now();
        let shared = RefCell::new(&mut *lines);
        let (settling, kube, tasks, shared) = (&self, &kube, &tasks, &shared);
        let ends = own.iter().map(|(service, object)| async move {
            let cluster = settling.args.cluster(service.clone());
            let restores = settling.args.restore_template;
            let restores = restores.unwrap_or_else(|| settling.args.declared && declares_restoring(object));
            let mut lines = LinesOf { service, lines: shared };
            let ended = settling.drive(&cluster, kube, tasks.told_of(service, now), restores, &mut lines).await;
            (service.clone(), ended.unwrap_or_else(|Stop(outcome)| *outcome))
        });
        let mut ends: Vec<(ServiceName, Outcome)> = stream::iter(ends).buffer_unordered(AT_ONCE).collect().await;
        // Where nothing was begun there is nothing to bring to rest, and its task says why.
        for service in tasks.services() {
            let told = tasks.told_of(&service, now).filter(|_| ends.iter().all(|(ended, _)| *ended != service));
            ends.extend(told.map(|told| (service, Outcome::new(Code::Done, told.words()).word(told.word()))));
        }
        let outcome = together(ends, tasks.told(now).as_ref());
        lines.say(SystemClock.now(), &Event::new(Topic::End, outcome.line()));
        Ok(outcome)
    }

    /// Brings one Service to rest.
    async fn drive(
        &self,
        cluster: &ClusterArgs,
        kube: &Kube,
        told: Option<Told>,
        restore_template: bool,
        lines: &mut dyn Sink,
    ) -> Result<Outcome, Stop> {
        let asker = Asker { owner: self.owner.clone(), intent: SystemClock.now(), if_busy: IfBusy::Fail, force: true };
        let goal = SettleGoal {
            service: cluster.service.clone(),
            rollout: self.args.rollout.clone(),
            to: self.to.clone(),
            discard: self.args.discard_record,
            tags: tags(&self.args.tags, cluster)?,
            id: new_id(),
            run_began: self.run_began,
            restore_template,
        };
        let mut hold = claimant(asker);
        if hold.asker.owner.kind != OwnerKind::Person {
            // `finally` speaks for its own run, whose intent is in the record already.
            hold.asker.intent = Timestamp::MIN;
        }
        let poster = poster(&self.args.events, kube, self.environment);
        drive_alone(&mut Settle::new(goal, hold).told(told), cluster, (kube, poster), self.environment, lines).await
    }
}

/// The Service, if it holds a rollout of this run.
fn of_run(object: Value, owner: &Owner) -> Option<(ServiceName, Value)> {
    let record = annotation(&object, RECORD).and_then(|text| Record::parse(text).ok())?;
    let name = object.pointer("/metadata/name").and_then(Value::as_str)?.parse().ok()?;
    (record.owner.uid == owner.uid).then_some((name, object))
}

/// Whether the Service declares that its template is put back. Who cannot know it leaves the template alone, and users come first.
async fn declares(kube: &Kube, service: &ServiceName, lines: &mut Lines) -> bool {
    let port = kube.service(service.clone());
    match tokio::time::timeout(TOLD_WITHIN, port.service()).await {
        Ok(Ok(object)) => declares_restoring(&object),
        unread => {
            let why = unread.map_or_else(
                |_| "nobody answered".to_owned(),
                |read| read.err().map(|e| e.to_string()).unwrap_or_default(),
            );
            let what =
                format!("whether {service} declares restore-template is not known, so its template stays: {why}");
            lines.say(SystemClock.now(), &Event::new(Topic::Note, what));
            false
        }
    }
}

/// Where nobody is in charge nothing is taken.
fn declares_restoring(object: &Value) -> bool {
    let params =
        annotation(object, DeclaredPart::Params.annotation()).filter(|_| annotation(object, PIPELINE).is_some());
    let params = params.and_then(|text| Params::read(text).ok());
    params.is_some_and(|params| params.switches("restore-template"))
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations").and_then(|all| all.get(name)).and_then(Value::as_str)
}

/// Lines about one Service among others.
struct LinesOf<'a, 'b> {
    service: &'a ServiceName,
    lines: &'a RefCell<&'b mut Lines>,
}

impl Sink for LinesOf<'_, '_> {
    fn say(&mut self, at: Timestamp, said: &Event) {
        let said = Event::new(said.topic, format!("{}: {}", self.service, said.text));
        self.lines.borrow_mut().say(at, &said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::record::tests::record;
    use serde_json::json;

    #[test]
    fn a_run_settles_the_services_whose_record_is_its_own() {
        let own = record();
        let object = |text: &str| json!({"metadata": {"name": "hello", "annotations": {RECORD: text}}});
        let found = |object: Value, uid: &str| {
            let owner = Owner { uid: uid.into(), ..own.owner.clone() };
            of_run(object, &owner).map(|(name, _)| name.to_string())
        };
        let text = own.to_text().unwrap();
        assert_eq!(found(object(&text), &own.owner.uid).as_deref(), Some("hello"));
        assert_eq!(found(object(&text), "another"), None);
        assert_eq!(found(object("garbled"), &own.owner.uid), None);
        assert_eq!(found(json!({"metadata": {"name": "hello"}}), &own.owner.uid), None);
    }

    #[test]
    fn a_template_is_put_back_as_it_is_declared() {
        let of = |annotations: Value| declares_restoring(&json!({"metadata": {"annotations": annotations}}));
        let params = "{restore-template: 'true'}";
        assert!(of(json!({"andante.dev/pipeline": "p", "andante.dev/params": params})));
        assert!(!of(json!({"andante.dev/params": params})), "nobody is in charge");
        assert!(!of(json!({"andante.dev/pipeline": "p", "andante.dev/params": "{restore-template: 'false'}"})));
        assert!(!of(json!({"andante.dev/pipeline": "p", "andante.dev/params": "garbled"})));
        assert!(!of(Value::Null));
    }
}
