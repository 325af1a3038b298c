//! The tasks of a run, as Tekton tells of them: why ours is being ended, and what those before `finally` said.
//!
//! Decides what of a TaskRun's status means that it was cancelled or that its time was up, and which task decided. All of it
//! is optional knowledge: a missing right is "unknown". Depends on requests and owners.

use super::Kube;
use super::runs::{find, text};
use crate::model::ending::Ending;
use crate::model::name::ServiceName;
use crate::rollout::owner::{Owner, OwnerKind};
use crate::rollout::told::{TaskEnd, Told};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// So many tasks of a run are read at most.
const MAX_TASKS: usize = 30;
/// So much of what Tekton says of a task is kept, in characters.
const MAX_MESSAGE: usize = 300;

impl Kube {
    /// Why a task is being ended, or was; none where it ended by itself, or where that cannot be read.
    pub async fn ending(&self, task_run: &Owner, now: Timestamp) -> Option<Ending> {
        let run = self.run(task_run).await?.ok()?;
        if text(&run, "/metadata/uid") != Some(&task_run.uid) {
            return None;
        }
        ending(&run, now)
    }

    /// What the task said that decided how this run ends for a Service, as far as that can be read; none outside of a PipelineRun.
    pub async fn told(&self, owner: &Owner, service: &ServiceName, now: Timestamp) -> Option<Told> {
        self.run_tasks(owner, MAX_TASKS).await.told_of(service, now)
    }

    /// The tasks of a run before its `finally`, as far as they can be read, so many at most; none outside of a PipelineRun.
    pub async fn run_tasks(&self, owner: &Owner, most: usize) -> RunTasks {
        let mut tasks = Vec::new();
        let run = if owner.kind == OwnerKind::PipelineRun { self.run(owner).await } else { None };
        let (Some(Ok(run)), Some((namespace, _))) = (run, owner.name.split_once('/')) else { return RunTasks(tasks) };
        for (task, name) in before_finally(&run).into_iter().take(most) {
            let task_run = Owner { kind: OwnerKind::TaskRun, name: format!("{namespace}/{name}"), uid: String::new() };
            if let Some(Ok(object)) = self.run(&task_run).await {
                let ignored = may_fail(&run, &task);
                tasks.push(RunTask { task, object, ignored });
            }
        }
        RunTasks(tasks)
    }
}

/// What was read of the tasks of a run.
#[derive(Debug, Default)]
pub struct RunTasks(Vec<RunTask>);

impl RunTasks {
    /// What the task said that decided how the run ends for this Service. A task that is given another one, as each of a `matrix`
    /// is, decides nothing for it.
    pub fn told_of(&self, service: &ServiceName, now: Timestamp) -> Option<Told> {
        told(self.0.iter().filter(|task| task.service().is_none_or(|name| name == service.as_str())), now)
    }

    /// The same for the run as a whole.
    pub fn told(&self, now: Timestamp) -> Option<Told> {
        told(self.0.iter(), now)
    }

    /// The Services that its tasks were given.
    pub fn services(&self) -> BTreeSet<ServiceName> {
        self.0.iter().filter_map(|task| task.service()?.parse().ok()).collect()
    }
}

/// A task of a run that was read.
#[derive(Debug)]
struct RunTask {
    task: String,
    object: Value,
    /// The pipeline goes on where it fails (`onError: continue`), so that it does not decide how the run ends.
    ignored: bool,
}

impl RunTask {
    /// The Service that it was given, if it is one of our tasks: elsewhere a parameter of that name may mean anything.
    fn service(&self) -> Option<&str> {
        let params = self.object.pointer("/spec/params").and_then(Value::as_array).filter(|_| is_ours(&self.object))?;
        let given = params.iter().find(|param| text(param, "/name") == Some("service"))?;
        text(given, "/value").filter(|name| !name.is_empty())
    }
}

/// True if the pipeline goes on where this task fails.
fn may_fail(run: &Value, task: &str) -> bool {
    let tasks = run.pointer("/status/pipelineSpec/tasks").and_then(Value::as_array);
    let mut own = tasks.into_iter().flatten().filter(|spec| text(spec, "/name") == Some(task));
    own.any(|spec| text(spec, "/onError") == Some("continue"))
}

/// The `TaskRun`s of a `PipelineRun` with their tasks' names, without those of `finally`.
fn before_finally(run: &Value) -> Vec<(String, String)> {
    let last = run.pointer("/status/pipelineSpec/finally").and_then(Value::as_array);
    let last: Vec<&str> = last.into_iter().flatten().filter_map(|task| text(task, "/name")).collect();
    let children = run.pointer("/status/childReferences").and_then(Value::as_array);
    children
        .into_iter()
        .flatten()
        .filter(|child| text(child, "/kind") == Some("TaskRun"))
        .filter_map(|child| Some((text(child, "/pipelineTaskName")?, text(child, "/name")?)))
        .filter(|(task, _)| !last.contains(task))
        .map(|(task, name)| (task.to_owned(), name.to_owned()))
        .collect()
}

/// The task that decided: the first that failed and whose failure the pipeline did not ignore, else the last that said how it
/// ended.
fn told<'a>(tasks: impl Iterator<Item = &'a RunTask> + Clone, now: Timestamp) -> Option<Told> {
    let ended = |run: &Value| text(run, "/status/completionTime").and_then(|at| at.parse::<Timestamp>().ok());
    let over = || tasks.clone().filter(|task| ended(&task.object).is_some());
    let has_failed = |task: &RunTask| succeeded(&task.object) == Some("False");
    let failed = over().filter(|task| has_failed(task) && !task.ignored).min_by_key(|task| ended(&task.object));
    if let Some(RunTask { task, object: run, .. }) = failed {
        // A task of ours that went well before says that there was something to roll out.
        let began = over().any(|task| is_ours(&task.object) && succeeded(&task.object) == Some("True"));
        let said = said(run);
        // Whoever was ended from outside may still have said that it was interrupted; why is not known inside.
        let ending = ending(run, now).filter(|_| said.is_none_or(|(word, _)| word == TaskEnd::Said("interrupted")));
        let (end, message) = match (ending, said) {
            (Some(ending), _) => (TaskEnd::Ended(ending), String::new()),
            (None, Some((end, message))) => (end, message.to_owned()),
            (None, None) => {
                let silent = if began { TaskEnd::TaskFailed } else { TaskEnd::BuildFailed };
                // Tekton only says which step exited with which code; a task may have said why.
                let message = own_message(run).unwrap_or_else(|| condition(run, "message"));
                (if is_ours(run) { TaskEnd::Silent } else { silent }, message)
            }
        };
        return Some(Told { task: task.clone(), end, failed: true, message });
    }
    let spoke = over().filter_map(|task| Some((ended(&task.object), task, said(&task.object)?)));
    let (_, task, (end, message)) = spoke.max_by_key(|(at, ..)| *at)?;
    Some(Told { task: task.task.clone(), end, failed: has_failed(task), message: message.to_owned() })
}

/// The outcome and the message that a task gave as results: of its last attempt that gave any.
fn said(run: &Value) -> Option<(TaskEnd, &str)> {
    attempts(run).find_map(|status| {
        Some((TaskEnd::said(result(status, "outcome")?)?, result(status, "message").unwrap_or_default()))
    })
}

/// The message of a task that names no outcome, as `image` does: of its last attempt that gave any.
fn own_message(run: &Value) -> Option<String> {
    let told = attempts(run).find_map(|status| result(status, "message").filter(|message| !message.trim().is_empty()));
    told.map(one_line)
}

/// The status of each attempt of a task, the last one first.
fn attempts(run: &Value) -> impl Iterator<Item = &Value> {
    let retries = run.pointer("/status/retriesStatus").and_then(Value::as_array);
    run.get("status").into_iter().chain(retries.into_iter().flatten().rev())
}

fn result<'a>(status: &'a Value, name: &str) -> Option<&'a str> {
    let results = status.get("results").and_then(Value::as_array)?;
    results.iter().find(|result| text(result, "/name") == Some(name))?.get("value")?.as_str()
}

/// True if its task promises to say how it ended.
fn is_ours(run: &Value) -> bool {
    let declared = run.pointer("/status/taskSpec/results").and_then(Value::as_array);
    let names: Vec<&str> = declared.into_iter().flatten().filter_map(|result| text(result, "/name")).collect();
    ["outcome", "rollout", "message"].iter().all(|name| names.contains(name))
}

/// Why a TaskRun was, or is being, ended from outside.
fn ending(run: &Value, now: Timestamp) -> Option<Ending> {
    let reason = condition(run, "reason");
    // A run's own time that is up cancels its tasks, and this sentence alone tells (v1.TaskRunCancelledByPipelineTimeoutMsg).
    let by_pipeline = text(run, "/spec/statusMessage").is_some_and(|message| message.contains("timed out"));
    let steps = run.pointer("/status/steps").and_then(Value::as_array);
    let step = steps.into_iter().flatten().any(|step| text(step, "/terminationReason") == Some("TimeoutExceeded"));
    if reason == "TaskRunTimeout" || by_pipeline || step {
        return Some(Ending::TimedOut);
    }
    if text(run, "/spec/status") == Some("TaskRunCancelled") || reason == "TaskRunCancelled" {
        return Some(Ending::Cancelled);
    }
    // The pod is deleted before the status says why, so the time is counted as Tekton does.
    let began: Timestamp = text(run, "/status/startTime")?.parse().ok()?;
    let limit: SignedDuration = text(run, "/spec/timeout")?.parse().ok()?;
    let is_over = succeeded(run).is_some_and(|answer| answer != "Unknown");
    let up = limit > SignedDuration::ZERO && now.duration_since(began) >= limit;
    (up && !is_over).then_some(Ending::TimedOut)
}

fn succeeded(run: &Value) -> Option<&str> {
    find(run, "Succeeded").and_then(|condition| text(condition, "/status"))
}

/// A field of the condition that tells whether it went well, on one line.
fn condition(run: &Value, field: &str) -> String {
    let said = find(run, "Succeeded").and_then(|condition| condition.get(field)).and_then(Value::as_str);
    one_line(said.unwrap_or_default())
}

fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A TaskRun that ended at this second: how, what it said, and whether its task is one of ours.
    fn task(second: i64, succeeded: &str, said: &[(&str, &str)], ours: bool) -> Value {
        let results: Vec<Value> = said.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let declared: Vec<Value> = ["outcome", "rollout", "message"].iter().map(|name| json!({"name": name})).collect();
        json!({"spec": {"timeout": "1h15m0s"}, "status": {"startTime": at(0), "completionTime": at(second), "results": results,
            "taskSpec": {"results": if ours { declared } else { vec![] }},
            "conditions": [{"type": "Succeeded", "status": succeeded, "reason": "Failed", "message": "\"step-x\" exited with code 1"}]}})
    }

    fn of(tasks: Vec<(&str, Value)>) -> Option<(String, &'static str, bool, String)> {
        let tasks = tasks.into_iter();
        let tasks: Vec<_> =
            tasks.map(|(name, object)| RunTask { task: name.into(), object, ignored: name == "lint" }).collect();
        RunTasks(tasks).told(at(100)).map(|told| (told.task.clone(), told.word(), told.failed, told.message))
    }

    fn said(word: &str) -> Vec<(&str, &str)> {
        vec![("outcome", word), ("message", "why")]
    }

    #[test]
    fn the_first_task_that_failed_decides_else_the_last_that_spoke() {
        let good = || ("build", task(10, "True", &[("image", "i")], false));
        let found = of(vec![good(), ("roll-out", task(20, "False", &said("rejected-before"), true))]).unwrap();
        assert_eq!(found, ("roll-out".into(), "rejected-before", true, "why".into()));
        let two = vec![("b", task(30, "False", &said("busy"), true)), ("a", task(20, "False", &said("worse"), true))];
        assert_eq!(of(two).unwrap().1, "worse");
        let spoke =
            vec![("a", task(20, "True", &said("held"), true)), ("b", task(30, "True", &said("unchanged"), true))];
        assert_eq!(of(spoke).unwrap(), ("b".into(), "unchanged", false, "why".into()));
        assert_eq!(of(vec![good()]), None, "nobody spoke");
        let mut runs = task(0, "Unknown", &said("finished"), true);
        runs["status"]["completionTime"] = Value::Null;
        assert_eq!(of(vec![("settle", runs)]), None, "it still runs");
    }

    /// Of a matrix each task has a Service of its own, and one that failed says nothing of the others.
    #[test]
    fn what_is_said_of_one_service_is_not_said_of_another() {
        let of = |service: &str, second: i64, succeeded: &str, word: &str| {
            let mut object = task(second, succeeded, &said(word), true);
            object["spec"]["params"] = json!([{"name": "image", "value": ""}, {"name": "service", "value": service}]);
            RunTask { task: "roll-out".into(), object, ignored: false }
        };
        let apply = RunTask { task: "apply".into(), object: task(5, "True", &said("applied"), false), ignored: false };
        let tasks = RunTasks(vec![apply, of("one", 20, "False", "worse"), of("two", 30, "True", "finished")]);
        let word = |name: &str| tasks.told_of(&name.parse().unwrap(), at(100)).map(|told| (told.word(), told.failed));
        assert_eq!((word("one"), word("two")), (Some(("worse", true)), Some(("finished", false))));
        assert_eq!(word("three"), Some(("applied", false)), "what is of no Service is of each");
        assert_eq!(tasks.told(at(100)).unwrap().word(), "worse");
        assert_eq!(tasks.services().iter().map(ServiceName::as_str).collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn a_task_of_others_failed_before_or_after_the_rollout() {
        let build = of(vec![("build", task(10, "False", &[], false))]).unwrap();
        assert_eq!((build.1, build.3.as_str()), ("build-failed", "\"step-x\" exited with code 1"));
        let staged = ("stage", task(10, "True", &said("staged"), true));
        assert_eq!(of(vec![staged, ("smoke", task(20, "False", &[], false))]).unwrap().1, "task-failed");
        assert_eq!(of(vec![("roll-out", task(20, "False", &said("unknown"), true))]).unwrap().1, "task-failed");
    }

    #[test]
    fn a_failure_that_the_pipeline_ignores_decides_nothing() {
        let lint = || ("lint", task(5, "False", &[], false));
        let ended = of(vec![lint(), ("roll-out", task(20, "True", &said("unchanged"), true))]).unwrap();
        assert_eq!(ended, ("roll-out".into(), "unchanged", false, "why".into()));
        let ended = of(vec![lint(), ("roll-out", task(20, "False", &said("worse"), true))]).unwrap();
        assert_eq!((ended.0.as_str(), ended.1), ("roll-out", "worse"));
        assert_eq!(of(vec![lint()]), None, "nobody decided");
        let run = json!({"status": {"pipelineSpec": {"tasks": [{"name": "lint", "onError": "continue"},
            {"name": "build", "onError": "stopAndFail"}, {"name": "roll-out"}]}}});
        assert_eq!(["lint", "build", "roll-out", "x"].map(|task| may_fail(&run, task)), [true, false, false, false]);
    }

    #[test]
    fn a_task_that_names_no_outcome_may_still_say_why() {
        let image = task(10, "False", &[("message", "the registry refused:\n401")], false);
        let ended = of(vec![("image", image)]).unwrap();
        assert_eq!((ended.1, ended.3.as_str()), ("build-failed", "the registry refused: 401"));
        let silent = task(10, "False", &[("message", "")], false);
        assert_eq!(of(vec![("image", silent)]).unwrap().3, "\"step-x\" exited with code 1");
    }

    #[test]
    fn a_retry_that_was_lost_leaves_the_word_of_the_try_before() {
        let mut run = task(20, "False", &[], true);
        run["status"]["retriesStatus"] = json!([
            {"results": [{"name": "outcome", "value": "worse"}, {"name": "message", "value": "first"}]},
            {"results": [{"name": "outcome", "value": "unknown"}]}
        ]);
        assert_eq!(of(vec![("roll-out", run)]).unwrap(), ("roll-out".into(), "worse", true, "first".into()));
    }

    #[test]
    fn what_ended_a_task_from_outside() {
        let with = |pointer: &str, value: Value| {
            let mut run = task(20, "False", &[], true);
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            run.pointer_mut(parent).unwrap()[key] = value;
            run
        };
        let mut both = with("/spec/status", json!("TaskRunCancelled"));
        both["spec"]["statusMessage"] = json!("TaskRun cancelled as the PipelineRun it belongs to has timed out.");
        for (run, word) in [
            (with("/spec/status", json!("TaskRunCancelled")), "cancelled"),
            (both, "timed-out"),
            (with("/status/conditions/0/reason", json!("TaskRunTimeout")), "timed-out"),
            (with("/status/steps", json!([{"name": "x", "terminationReason": "TimeoutExceeded"}])), "timed-out"),
            (with("/status/results", json!([{"name": "outcome", "value": "interrupted"}])), "interrupted"),
        ] {
            assert_eq!(of(vec![("roll-out", run)]).unwrap().1, word);
        }
        // What it said itself counts, unless that is only that it was ended.
        let mut late = with("/spec/status", json!("TaskRunCancelled"));
        late["status"]["results"] = json!([{"name": "outcome", "value": "worse"}]);
        assert_eq!(of(vec![("roll-out", late)]).unwrap().1, "worse");
    }

    /// A pod is deleted before its TaskRun's status says why.
    #[test]
    fn a_task_that_still_runs_has_timed_out_once_its_time_is_up() {
        let mut run = task(20, "Unknown", &[], true);
        assert_eq!(ending(&run, at(4499)), None);
        assert_eq!(ending(&run, at(4500)), Some(Ending::TimedOut));
        run["spec"]["timeout"] = json!("0s");
        assert_eq!(ending(&run, at(9999)), None, "no limit");
        assert_eq!(ending(&json!({}), at(9999)), None);
    }

    #[test]
    fn finally_is_not_asked_about_itself() {
        let run = json!({"status": {
            "pipelineSpec": {"finally": [{"name": "settle"}]},
            "childReferences": [
                {"kind": "TaskRun", "name": "r-build", "pipelineTaskName": "build"},
                {"kind": "CustomRun", "name": "r-ask", "pipelineTaskName": "ask"},
                {"kind": "TaskRun", "name": "r-settle", "pipelineTaskName": "settle"}]}});
        assert_eq!(before_finally(&run), [("build".to_owned(), "r-build".to_owned())]);
    }
}
