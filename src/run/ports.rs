//! What a rollout needs of the world, as small traits: the API server, the candidate's address, the clock, and a place
//! for what is said. Adapters implement them; tests put a model behind them.
//!
//! Decides what may be asked of the world, and nothing else. Depends on pure modules and `serde_json` only. Objects cross as
//! the API's own JSON, because a template must be written back whole.

pub mod runs;

use crate::evidence::compare::{CompareRow, RowTally};
use crate::evidence::gate::{Gate, Measured};
use crate::evidence::probe::{Answer, ProbeRequest};
use crate::evidence::reading::{Arms, NoReading, Reading};
use crate::model::api_error::ApiError;
use crate::model::bytes::Meaning;
use crate::model::ending::Ending;
use crate::model::event::Event;
use crate::model::name::{Namespace, RevisionName};
use crate::rollout::owner::{Liveness, Owner};
use crate::rollout::posting::Posting;
use jiff::Timestamp;
use serde_json::Value;

/// What a watch reports.
#[derive(Debug, Clone, PartialEq)]
pub enum WatchEvent {
    /// The object as it is now (added or modified).
    Now(Value),
    /// The object is gone; its last state.
    Deleted(Value),
    /// Nothing changed; the version to go on from.
    Bookmark(String),
}

/// A stream of changes. It ends with `None` when the server closes it; then a new one is asked for.
pub trait Watch {
    /// The next change, or the error that ended the watch.
    fn next(&mut self) -> impl Future<Output = Option<Result<WatchEvent, ApiError>>>;
}

/// A list and the version at which a watch can go on.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// The objects.
    pub items: Vec<Value>,
    /// `metadata.resourceVersion` of the list.
    pub version: String,
}

/// A kind of object whose name a tag's placeholder may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedKind {
    /// A Service of Kubernetes: what a placeholder is.
    Service,
    /// A Service of Knative, which has a placeholder of its name.
    KnativeService,
    /// A Route, which has one too.
    Route,
}

/// How a file is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplyCall {
    /// Fields of others are taken over; else they are a conflict.
    pub force: bool,
    /// What would be stored is told, and nothing is written.
    pub dry: bool,
}

/// The API server, as far as one Service in one namespace is concerned. Every call has its own time limit and is one
/// attempt: patience is the runner's.
pub trait Cluster {
    /// The type of its watches.
    type Watch: Watch;

    /// The namespace of all of it, for sentences.
    fn namespace(&self) -> Option<&Namespace> {
        None
    }
    /// GET of the Service.
    fn service(&self) -> impl Future<Output = Result<Value, ApiError>>;
    /// POST of a Service.
    fn create_service(&self, object: &Value) -> impl Future<Output = Result<Value, ApiError>>;
    /// PATCH of the Service with a JSON patch (RFC 6902), strict field validation, our field manager. The one way in
    /// which a rollout changes anything.
    // A JSON patch and not server-side apply: its `test` operations fence the record and the generation in the same write,
    // and an apply that leaves `spec.traffic` out would give it away: Knative would send everyone to latest (rule 8).
    fn patch_service(&self, patch: &Value) -> impl Future<Output = Result<Value, ApiError>>;
    /// The same as a dry run: the Service as it would be stored, with what admission fills in. Nothing is written.
    fn would_store(&self, _: &Value) -> impl Future<Output = Result<Value, ApiError>> {
        async { Err(ApiError::Invalid("nobody was named who could be asked".to_owned())) }
    }
    /// Server-side apply of the Service, under the field manager of files (`andante apply`). It makes a Service that is not there.
    fn apply_service(&self, _: &Value, _: ApplyCall) -> impl Future<Output = Result<Value, ApiError>> {
        async { Err(ApiError::Invalid("nobody was named to whom files could be applied".to_owned())) }
    }
    /// PATCH of one of its Revisions with a JSON patch. Nothing but the bounds of its scale is ever changed there, because
    /// whatever else stands in a Revision's annotations is part of its pods. The right to it is optional.
    fn patch_revision(&self, name: &RevisionName, patch: &Value) -> impl Future<Output = Result<Value, ApiError>>;
    /// WATCH of this Service alone from a version.
    fn watch_service(&self, version: &str) -> impl Future<Output = Result<Self::Watch, ApiError>>;
    /// LIST of the Service's Revisions.
    fn revisions(&self) -> impl Future<Output = Result<List, ApiError>>;
    /// WATCH of the Service's Revisions from a version.
    fn watch_revisions(&self, version: &str) -> impl Future<Output = Result<Self::Watch, ApiError>>;
    /// GET of the Service's Configuration.
    fn configuration(&self) -> impl Future<Output = Result<Value, ApiError>>;
    /// LIST of the pods of one Revision. The right to it is optional.
    fn pods(&self, name: &RevisionName) -> impl Future<Output = Result<Vec<Value>, ApiError>> {
        let name = name.to_string();
        async move { Err(ApiError::Forbidden(format!("list pods of {name}"))) }
    }
    /// Which digest an image reference means now, asked of its registry as Knative does, with the pull Secrets that a
    /// Service of this template has.
    fn meaning(&self, _: &str, _: &Value) -> impl Future<Output = Meaning> {
        async { Meaning::Unknown("nobody was named who could be asked".to_owned()) }
    }
    /// GET of another object of the namespace by its name. The right to it is optional.
    fn named(&self, _: NamedKind, name: &str) -> impl Future<Output = Result<Value, ApiError>> {
        let name = name.to_owned();
        async move { Err(ApiError::Forbidden(format!("get {name}"))) }
    }
    /// The annotations of the namespace. The right to it is optional.
    fn namespace_annotations(&self) -> impl Future<Output = Result<Value, ApiError>> {
        async { Err(ApiError::Forbidden("get namespaces".to_owned())) }
    }
    /// Why our own task is being ended; none where that cannot be read, or where there is no such task.
    fn ending(&self) -> impl Future<Output = Option<Ending>> {
        async { None }
    }
    /// Whether a run still runs. Missing rights are [`Liveness::Unknown`], not an error.
    fn liveness(&self, owner: &Owner) -> impl Future<Output = Liveness>;
}

/// Asks the candidate's own address.
pub trait Prober {
    /// Sends one request and says what came back, within the request's time limit.
    fn ask(&self, request: &ProbeRequest) -> impl Future<Output = Answer>;
}

/// A source of evidence.
pub trait Source {
    /// Reads the counters of both arms, all of them or none, within a time limit of its own. One attempt.
    fn read(&self, arms: &Arms) -> impl Future<Output = Result<Reading, NoReading>>;
    /// Asks one of the owner's gates about these revisions, within the same time limit. One attempt.
    fn measure(&self, _: &Gate, _: &Arms) -> impl Future<Output = Measured> {
        async { Measured::Unanswered("nobody was named who could be asked".to_owned()) }
    }
    /// Reads the counters of one of the owner's rows for both revisions, at one instant and within the same time limit. One
    /// attempt; an error says what is wrong, and is safe to print.
    fn count(&self, _: &CompareRow, _: &Arms) -> impl Future<Output = Result<RowTally, String>> {
        async { Err("nobody was named who could be asked".to_owned()) }
    }
}

/// No evidence: for machines that never ask for any.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSource;

impl Source for NoSource {
    async fn read(&self, _: &Arms) -> Result<Reading, NoReading> {
        Err(NoReading::NoSeries("no source of evidence was named".to_owned()))
    }
}

/// Everything that a machine is driven against, except the signals that it is sent and the sink of its lines.
#[derive(Debug)]
pub struct Ports<'a, C, P, E, K> {
    /// The API server.
    pub cluster: &'a C,
    /// The candidate's own address.
    pub prober: &'a P,
    /// The evidence.
    pub source: &'a E,
    /// The time.
    pub clock: &'a K,
}

/// Tells the time. Waiting is the runner's, on the runtime's own timer.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Takes what is said, one line an event.
pub trait Sink {
    /// Prints or keeps it.
    fn say(&mut self, at: Timestamp, said: &Event);
    /// Takes what is worth a Kubernetes Event as well. Nobody waits for it, and nobody asks what became of it.
    fn post(&mut self, _: Posting) {}
}
