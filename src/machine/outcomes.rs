//! Ends that every machine shares: a claim that is refused, a write that is denied, a rollout that is over already.
//! Decides their exit codes and sentences. It may use the record, observed objects and outcomes.

use crate::machine::capacity::standing_words;
use crate::machine::claim::Claim;
use crate::machine::migration::cause_and_remedy;
use crate::machine::next::{GiveUp, Next};
use crate::machine::standing::{Followed, outcome_of, record_lost, who_moved};
use crate::machine::world::World;
use crate::model::event::{Log, Topic};
use crate::model::name::ServiceName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::time::after;
use crate::rollout::declaration::charge::in_care;
use crate::rollout::record::{BadRecord, EditOf, Phase, Record};
use crate::rollout::splits::Start;
use jiff::Timestamp;
use std::time::Duration;

/// How long the end waits for a last split to be served before it says so.
pub(crate) const LAST_WAIT: Duration = Duration::from_secs(30);

/// The end for a claim that says no.
pub(crate) fn refused(claim: Claim, record: Option<&Record>, service: &Service) -> Option<Outcome> {
    let record = record?;
    let (owner, id, name) = (&record.owner, &record.id, &service.name);
    match claim {
        Claim::Superseded => Some(
            outcome_of(
                Code::Superseded,
                format!(
                    "superseded by {owner}: this run did not begin after it ({}); nothing was written",
                    record.intent
                ),
                service,
            )
            .next("--force goes ahead all the same"),
        ),
        Claim::Busy => Some(
            outcome_of(
                Code::Busy,
                format!("{owner} holds {name} with rollout {id} until {}; nothing was written", record.deadline),
                service,
            )
            .next(format!("wait for it, `andante settle {}` to end it, or --if-busy supersede", service.called())),
        ),
        _ => None,
    }
}

/// So long until it is asked again whose turn it is.
const TURN: Duration = Duration::from_secs(5);

/// What a claim that says to wait comes to: a short wait, and the end at `deadline`.
pub(super) fn waits_its_turn(
    record: Option<&Record>,
    service: &Service,
    deadline: Timestamp,
    now: Timestamp,
    log: &mut Log,
) -> Next {
    if now >= deadline {
        return Next::end(outcome_of(Code::Busy, "still busy at the deadline; nothing was written", service));
    }
    if let Some(record) = record {
        log.once(Topic::Wait, format!("{} holds {} (rollout {}); waiting", record.owner, service.name, record.id));
    }
    // Nothing watches the owner's run, so the wait is short: the runner forgets what it knew of a run whenever time wakes
    // it.
    Next::wait(Some(after(now, TURN).min(deadline)))
}

/// That there is no such Service, and where it was looked for.
pub(crate) fn missing(service: &ServiceName, world: &World) -> String {
    let place = world.namespace.as_ref().map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
    format!("there is no Service {service}{place}")
}

/// What to do about a Service that is not there: whoever asks about one has it in mind, so the namespace is more likely wrong
/// than the Service missing.
pub(crate) const LOOK_ELSEWHERE: &str =
    "check name and namespace: `kubectl get services.serving.knative.dev --all-namespaces` lists them all";

/// The end of whoever needs a Service that is not there.
pub(crate) fn absent(service: &ServiceName, world: &World) -> Outcome {
    Outcome::new(Code::BadState, missing(service, world)).next(LOOK_ELSEWHERE)
}

/// The end of a write that the API server judged and refused.
pub(crate) fn denied(error: &crate::model::api_error::ApiError) -> Outcome {
    use crate::model::api_error::ApiError;
    match error {
        ApiError::Forbidden(_) | ApiError::Withdrawn(_) => Outcome::new(Code::NotPermitted, error.to_string())
            .next("add the rule and run the same again; until then traffic stays as it is"),
        ApiError::NoKind(_) => Outcome::new(Code::BadState, error.to_string())
            .next("install Knative Serving there, or name another cluster with --kubeconfig or --context"),
        ApiError::NotFound(_) => Outcome::new(Code::TakenOver, "the Service was deleted"),
        ApiError::Conflict(_) => Outcome::new(Code::TakenOver, error.to_string()),
        ApiError::Invalid(_) | ApiError::Exists(_) => Outcome::new(Code::BadInput, error.to_string()),
        _ => Outcome::new(Code::Unreachable, error.to_string()),
    }
}

/// The end of a machine that the runner stops.
pub(crate) fn gave_up(world: &World, why: GiveUp) -> Outcome {
    let mut outcome = match why {
        GiveUp::Unreachable(text) => Outcome::new(Code::Unreachable, text)
            .next("`andante status` when the cluster answers again; the same run goes on from the record"),
        GiveUp::NotPermitted(text) => Outcome::new(Code::NotPermitted, text)
            .next("give the right (or credentials that are believed) back and run the same again; until then traffic stays as it is"),
        GiveUp::Api(error) => denied(&error),
        GiveUp::Signal => Outcome::new(Code::Interrupted, "stopped by a signal before the last write was confirmed")
            .next("`andante status`, `andante settle`"),
    };
    outcome.traffic = world.service().and_then(|s| s.split.as_ref().ok()).cloned();
    outcome
}

/// The end of a rollout that is over already, as its record tells it.
pub(crate) fn ended_before(record: &Record, service: &Service) -> Outcome {
    let code = record.ended_as();
    let usual = if record.phase == Phase::Finished { "finished" } else { "rolled back" };
    let reason = record.reason.clone().unwrap_or_else(|| usual.into());
    let back = code.went_back() || code == Code::Superseded && record.phase == Phase::RolledBack;
    let mut what = if back && record.reason.is_some() { format!("rolled back: {reason}") } else { reason };
    if record.restored && record.phase == Phase::RolledBack {
        let stable = &record.start.stable;
        what = format!("{what}; the template was put back to what {stable} runs");
        if record.follows_again() {
            what = format!("{what}, and latest, which is {stable}, is followed again");
        }
    }
    let mut outcome = outcome_of(code, what, service);
    if let Some(ending) = record.ending {
        outcome.word = ending.word();
    }
    outcome.candidate.clone_from(&record.candidate);
    outcome.rollout = Some(record.id.clone());
    let mut next = Vec::new();
    // After a takeover traffic is as somebody else wrote it, which may well follow latest.
    if code == Code::TakenOver && record.edited == Some(EditOf::Template) {
        let newest = format!("`andante roll-out {} --revision newest`", service.called());
        next.push(format!(
            "the template that stands there now reaches nobody, since traffic is by name: {newest} walks users to it, or stage the same again to write over it"
        ));
    } else if record.start.followed_latest()
        && !record.follows_again()
        && code != Code::Done
        && !record.leaves_traffic()
    {
        let blamed = record.candidate.as_ref().is_none_or(|c| record.rejected.iter().any(|r| r.revision == *c));
        let name = &service.name;
        let stage = if code.blames() && blamed {
            format!("stage a mended image of {name}")
        } else {
            format!("stage {name} again")
        };
        next.push(format!("{}: {stage}", pinned_words(service)));
    } else if code == Code::Done {
        next.extend(Some(pinned_in_care(record, service)).filter(|why| !why.is_empty()));
    }
    for target in &record.left_out {
        next.push(format!("left out, restore it once it is Ready: {target}"));
    }
    outcome.next = next.join("; ");
    outcome
}

/// What it means that an owner who followed latest is by name after a way back.
pub(crate) fn pinned_words(service: &Service) -> String {
    let until = if in_care(service) { ", as in care" } else { " until a rollout ends well" };
    format!("traffic stays pinned by name{until}, so a plain `kn service update` reaches nobody")
}

/// Why an owner who followed latest is by name after a good end in care; none: that is no reason.
pub(crate) fn stays_by_name(start: &Start, service: &Service) -> Option<String> {
    let stays = start.followed_latest() && in_care(service);
    stays.then(|| format!("{} is in care; `andante detach {}` gives latest back", service.name, service.called()))
}

/// What a good end says of that; nothing where it is not so.
pub(crate) fn pinned_in_care(record: &Record, service: &Service) -> String {
    let why = stays_by_name(&record.start, service).filter(|_| record.split.latest_share().is_zero());
    why.map(|why| format!("traffic stays pinned: {why}")).unwrap_or_default()
}

/// The end of a rollout that is over at the share that its goal declares; also as any later process finds it.
pub(crate) fn finished_below(record: &Record, service: &Service) -> Outcome {
    let candidate = record.candidate.as_ref().map(ToString::to_string).unwrap_or_default();
    let (at, stable) = (record.ended_below().unwrap_or(Percent::FULL), &record.start.stable);
    let what = format!("finished at {at}, as the goal declares: {candidate} has that, {stable} keeps the rest");
    let next = format!(
        "another goal walks on from here; `andante settle {0} --to candidate` sends everyone to {candidate}, `--to stable` goes back to {1}",
        service.called(),
        record.start.restored(None, &record.tags)
    );
    let mut outcome = outcome_of(Code::Done, what, service).word("finished").next(next);
    outcome.candidate.clone_from(&record.candidate);
    outcome.rollout = Some(record.id.clone());
    outcome
}

/// The end where the record cannot be read. A rollout had begun, unless a newer Andante only writes it in another way.
pub(crate) fn unreadable(error: &BadRecord, service: &Service) -> Outcome {
    match error {
        BadRecord::Format(_) | BadRecord::TooLarge(_) => outcome_of(Code::BadState, error.to_string(), service),
        BadRecord::Unreadable(_) => record_lost(error.to_string(), service),
    }
}

/// Says of an end that its split is not served, why, and what to do about it.
pub(crate) fn unserved(outcome: &mut Outcome, world: &World, service: &Service) {
    let (cause, remedy) = cause_and_remedy(world, service);
    outcome.what.push_str("; written, but not confirmed as served yet");
    if !cause.is_empty() {
        outcome.what = format!("{} ({cause})", outcome.what);
    }
    if !remedy.is_empty() {
        outcome.next = if outcome.next.is_empty() { remedy } else { format!("{remedy}; {}", outcome.next) };
    }
}

/// The same end with the bounds of Revisions that the rollout set and that still stand, and who takes them away.
pub(crate) fn with_standing(mut outcome: Outcome, record: &Record, world: &World, service: &Service) -> Outcome {
    if let Some(words) = standing_words(record, world, &service.called()) {
        outcome.next = if outcome.next.is_empty() { words } else { format!("{}; {words}", outcome.next) };
    }
    outcome
}

/// Somebody else changed the traffic of a running rollout, whose process stops at that: `when` is empty, or when it was.
pub(crate) fn taken_over(service: &Service, when: &str) -> Outcome {
    let (who, name) = (who_moved(service, true), &service.name);
    let what = format!("{who} changed the traffic of {name}{when}; this run writes nothing more");
    let next = format!("`andante settle {}` closes the rollout and leaves traffic as it is", service.called());
    outcome_of(Code::TakenOver, what, service).next(next)
}

/// What was done, and that the next rollout began before it was confirmed as served, or answered.
pub(crate) fn followed(mut outcome: Outcome, done: &Followed) -> Outcome {
    let (what, by) = (&outcome.what, &done.newer.owner);
    outcome.what = if done.answered {
        format!("{what}; written, and {by} began the next rollout before that was confirmed as served")
    } else {
        format!("{what}; no answer came to that write, and {by} found it done and began the next rollout")
    };
    outcome
}

/// The word of an end at which there was nothing to do.
pub(crate) const UNCHANGED: &str = "unchanged";
/// The word of a good first deployment.
pub(crate) const CREATED: &str = "created";
/// The word of good staging: a walk may follow.
pub(crate) const STAGED: &str = "staged";

/// The end of good staging.
pub(crate) fn staged(world: &World, service: &Service, record: &Record, served: bool) -> Outcome {
    let candidate = record.candidate.as_ref();
    let name = candidate.map(ToString::to_string).unwrap_or_default();
    let url = service.tag_url(&record.tags.candidate).unwrap_or("an address that is not there yet").to_owned();
    let late = if served { "" } else { " (its address is not served yet)" };
    let digest = candidate.and_then(|c| world.revision(c)).and_then(|r| r.digest.clone());
    let runs = digest.as_ref().map(|digest| format!(", which runs {digest}")).unwrap_or_default();
    let mut outcome = outcome_of(Code::Done, format!("staged {name} at 0 %{late}: {url}{runs}"), service)
        .word(STAGED)
        .next(format!("andante walk {}", service.called()));
    outcome.candidate = candidate.cloned();
    outcome.digest = digest;
    outcome.rollout = Some(record.id.clone());
    outcome
}

/// The end of staging where the candidate is on its way already.
pub(crate) fn on_its_way(record: &Record, service: &Service) -> Outcome {
    let candidate = record.candidate.as_ref().map(ToString::to_string).unwrap_or_default();
    let what = format!("{candidate} is staged already and on its way (rollout {}); nothing was written", record.id);
    let next = format!("`andante walk {}` goes on", service.called());
    let mut outcome = outcome_of(Code::Done, what, service).word(STAGED).next(next);
    outcome.candidate.clone_from(&record.candidate);
    outcome.rollout = Some(record.id.clone());
    outcome
}

/// The word of a good revert.
pub(crate) const REVERTED: &str = "reverted";

/// The end of a good revert as its last write left the record.
pub(crate) fn reverted(record: &Record, service: &Service) -> Outcome {
    let serves = record.candidate.as_ref().unwrap_or(&record.start.stable);
    let image = record.image.as_deref().map(|image| format!(" ({image})")).unwrap_or_default();
    let follows = record.follows_again();
    let what = if follows {
        format!("reverted: the template is what serves{image}, and traffic follows latest again, which is {serves}")
    } else {
        format!("reverted: the template is what serves{image}; traffic stays on {serves} by name")
    };
    let mut outcome = outcome_of(Code::Done, what, service).word(REVERTED);
    if in_care(service) {
        outcome = outcome.next(pinned_in_care(record, service));
    } else if record.start.followed_latest() && record.start.follows_alone() && !follows {
        outcome = outcome.next("traffic stays pinned by name until a rollout ends well: roll out the same again");
    }
    outcome.candidate = Some(serves.clone());
    outcome.rollout = Some(record.id.clone());
    outcome
}

/// The same end with the digest of what its revision runs, where that is known. Every end that names a revision has it, also
/// that of a process that only finds out how an earlier one ended.
pub(crate) fn with_digest(mut outcome: Outcome, world: &World) -> Outcome {
    if outcome.digest.is_none() {
        let revision = outcome.candidate.as_ref().and_then(|name| world.revision(name));
        outcome.digest = revision.and_then(|revision| revision.digest.clone());
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::record::tests::record;
    use serde_json::json;

    #[test]
    fn whose_turn_is_not_yet_looks_again_soon_and_gives_up_at_the_deadline() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let service = json!({"metadata": {"name": "hello", "uid": "u", "generation": 1}});
        let service = Service::from_json(&service).unwrap();
        let (held, mut log) = (record(), Log::default());
        let mut next = |now| waits_its_turn(Some(&held), &service, at(12), at(now), &mut log);
        assert_eq!([next(0), next(5), next(10)], [5, 10, 12].map(|until| Next::wait(Some(at(until)))));
        let Next::End(end) = next(12) else { panic!("an end") };
        assert_eq!(end.code, Code::Busy);
        let said: Vec<_> = log.take().into_iter().map(|event| event.text).collect();
        assert_eq!(said, ["kim holds hello (rollout r1); waiting"], "once");
    }
}
