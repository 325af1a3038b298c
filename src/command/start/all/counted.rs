//! The runs that work, and so take a place.
//!
//! Decides what is done where their kind may not be followed: each is looked for now and then, and that is said once. It may use every
//! room.

use super::Follower;
use super::feeds::{run_of, runs, working};
use crate::adapter::clock::SystemClock;
use crate::command::Stop;
use crate::command::patient::answered_within;
use crate::command::people::failed;
use crate::model::api_error::ApiError;
use crate::rollout::start::queue::{RunKey, RunLook};
use crate::rollout::start::table::RunTable;
use crate::run::ports::Clock;

impl Follower<'_> {
    /// Counts the runs that work now, and leaves kinds out that the cluster does not have, or that may not be read.
    pub(super) async fn runs(&mut self) -> Result<(), Stop> {
        let kinds = self.table.as_ref().map(RunTable::run_kinds).unwrap_or_default();
        for kind in kinds {
            let of = runs(&kind, self.args.namespace.as_ref());
            let asked = async || self.kube.list_objects(&of, |object| working(&kind, &object)).await;
            match answered_within(self.args.reach.patience, asked).await {
                Ok(list) => {
                    self.queue.all_runs(
                        &kind.kind.kind,
                        list.items.iter().filter_map(run_of).collect(),
                        SystemClock.now(),
                    );
                    self.kinds.push(kind);
                }
                Err(ApiError::NoKind(_)) => {}
                Err(ApiError::Forbidden(why)) => {
                    self.say(format!(
                        "{} that work already are not counted, and the end of others is looked for once a minute: {why}",
                        kind.kind.resource
                    ));
                    self.unfollowed.insert(kind.kind.kind);
                }
                Err(error) => return Err(failed(&error)),
            }
        }
        Ok(())
    }

    /// Asks for a run whose kind is not followed.
    pub(super) async fn look_at(&mut self, key: &RunKey) {
        let (kind, namespace, name) = key;
        let of = self.table.as_ref().ok().and_then(|table| table.run_kind(kind));
        let came = match of.zip(namespace.parse().ok()) {
            None => RunLook::Over,
            Some((of, namespace)) => match self.kube.of_namespace(namespace).object(&of.kind, name).await {
                Ok(object) if of.seen(&object).is_some_and(|seen| !seen.state.is_over()) => RunLook::Works,
                Ok(_) | Err(ApiError::NotFound(_) | ApiError::NoKind(_)) => RunLook::Over,
                Err(ApiError::Forbidden(why)) => {
                    if self.unfollowed.insert(format!("{kind} unread")) {
                        let most = of.longest.as_secs() / 60;
                        self.say(format!(
                            "each {kind} counts as at work for {most} minutes, because it cannot be read: {why}"
                        ));
                    }
                    RunLook::Unknown(of.longest)
                }
                Err(error) => {
                    self.troubled(&error);
                    RunLook::Works
                }
            },
        };
        self.queue.looked(key, &came, SystemClock.now());
    }

    /// A run of this kind was started: whether its end will be news.
    pub(super) fn is_followed(&mut self, kind: &str) -> bool {
        let followed = self.kinds.iter().any(|of| of.kind.kind == kind);
        if !followed && self.unfollowed.insert(kind.to_owned()) {
            self.say(format!("whether a {kind} is over is looked for once a minute, because the table did not make any when this began"));
        }
        followed
    }
}
