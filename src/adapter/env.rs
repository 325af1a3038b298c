//! What the process is told from outside other than by arguments: environment variables, the service account's files
//! and the Downward API's.
//!
//! Decides which of several sources counts. Nothing else reads any of them (a lint holds that), and everything is read
//! through a value, so that a test can be in any environment. Depends on names and owners.

use crate::adapter::files;
use crate::model::name::{Namespace, RevisionName};
use crate::rollout::owner::{Owner, OwnerKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest of these files that is read, in bytes: a pod's labels cannot have more.
const LARGEST: u64 = 1 << 20;
const SERVICE_ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount";
/// Where the Downward API's volume is mounted, if there is one.
const PODINFO: &str = "etc/podinfo/labels";

/// A run that is named halfway or wrongly: somebody wired a parameter that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name} is {value:?}, which is not {wanted}")]
pub struct BadRun {
    source_name: &'static str,
    value: String,
    wanted: &'static str,
}

/// A kind of run, and where its name and uid come from: variables first, then the pod's labels.
struct RunSource {
    kind: OwnerKind,
    name: (&'static str, &'static str),
    uid: (&'static str, &'static str),
}

/// In order of preference: the outermost run is the owner, because it ends last.
const RUNS: [RunSource; 3] = [
    RunSource {
        kind: OwnerKind::PipelineRun,
        name: ("ANDANTE_PIPELINE_RUN", "tekton.dev/pipelineRun"),
        uid: ("ANDANTE_PIPELINE_RUN_UID", "tekton.dev/pipelineRunUID"),
    },
    RunSource {
        kind: OwnerKind::TaskRun,
        name: ("ANDANTE_TASK_RUN", "tekton.dev/taskRun"),
        uid: ("ANDANTE_TASK_RUN_UID", "tekton.dev/taskRunUID"),
    },
    RunSource {
        kind: OwnerKind::Job,
        name: ("ANDANTE_JOB", "batch.kubernetes.io/job-name"),
        uid: ("ANDANTE_JOB_UID", "batch.kubernetes.io/controller-uid"),
    },
];

/// The environment: variables, and the directory under which files are looked for.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    root: PathBuf,
}

impl Environment {
    /// The process's own. A value that is not Unicode counts as absent.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        Self {
            variables: variables.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect(),
            root: PathBuf::from("/"),
        }
    }

    /// An invented one: variables, and a directory that stands for `/`.
    pub fn invented<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>, root: &Path) -> Self {
        Self {
            variables: variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            root: root.to_owned(),
        }
    }

    /// A variable; an empty one counts as absent.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    fn file(&self, path: &str) -> Option<String> {
        let text = files::read_text(&self.root.join(path), LARGEST).ok()?;
        Some(text.trim().to_owned()).filter(|t| !t.is_empty())
    }

    /// True in a pod that has a service account: the API server's address and a token are there.
    pub fn in_pod(&self) -> bool {
        // Both: a pod may be told not to mount its token, and a shell may have inherited the variable.
        self.variable("KUBERNETES_SERVICE_HOST").is_some() && self.root.join(SERVICE_ACCOUNT).join("token").exists()
    }

    /// The pod's own namespace.
    pub fn pod_namespace(&self) -> Option<Namespace> {
        self.variable("ANDANTE_RUN_NAMESPACE")
            .map(str::to_owned)
            .or_else(|| self.file(&format!("{SERVICE_ACCOUNT}/namespace")))
            .and_then(|n| n.parse().ok())
    }

    /// How long ago this began, without asking anybody. In a pod that is when the process began that began this one, because
    /// Tekton's entrypoint waits in each step's container from the pod's start on; elsewhere, and where there is none, this
    /// process itself. None where the kernel does not tell.
    pub fn began_ago(&self) -> Option<Duration> {
        // Fields of stat(5) after the name, which may hold spaces and brackets: the parent is the second, the start the 20th.
        let stat = |process: &str| {
            let text = self.file(&format!("proc/{process}/stat"))?;
            let fields: Vec<u64> =
                text.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
            Some((*fields.get(1)?, *fields.get(19)?))
        };
        let (parent, own) = stat("self")?;
        // The first process of a container has no parent, or one that it cannot see. Outside a pod the parent may be
        // anything, a shell of last week.
        let entrypoint = stat(&parent.to_string()).filter(|_| parent > 0 && self.in_pod());
        let began = entrypoint.map_or(own, |(_, of_parent)| of_parent);
        let up: f64 = self.file("proc/uptime")?.split_whitespace().next()?.parse().ok()?;
        // Times stand in hundredths of a second since the machine's start, whatever the kernel's own clock is.
        let ago = Duration::try_from_secs_f64(up).ok()?;
        ago.checked_sub(Duration::from_millis(began.checked_mul(10)?))
    }

    /// Who sits at this terminal: `USER@host`.
    pub fn person(&self) -> String {
        let user = ["USER", "LOGNAME"].iter().find_map(|v| self.variable(v)).unwrap_or("somebody");
        format!("{user}@{}", self.host())
    }

    /// What this machine is called: in a pod, the pod's name.
    pub fn host(&self) -> String {
        self.file("proc/sys/kernel/hostname")
            .or_else(|| self.file("etc/hostname"))
            .or_else(|| self.variable("HOSTNAME").map(str::to_owned))
            .unwrap_or_else(|| "somewhere".to_owned())
    }

    /// The files that `KUBECONFIG` names, in order.
    pub fn kubeconfig(&self) -> Vec<PathBuf> {
        let paths = self.variable("KUBECONFIG").map(std::env::split_paths);
        paths.into_iter().flatten().filter(|p| !p.as_os_str().is_empty()).collect()
    }

    /// `~/.kube/config`, if it exists.
    pub fn home_kubeconfig(&self) -> Option<PathBuf> {
        let path = Path::new(self.variable("HOME")?).join(".kube/config");
        path.exists().then_some(path)
    }

    /// The directory of Docker's configuration, which need not exist.
    pub fn docker_config(&self) -> Option<PathBuf> {
        let named = self.variable("DOCKER_CONFIG").map(PathBuf::from);
        named.or_else(|| Some(Path::new(self.variable("HOME")?).join(".docker")))
    }

    /// git's files of settings outside repositories, in git's order; they need not exist.
    pub fn git_settings(&self) -> Vec<PathBuf> {
        let named = |name| self.variables.get(name).map(PathBuf::from);
        let without = self.variable("GIT_CONFIG_NOSYSTEM").is_some_and(|v| !matches!(v, "0" | "false" | "no" | "off"));
        let system = named("GIT_CONFIG_SYSTEM").unwrap_or_else(|| self.root.join("etc/gitconfig"));
        let mut paths: Vec<PathBuf> = if without { Vec::new() } else { vec![system] };
        let home = self.variable("HOME").map(PathBuf::from);
        if let Some(global) = named("GIT_CONFIG_GLOBAL") {
            paths.push(global);
        } else {
            let own = self.variable("XDG_CONFIG_HOME").map(PathBuf::from);
            paths.extend(own.or_else(|| Some(home.as_ref()?.join(".config"))).map(|d| d.join("git/config")));
            paths.extend(home.map(|home| home.join(".gitconfig")));
        }
        paths.retain(|path| path != Path::new("/dev/null") && !path.as_os_str().is_empty());
        paths
    }

    /// git's settings that the environment itself holds: names and values, in order.
    pub fn git_pairs(&self) -> Vec<(&str, &str)> {
        let count = self.variable("GIT_CONFIG_COUNT").and_then(|count| count.parse::<u16>().ok()).unwrap_or_default();
        let value = |name: &str, number| Some(self.variables.get(&format!("GIT_CONFIG_{name}_{number}"))?.as_str());
        (0..count).filter_map(|number| Some((value("KEY", number)?, value("VALUE", number)?))).collect()
    }

    /// The program of this name that `PATH` finds. Places that are seen from where the process is do not count: anybody's
    /// files may be there.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let places = std::env::split_paths(self.variable("PATH")?).filter(|place| place.is_absolute());
        places.map(|place| place.join(name)).find(|path| path.is_file())
    }

    /// The variables for another program, without those whose names begin like this.
    pub fn variables_without<'a>(&'a self, prefixes: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let kept = move |name: &str| !prefixes.iter().any(|prefix| name.starts_with(prefix));
        self.variables.iter().filter(move |(name, _)| kept(name)).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The proxy that the environment names for an address with this scheme: the variable, and what it says.
    pub fn proxy(&self, scheme: &str) -> Option<(&'static str, &str)> {
        let names = if scheme == "https" { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
        names.into_iter().find_map(|name| Some((name, self.variable(name)?)))
    }

    /// The addresses that are reached without a proxy.
    pub fn no_proxy(&self) -> &str {
        ["NO_PROXY", "no_proxy"].iter().find_map(|v| self.variable(v)).unwrap_or_default()
    }

    /// The run that this process is part of, or `None` at a terminal.
    pub fn run(&self) -> Result<Option<Owner>, BadRun> {
        self.first_of(&RUNS)
    }

    /// The TaskRun that this process is part of, whatever that is part of; none where it is named wrongly.
    pub fn task_run(&self) -> Option<Owner> {
        let [_, task, _] = &RUNS;
        self.first_of(std::slice::from_ref(task)).ok().flatten()
    }

    fn first_of(&self, sources: &[RunSource]) -> Result<Option<Owner>, BadRun> {
        let labels = self.file(PODINFO).map(|t| labels(&t)).unwrap_or_default();
        let find = |(variable, label): (&'static str, &'static str)| {
            let told = self.variable(variable).map(|v| (variable, v.to_owned()));
            told.or_else(|| labels.get(label).map(|v| (label, v.clone()))).filter(|(_, v)| !v.is_empty())
        };
        for source in sources {
            // A name without a uid is not enough: a run that is made again under its name would resume another's rollout.
            let (Some((name_source, name)), Some((uid_source, uid))) = (find(source.name), find(source.uid)) else {
                continue;
            };
            if name.parse::<RevisionName>().is_err() {
                return Err(BadRun { source_name: name_source, value: name, wanted: "the name of a run" });
            }
            // An unresolved `$(...)` would make every run the same owner.
            if !uid.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                return Err(BadRun { source_name: uid_source, value: uid, wanted: "a uid" });
            }
            let namespace = self.pod_namespace().ok_or(BadRun {
                source_name: "ANDANTE_RUN_NAMESPACE",
                value: self.variable("ANDANTE_RUN_NAMESPACE").unwrap_or_default().to_owned(),
                wanted: "the run's namespace",
            })?;
            return Ok(Some(Owner { kind: source.kind, name: format!("{namespace}/{name}"), uid }));
        }
        Ok(None)
    }
}

/// The Downward API's file of labels: lines of `key="value"`.
fn labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(k, v)| (k.trim().to_owned(), v.trim().trim_matches('"').to_owned())).collect()
}
