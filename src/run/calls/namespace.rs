//! What the namespace says of suspension, read when a machine asks.
//!
//! Decides that the right to it is optional, and that what was read once counts until something else is. Depends on the ports and the
//! world.

use super::super::{ReadCall, Runner};
use crate::machine::next::GiveUp;
use crate::machine::world::NamespaceSaid;
use crate::model::api_error::ApiError;
use crate::model::event::Topic;
use crate::rollout::declaration::suspend::Suspended;
use crate::run::ports::{Clock, Cluster, Sink};

impl<C: Cluster, K: Clock, S: Sink> Runner<'_, C, K, S> {
    pub(super) async fn look_at_namespace(&mut self) -> Result<(), GiveUp> {
        let cluster = self.cluster;
        let answer = self.call(cluster.namespace_annotations()).await;
        let at = self.clock.now();
        let said = match answer {
            Ok(annotations) => {
                self.fine(ReadCall::Get);
                NamespaceSaid { at, suspended: Suspended::of_namespace(&annotations), unread: false }
            }
            Err(error) if error.is_passing() => {
                self.trouble(ReadCall::Get, &error)?;
                self.flush(at);
                self.pause_reads(&error).await;
                return Ok(());
            }
            Err(error) => match self.world.namespace_said.take().filter(|said| !said.unread) {
                // It could be read before, so it may be again.
                Some(said) if matches!(error, ApiError::Forbidden(_)) => NamespaceSaid { at, ..said },
                _ => {
                    let what = "whether the namespace is suspended cannot be read here (optional right)";
                    self.log.once(Topic::Note, format!("{what}: {error}"));
                    NamespaceSaid { at, suspended: None, unread: true }
                }
            },
        };
        self.world.namespace_said = Some(said);
        Ok(())
    }
}
