//! Users in care are named as soon as somebody who follows sees that they follow latest.
//!
//! Decides what is said of it, and that what cannot be done stops nothing else. It may use every room.

use super::Follower;
use crate::adapter::clock::SystemClock;
use crate::command::care::naming;
use crate::model::api_error::ApiError;
use crate::model::name::Namespace;
use crate::rollout::start::due::ServiceKey;
use crate::rollout::start::pins::PinCame;
use crate::run::ports::Clock;
use crate::run::start::pin::pin;
use jiff::Timestamp;

impl Follower<'_> {
    /// Names the users of one Service, if one waits for that; true if it did.
    // At once and one at a time: an edit that comes meanwhile would reach everybody, and whoever waits for a run waits no longer
    // than for one of these.
    pub(super) async fn name_next(&mut self) -> bool {
        if self.args.dry_run {
            return false;
        }
        let Some(key) = self.unnamed.next(SystemClock.now()) else { return false };
        let came = self.name_users(&key).await;
        self.unnamed.took(&key, came, SystemClock.now());
        true
    }

    async fn name_users(&mut self, key: &ServiceKey) -> PinCame {
        let kube = self.kube.of_namespace(key.namespace.clone());
        let machine = naming(&key.name, self.owner.clone());
        match pin(&kube, &key.name, machine, &SystemClock).await {
            Ok((PinCame::Held, _)) if !self.spaces => PinCame::Later,
            Ok((came, said)) => {
                if let Some(said) = said {
                    self.say(format!("{key}: {said}"));
                }
                came
            }
            // The right to it is optional.
            Err(ApiError::Forbidden(why)) => {
                if self.unfollowed.insert("users".to_owned()) {
                    self.say(format!(
                        "users who follow latest are named by the first run of their Service, not as soon as it is seen: {why}"
                    ));
                }
                PinCame::Left
            }
            Err(error) => {
                // What a webhook refuses it may let through later, which is no event of the Service.
                if error.is_passing() || self.unnamed.refused(key) {
                    self.say(format!("{key}: users follow latest, and could not be named: {error}"));
                }
                PinCame::Later
            }
        }
    }

    /// These namespaces are not suspended.
    pub(super) fn lifted(&mut self, is_of: impl Fn(&Namespace) -> bool, now: Timestamp) {
        self.queue.lifted(&is_of, now);
        self.unnamed.lifted(is_of, now);
    }
}
