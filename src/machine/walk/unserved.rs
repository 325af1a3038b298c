//! A split that is written and not served yet.
//!
//! It may never be: where stable broke, Knative takes no split that names it. Where nobody was moved, users have nothing that
//! serves them, and the candidate, which is Ready, gets everyone at once; where it has everyone, there is nothing to go back
//! to, and it keeps them. Staging decides the first while it lasts (`stage::mending`).
//!
//! Or it is served, and Knative has a template to take up that somebody wrote meanwhile: that moves nobody.
//!
//! Or it is served, and would not be taken again: whoever in it lacks room for more pods, by load, is not Ready and serves.
//!
//! Decides how long it is waited for, and when a broken stable is believed. It may use observed revisions and the record.

use super::Walk;
use super::scene::Scene;
use crate::machine::capacity::counted;
use crate::machine::finish::finish;
use crate::machine::migration::misplaced;
use crate::machine::next::Next;
use crate::machine::rollback::Why;
use crate::machine::unserved::{nobody_is_served, none_serves};
use crate::model::event::{Event, Log, Topic};
use crate::model::observed::Truth;
use crate::model::outcome::Code;
use crate::model::ready::{Pods, pods, routes_stand};
use crate::model::time::{after, words};

impl Walk {
    /// A split is on its way. Users may be on the candidate already, so everything that can tell is asked.
    pub(super) fn unserved(&mut self, scene: &Scene<'_>, text: &str, log: &mut Log) -> Next {
        let (record, now) = (scene.record, scene.now);
        if let Some(lack) = lack_of_room(scene) {
            // Users have what was written, so nothing is late.
            self.waiting_since = Some(now);
            let kind: String = lack.chars().filter(|c| !c.is_ascii_digit()).collect();
            log.once_of(Topic::Wait, &kind, format!("no step is taken for now: {lack}"));
        }
        let since = *self.waiting_since.get_or_insert(now);
        let limit = after(since, self.goal.serve_within);
        if now >= limit {
            let reason = format!("the split was not served within {}: {text}", words(self.goal.serve_within));
            // Another target or the route keeps a split from being served; a sick candidate shows by its health.
            return self.go_back(scene, Why::blameless(Code::RolledBack, reason), log);
        }
        if scene.service.truth("RoutesReady") == Truth::False {
            log.once(Topic::Wait, format!("not served yet: {text}"));
        }
        if let Some(mend) = self.mend_users(scene, log) {
            return mend;
        }
        let limit =
            self.unserved_users.settles(self.goal.grace).filter(|at| *at > now).map_or(limit, |at| at.min(limit));
        // Where somebody wrote another template users stay where they were, so that nothing came under another split.
        if self.served.is_some() && routes_stand(scene.service) {
            return self.asking(self.wait(limit, record, now), scene, self.last_look, log);
        }
        self.last_look = false;
        self.approach_place(scene);
        let probe = record.step > 0;
        if probe {
            self.look_at_candidate(scene);
        }
        self.asking(self.wait(limit, record, now), scene, probe, log)
    }

    /// Ends the rollout with everyone on the candidate where stable has served nobody for the grace, and the candidate has
    /// nobody or everyone. None: it is not so, or has not lasted, or the candidate has no pod.
    fn mend_users(&mut self, scene: &Scene<'_>, log: &mut Log) -> Option<Next> {
        let (world, service, record) = (scene.world, scene.service, scene.record);
        let pinned = record.start.pinned();
        let served = service.served.iter().filter(|t| t.revision_name.as_deref() == Some(scene.candidate.as_str()));
        let has_all = served.map(|t| t.percent).sum::<i64>() == i64::from(record.start.whole());
        let why = if has_all { none_serves(&pinned, world) } else { nobody_is_served(&pinned, service, world) };
        self.unserved_users.see(why.is_some(), scene.now);
        let why = why?;
        let settles = self.unserved_users.settles(self.goal.grace)?;
        let is_up = world.revision(scene.candidate).is_some_and(|r| pods(r) == Pods::Up);
        if scene.now < settles || !is_up {
            return None;
        }
        let finish = finish(world, service, record, self.size, scene.now).ok()?;
        log.say(Topic::Stage, format!("{why}: there is nothing to protect, and no split is taken that names it"));
        self.finish_note = finish.stays_pinned;
        let mut order = finish.order;
        let to = if has_all { "keeps everyone, and the rollout ends here" } else { "gets everyone" };
        let what = format!("{} is Ready: it {to}, because stable serves nobody", scene.candidate);
        order.what = Event::new(Topic::Traffic, what);
        Some(Next::Write(Box::new(order)))
    }
}

/// Why the split that users have would not be taken now, where want of room is all that speaks against it: some in it serve,
/// and lack room for more pods.
fn lack_of_room(scene: &Scene<'_>) -> Option<String> {
    let (world, split) = (scene.world, &scene.record.split);
    if misplaced(scene.service, split) {
        return None;
    }
    let unready = split.revisions().into_iter().filter(|name| !world.serves(name));
    let lacks = unready.map(|name| {
        let revision = world.revision(name).filter(|r| r.actual > 0)?;
        let Pods::NoRoom(why) = pods(revision) else { return None };
        Some(format!(
            "{name} serves with {} and has no room for more ({why})",
            counted(u32::try_from(revision.actual).ok()?)
        ))
    });
    let lacks = lacks.collect::<Option<Vec<_>>>()?;
    (!lacks.is_empty()).then(|| format!("{}; Knative takes no split that names it", lacks.join(", ")))
}
