//! How many pods users need.
//!
//! Decides which pods count as wanted by users: never those that a bound of ours asks for. How long they have to be wanted is
//! `demand`'s. It may use observed revisions and the record.

use crate::model::observed::Revision;
use crate::model::percent::Percent;
use crate::model::scaling::ScaleBound;
use crate::rollout::capacity::Capacity;

/// An arm with a smaller share says little of the whole: one pod that it wants more would be many.
const TELLING_SHARE: u32 = 20;

/// The pods for a share of users of whom all need `pods`: rounded up, because half a pod serves nobody.
pub(crate) fn pods_for(pods: u32, share: Percent) -> u32 {
    u32::try_from((u64::from(pods) * u64::from(share.get())).div_ceil(100)).unwrap_or(u32::MAX)
}

/// What one of the two revisions shows of the pods that its users want.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArmDemand<'a> {
    /// The Revision.
    pub(crate) revision: &'a Revision,
    /// The part of users that it has.
    pub(crate) share: Percent,
    /// How many pods they want.
    pub(crate) wanted: u32,
}

impl<'a> ArmDemand<'a> {
    /// As it is at this moment.
    pub(crate) fn now(known: Option<&Capacity>, revision: &'a Revision, share: Percent) -> Self {
        Self { revision, share, wanted: wanted_by_users(known, revision, share).unwrap_or_default() }
    }
}

/// The pods that users of a Revision with this share want now; none if the autoscaler does not know. As long as no more are wanted
/// than a floor of ours has asked for, users are taken to want what is known: the autoscaler follows a floor, and goes on for some
/// seconds after it was lowered.
pub(crate) fn wanted_by_users(known: Option<&Capacity>, revision: &Revision, share: Percent) -> Option<u32> {
    let wanted = u32::try_from(revision.desired).ok()?;
    let pods = known.map_or(0, |known| known.pods);
    let floor = known.and_then(|known| known.bound(revision, ScaleBound::MinScale));
    let floor = floor.filter(|floor| pods > 0 || floor.stands_on(revision));
    let is_asked = floor.is_some_and(|floor| floor.set.iter().any(|asked| wanted <= *asked));
    Some(if is_asked { wanted.min(pods_for(pods, share)) } else { wanted })
}

/// The pods that all users need, as these arms show. What was known stays where nothing shows more, and is 0 where nothing is
/// known, or the Service sleeps.
pub(crate) fn most_wanted(known: Option<&Capacity>, arms: &[ArmDemand<'_>]) -> u32 {
    let before = known.map_or(0, |capacity| capacity.pods);
    let found = arms.iter().filter_map(told).max().unwrap_or_default().max(before);
    if found > 0 {
        return found;
    }
    // All that is known of a Revision that an older rollout's floor still holds is that floor.
    let floors = arms.iter().filter(|arm| !arm.share.is_zero());
    let floors = floors.filter_map(|arm| {
        let bound = known?.bound(arm.revision, ScaleBound::MinScale)?;
        bound.stands_on(arm.revision).then_some(arm.revision.scaling.min)
    });
    floors.max().unwrap_or_default()
}

/// What one arm tells of the whole; none if it tells nothing.
fn told(arm: &ArmDemand<'_>) -> Option<u32> {
    let share = u32::from(arm.share.get());
    if arm.wanted == 0 || share < TELLING_SHARE {
        return None;
    }
    if arm.wanted <= arm.revision.scaling.min && share < 100 {
        // A floor asks for these, and not users; with all users on it the owner's floor is what they are to have.
        return None;
    }
    // The autoscaler rounds up: so many pods tell only of more than one fewer.
    Some(((arm.wanted - 1) * 100 / share) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    fn arm(desired: i64, min: Option<u32>) -> Revision {
        let annotations =
            min.map_or(json!({"a": "b"}), |min| json!({"autoscaling.knative.dev/min-scale": min.to_string()}));
        Revision::from_json(&json!({"metadata": {"name": "s1", "uid": "u", "annotations": annotations},
            "status": {"actualReplicas": 1, "desiredReplicas": desired}}))
        .unwrap()
    }

    fn percent(n: u8) -> Percent {
        n.to_string().parse().unwrap()
    }

    fn most(known: Option<&Capacity>, revision: &Revision, share: u8) -> u32 {
        most_wanted(known, &[ArmDemand::now(known, revision, percent(share))])
    }

    fn with_floor(floor: u32) -> Capacity {
        Capacity::default().with(&arm(1, None), ScaleBound::MinScale, floor, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_whole_is_what_stable_wants_before_the_first_floor() {
        assert_eq!(most(None, &arm(3, None), 100), 3);
        assert_eq!(most(None, &arm(5, Some(5)), 100), 5, "the owner's floor counts");
        assert_eq!(most(None, &arm(0, None), 100), 0, "asleep");
        assert_eq!(most(None, &arm(-1, None), 100), 0, "not known");
    }

    #[test]
    fn it_rises_by_what_users_want_and_never_by_a_floor() {
        assert_eq!(most(Some(&with_floor(3)), &arm(3, Some(3)), 100), 3, "all that is known");
        assert_eq!(most(Some(&with_floor(3)), &arm(5, Some(3)), 100), 5);
        assert_eq!(most(None, &arm(3, None), 50), 5, "more than 2 for half");
        assert_eq!(most(None, &arm(5, Some(5)), 50), 0, "the owner's floor tells nothing of half");
        assert_eq!(most(None, &arm(2, None), 1), 0, "one percent tells nothing");
    }

    proptest! {
        #[test]
        fn needs_are_monotone_and_never_above_the_whole(pods in 0_u32..500, a in 0_u8..=100, b in 0_u8..=100) {
            let (low, high) = (percent(a.min(b)), percent(a.max(b)));
            prop_assert!(pods_for(pods, low) <= pods_for(pods, high));
            prop_assert!(pods_for(pods, high) <= pods);
            prop_assert_eq!(pods_for(pods, Percent::FULL), pods);
        }

        /// Twenty steps, each looked at with its own floor standing, never add up to more than the whole.
        #[test]
        fn floors_do_not_feed_themselves(pods in 1_u32..60, shares in proptest::collection::vec(1_u8..=100, 1..20)) {
            let mut shares = shares;
            shares.sort_unstable();
            let mut capacity = Capacity { pods, ..Capacity::default() };
            for share in shares {
                let floor = pods_for(capacity.pods, percent(share));
                capacity = capacity.with(&arm(1, None), ScaleBound::MinScale, floor, Timestamp::UNIX_EPOCH);
                // The autoscaler wants what the floor asks for, and no more.
                capacity.pods = most(Some(&capacity), &arm(i64::from(floor), Some(floor)), share);
                prop_assert_eq!(capacity.pods, pods);
            }
        }
    }
}
