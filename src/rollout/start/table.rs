//! The table of run templates: ConfigMap `andante-runs` of the installation, and what a namespace's own one chooses from it.
//!
//! Decides which row is for what a declaration names: one for its very name before one for its kind, and none that the operator
//! turned off or the namespace did not choose. A namespace's table adds nothing, because whoever may write there may not decide
//! with which account pods run. A row that cannot be read is in the way of what it may be for. Depends on rows.

use super::broken::BrokenRow;
use super::declared::{ApiVersion, DeclaredPart, Fault, InCharge, ObjectKind, PREFIX};
use super::over::RunKind;
use super::row::{Makes, RunRow, example};
use crate::model::api_kind::ApiKind;
use crate::model::yaml;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The name of the ConfigMap.
pub const RUNS: &str = "andante-runs";
/// The key of a namespace's own table: the kinds that it chooses.
const KINDS: &str = "kinds";
/// The longest list of kinds that is read, in bytes.
const LONGEST: usize = 16 * 1024;

/// So long a run is taken to work where no row says how long it may take. Tekton says the same.
const USUAL: Duration = Duration::from_secs(3600);

/// The rows that an installation comes with.
const SHIPPED: &str = include_str!("../../../config/binding/andante-runs.yaml");

/// One kind that a namespace chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ChosenKind {
    api: String,
    kind: String,
}

/// The table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTable {
    rows: Vec<RunRow>,
    broken: Vec<BrokenRow>,
    chosen: Option<Vec<ChosenKind>>,
    /// Where it lies, for sentences: `ConfigMap andante-runs in namespace andante-system`.
    place: String,
}

impl RunTable {
    /// The table of a ConfigMap's `data`. A row that cannot be read is in the way of what it may be for, and ends nothing else.
    pub fn of_data(data: &Value, place: impl Into<String>) -> Self {
        let mut table = Self { rows: Vec::new(), broken: Vec::new(), chosen: None, place: place.into() };
        for (name, text) in data.as_object().into_iter().flatten() {
            let text = text.as_str().unwrap_or_default();
            match RunRow::read(text) {
                Ok(row) => table.rows.push(row),
                Err(whys) => table.broken.push(BrokenRow::new(name, text, &whys)),
            }
        }
        table
    }

    /// The rows that an installation comes with.
    pub fn shipped() -> Self {
        let object = yaml::value(SHIPPED, LONGEST).unwrap_or_default();
        let data = object.get("data").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        Self::of_data(&data, "the table that Andante comes with")
    }

    /// The same, as far as the namespace's own ConfigMap chooses: of its data nothing but `kinds` is read.
    pub fn chosen_by(mut self, data: &Value) -> Result<Self, Fault> {
        let place = format!("ConfigMap {RUNS} of the namespace");
        let wrong = |found: &str, why: String| Fault {
            place: place.clone(),
            found: found.chars().take(80).collect(),
            why,
            allowed: format!(
                "write under `{KINDS}` a list of {{apiVersion, kind}}: a namespace only chooses among the installation's"
            ),
        };
        let data = data.as_object().cloned().unwrap_or_default();
        if let Some(other) = data.keys().find(|key| *key != KINDS) {
            return Err(wrong(other, "this is not for a namespace to say".to_owned()));
        }
        let Some(text) = data.get(KINDS).and_then(Value::as_str) else { return Ok(self) };
        let list = match yaml::value(text, LONGEST) {
            Ok(Value::Array(list)) => list,
            Ok(_) => return Err(wrong(text, "it is no list".to_owned())),
            Err(why) => return Err(wrong(text, why)),
        };
        let kind = |entry: &Value| {
            let fields: BTreeMap<&str, &str> = entry
                .as_object()?
                .iter()
                .map(|(name, value)| Some((name.as_str(), value.as_str()?)))
                .collect::<Option<_>>()?;
            let (api, kind) = (fields.get("apiVersion")?, fields.get("kind")?);
            (fields.len() == 2).then(|| ChosenKind { api: (*api).to_owned(), kind: (*kind).to_owned() })
        };
        let chosen: Option<Vec<ChosenKind>> = list.iter().map(kind).collect();
        self.chosen = Some(chosen.ok_or_else(|| wrong(text, "an entry is not {apiVersion, kind}".to_owned()))?);
        Ok(self)
    }

    /// The row for what is in charge; an error says why there is none and what to do.
    pub fn row(&self, in_charge: &InCharge) -> Result<&RunRow, Fault> {
        let (api, kind, name, resolver) = match in_charge {
            InCharge::Named { api, kind, name } => (api, kind, Some(name.as_str()), None),
            InCharge::Resolved { api, kind, resolver, .. } => (api, kind, None, Some(resolver.as_str())),
            InCharge::ExternalOperation => {
                return Err(missing(in_charge, "nothing is ever started".into(), "name a pipeline".into()));
            }
        };
        let by_resolver = |row: &&RunRow| {
            row.resolvers.as_ref().is_some_and(|all| all.iter().any(|one| Some(one.as_str()) == resolver))
        };
        let by_name = |row: &&RunRow| row.resolvers.is_none() && row.name.as_deref() == name;
        let by_kind = |row: &&RunRow| row.resolvers.is_none() && row.name.is_none();
        let found = if resolver.is_some() {
            self.first(api, kind, by_resolver)
        } else {
            self.first(api, kind, by_name).or_else(|| self.first(api, kind, by_kind))
        };
        let place = &self.place;
        let by_its_name = found.is_some_and(|row| row.name.is_some());
        let hides = |row: &&BrokenRow| row.names(in_charge) || (!by_its_name && row.may_be_for(in_charge));
        if let Some(broken) = self.broken.iter().find(hides) {
            let why = format!("{place} may have a row for it that cannot be read: {}", broken.said);
            return Err(missing(
                in_charge,
                why,
                "its operator has to mend that row; nothing is started by another one".into(),
            ));
        }
        let example = example(api, kind, resolver);
        let what = match resolver {
            Some(resolver) => format!("a {kind} ({api}) that resolver {resolver} finds"),
            None => format!("a {kind} ({api})"),
        };
        let Some(row) = found else {
            let why = format!("{place} has no row that says how {what} is run");
            let add = format!(
                "its operator can add one to ConfigMap {RUNS}, such as {example}; or name one of: {}",
                self.kinds()
            );
            return Err(missing(in_charge, why, add));
        };
        if !row.enabled {
            let why = format!("{place} has a row for {what} that is turned off");
            let add = format!("its operator can set `enabled: true` in that row; or name one of: {}", self.kinds());
            return Err(missing(in_charge, why, add));
        }
        if let Some(chosen) = &self.chosen
            && !chosen.iter().any(|one| one.api == api.as_str() && one.kind == kind.as_str())
        {
            let why = format!("ConfigMap {RUNS} of the namespace does not choose {what}");
            return Err(missing(
                in_charge,
                why,
                format!("add {{apiVersion: {api}, kind: {kind}}} under `{KINDS}` there"),
            ));
        }
        Ok(row)
    }

    /// The first of these rows that is not turned off; else the first that is.
    fn first(&self, api: &ApiVersion, kind: &ObjectKind, is: impl Fn(&&RunRow) -> bool) -> Option<&RunRow> {
        let mut all = self.rows.iter().filter(|row| row.api == *api && row.kind == *kind).filter(is);
        let first = all.next()?;
        Some(if first.enabled { first } else { all.find(|row| row.enabled).unwrap_or(first) })
    }

    /// How a run of this kind ends: by the signs of the first row that makes it. Those of Tekton and Kubernetes are known
    /// without one, so that a run whose row was taken away is no unknown one.
    pub fn run_kind(&self, run_kind: &str) -> Option<RunKind> {
        let of_row = self.rows.iter().map(RunRow::run_kind).find(|kind| kind.kind == run_kind);
        if let Some(kind) = of_row {
            return self.by_rows(kind);
        }
        let known = Makes::KNOWN.into_iter().find(|makes| makes.run_kind().kind == run_kind)?;
        let signs = |well| known.sign(well).into_iter().collect();
        Some(RunKind { kind: known.run_kind(), done: signs(true), failed: signs(false), longest: USUAL })
    }

    /// A kind of run as rows say: the signs of the first one, the longest time of all.
    fn by_rows(&self, kind: ApiKind) -> Option<RunKind> {
        let rows = || self.rows.iter().filter(|row| row.run_kind() == kind);
        let longest = rows().filter_map(RunRow::longest).max().unwrap_or(USUAL);
        let (done, failed) = rows().next().map(|row| (row.done.clone(), row.failed.clone()))?;
        Some(RunKind { kind, done, failed, longest })
    }

    /// Every kind of run that it makes, once.
    pub fn run_kinds(&self) -> Vec<RunKind> {
        let kinds: BTreeSet<ApiKind> = self.rows.iter().filter(|row| row.enabled).map(RunRow::run_kind).collect();
        kinds.into_iter().filter_map(|kind| self.by_rows(kind)).collect()
    }

    /// Every kind that is read before a run is made, once.
    pub fn named_kinds(&self) -> Vec<ApiKind> {
        let kinds: BTreeSet<ApiKind> = self.rows.iter().filter_map(RunRow::reads).collect();
        kinds.into_iter().collect()
    }

    /// True if the installation's namespace, where it lies, is this one.
    pub fn lies_in(&self, namespace: &str) -> bool {
        self.place.ends_with(&format!(" in namespace {namespace}"))
    }

    /// What of it cannot be read, each row in a sentence.
    pub fn broken(&self) -> impl Iterator<Item = &str> {
        self.broken.iter().map(|row| row.said.as_str())
    }

    /// The kinds that may be named, in words.
    fn kinds(&self) -> String {
        let mut kinds: Vec<String> = Vec::new();
        for row in self.rows.iter().filter(|row| row.enabled && row.resolvers.is_none()) {
            let kind = match row.makes {
                Makes::Template { .. } | Makes::CustomRun => format!("{}/{}", row.api, row.kind),
                _ => row.kind.to_string(),
            };
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds.join(", ")
    }
}

fn missing(in_charge: &InCharge, why: String, allowed: String) -> Fault {
    Fault { place: place_of_charge(), found: in_charge.short(), why, allowed }
}

/// Where a declaration says who is in charge.
pub(super) fn place_of_charge() -> String {
    debug_assert!(DeclaredPart::Pipeline.annotation().starts_with(PREFIX));
    format!("annotation {}", DeclaredPart::Pipeline.annotation())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row<'a>(table: &'a RunTable, text: &str) -> Result<&'a RunRow, String> {
        table.row(&InCharge::read(text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_shipped_rows_can_be_read() {
        let table = RunTable::shipped();
        assert_eq!(table.broken().count(), 0);
        for (named, run) in [
            ("p", "PipelineRun"),
            ("Task/t", "TaskRun"),
            ("CronJob/c", "Job"),
            ("custom.tekton.dev/v1alpha1/TaskLoop/l", "CustomRun"),
        ] {
            assert_eq!(row(&table, named).unwrap().run_kind().kind, run, "{named}");
        }
        let kinds: Vec<String> = table.run_kinds().into_iter().map(|of| of.kind.resource).collect();
        assert_eq!(kinds, ["jobs", "pipelineruns", "taskruns", "customruns"]);
        let hours = Duration::from_secs(140 * 60);
        assert_eq!(table.run_kind("PipelineRun").map(|of| of.longest), Some(hours));
        assert_eq!(table.run_kind("Workflow"), None);
        // How a run ends whose row was taken away is known all the same.
        let none = RunTable::of_data(&json!({}), "it");
        assert_eq!(none.run_kind("Job").unwrap().done, table.run_kind("Job").unwrap().done);
        // One that builds has an account of its own for that.
        let builds = row(&table, "build-it-and-roll-it-out-slowly").unwrap();
        assert!(builds.template["spec"]["taskRunSpecs"].is_array() && row(&table, "p").unwrap().template.is_empty());
    }

    #[test]
    fn remote_resolution_is_off_until_the_operator_turns_it_on() {
        let git = "{apiVersion: tekton.dev/v1, kind: Pipeline, resolver: git, params: {url: u}}";
        let said = row(&RunTable::shipped(), git).unwrap_err();
        assert!(said.contains("turned off") && said.contains("`enabled: true`"), "{said}");
        let bundles = "{apiVersion: tekton.dev/v1, kind: Task, resolver: bundles, params: {}}";
        let said = row(&RunTable::shipped(), bundles).unwrap_err();
        assert!(
            said.contains(
                "task-by-bundles: \"{apiVersion: tekton.dev/v1, kind: Task, resolvers: [bundles], makes: TaskRun}\""
            ),
            "{said}"
        );
    }

    #[test]
    fn an_unknown_kind_shows_the_row_to_add() {
        let said = row(&RunTable::shipped(), "argoproj.io/v1alpha1/Workflow/w").unwrap_err();
        let shown = "workflow: \"{apiVersion: argoproj.io/v1alpha1, kind: Workflow, makes: CustomRun}\"";
        assert!(said.starts_with("annotation andante.dev/pipeline is `argoproj.io/v1alpha1/Workflow/w`:"), "{said}");
        assert!(said.contains("ConfigMap andante-runs") && said.contains(shown), "{said}");
        let (_, text) = shown.split_once(": \"").unwrap();
        assert!(RunRow::read(text.trim_end_matches('"')).is_ok(), "what is shown can be added");
        assert!(
            said.ends_with("or name one of: Pipeline, CronJob, Task, custom.tekton.dev/v1alpha1/TaskLoop")
                || said.contains("Pipeline"),
            "{said}"
        );
    }

    #[test]
    fn a_broken_row_is_told_of_where_it_is_missed() {
        let data = json!({"a": "{kind: Pipeline}", "t": "{apiVersion: tekton.dev/v1, kind: Task, makes: TaskRun}"});
        let table = RunTable::of_data(&data, "it");
        assert!(row(&table, "Task/t").is_ok());
        let said = row(&table, "p").unwrap_err();
        assert!(said.contains("row `a` cannot be read: the field `apiVersion` is missing"), "{said}");
    }

    #[test]
    fn what_a_broken_row_may_be_for_is_run_by_no_other_one() {
        let of = |broken: &str| {
            RunTable::of_data(
                &json!({"all": "{apiVersion: tekton.dev/v1, kind: Pipeline, makes: PipelineRun, account: all}",
                    "own": "{apiVersion: tekton.dev/v1, kind: Pipeline, name: own, makes: PipelineRun, account: own}",
                    "git": "{apiVersion: tekton.dev/v1, kind: Pipeline, resolvers: [git], makes: PipelineRun}",
                    "task": "{apiVersion: tekton.dev/v1, kind: Task, makes: TaskRun}", "x": broken}),
                "it",
            )
        };
        let git = "{apiVersion: tekton.dev/v1, kind: Pipeline, resolver: git, params: {url: u}}";
        let hidden = |broken: &str| {
            let table = of(broken);
            ["own", "p", git, "Task/t"].map(|what| match row(&table, what) {
                Ok(_) => false,
                Err(said) => {
                    assert!(said.contains("row `x` cannot be read: ") && said.contains("nothing is started"), "{said}");
                    true
                }
            })
        };
        // A named one is in the way of what it names alone, whatever is wrong in it.
        let named = |name: &str, slip: &str| {
            format!("{{apiVersion: tekton.dev/v1, kind: Pipeline, name: {name}, makes: PipelineRun, {slip}}}")
        };
        assert_eq!(hidden(&named("p", "acount: root")), [false, true, false, false]);
        assert_eq!(hidden(&named("own", "timeouts: soon")), [true, false, false, false]);
        assert_eq!(hidden(&named("another", "acount: root")), [false; 4]);
        // One that does not say whose it is may be the row for whatever has no row of its own name.
        assert_eq!(hidden("{apiVersion: tekton.dev/v1, kind: Pipeline}"), [false, true, false, false]);
        assert_eq!(
            hidden("{apiVersion: tekton.dev/v1, kind: Pipeline, resolvers: [git, 5], makes: x}"),
            [false, false, true, false]
        );
        assert_eq!(hidden("{apiVersion: tekton.dev/v1, kind: Pipeline, resolvers: [hub], makes: x}"), [false; 4]);
        assert_eq!(hidden("{apiVersion: tekton.dev/v1, kind"), [false, true, true, true]);
    }

    #[test]
    fn a_row_that_is_turned_off_hides_none_that_is_not() {
        let git = "{apiVersion: tekton.dev/v1, kind: Pipeline, resolver: git, params: {url: u}}";
        let off =
            "{apiVersion: tekton.dev/v1, kind: Pipeline, resolvers: [git, hub], enabled: false, makes: PipelineRun}";
        let on = "{apiVersion: tekton.dev/v1, kind: Pipeline, resolvers: [git], makes: PipelineRun, account: mine}";
        for (first, second) in [(off, on), (on, off)] {
            let table = RunTable::of_data(&json!({"a": first, "b": second}), "it");
            assert_eq!(row(&table, git).unwrap().account.as_deref(), Some("mine"));
            assert!(row(&table, &git.replace("git", "hub")).unwrap_err().contains("turned off"));
        }
        // What is turned off by its name stays so, whatever is on for its kind.
        let all = "{apiVersion: tekton.dev/v1, kind: Pipeline, makes: PipelineRun}";
        let named = "{apiVersion: tekton.dev/v1, kind: Pipeline, name: p, enabled: false, makes: PipelineRun}";
        let table = RunTable::of_data(&json!({"a": all, "b": named}), "it");
        assert!(row(&table, "p").unwrap_err().contains("turned off") && row(&table, "q").is_ok());
    }

    #[test]
    fn a_namespace_only_chooses() {
        let own = |text: &str| RunTable::shipped().chosen_by(&json!({"kinds": text}));
        let table = own("[{apiVersion: tekton.dev/v1, kind: Task}]").unwrap();
        assert!(row(&table, "Task/t").is_ok());
        assert!(row(&table, "p").unwrap_err().contains("of the namespace does not choose a Pipeline"));
        // What the operator does not have is not there because a namespace names it.
        let table = own("[{apiVersion: v1, kind: Pod}]").unwrap();
        assert!(row(&table, "v1/Pod/p").unwrap_err().contains("has no row"));
        assert!(RunTable::shipped().chosen_by(&json!({})).unwrap().chosen.is_none());
        for (data, why) in [
            (json!({"kinds": "x"}), "it is no list"),
            (json!({"kinds": "[{apiVersion: v1, kind: Pod, account: root}]"}), "an entry is not"),
            (json!({"pipeline": "{}"}), "this is not for a namespace to say"),
        ] {
            assert!(RunTable::shipped().chosen_by(&data).unwrap_err().why.starts_with(why), "{data}");
        }
    }
}
