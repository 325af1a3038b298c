//! Asks both revisions the same requests, in pairs, at their own addresses.
//!
//! Decides which request is next, which of the two is asked first, and how fast. The first pair wakes both and is not judged. The two
//! of a pair are asked one after the other, so that neither is held up by the other one; which is first is drawn by lot, because
//! what the sign test rests on is that draw. It may use the evidence of pairs; time is an argument.

use crate::evidence::probe::{Answer, ProbeRequest};
use crate::evidence::replay::{ReplayRules, ReplayedRequest, Score, ScoreVerdict};
use crate::model::event::{Log, Topic};
use crate::model::time::{after, words};
use jiff::Timestamp;
use std::time::Duration;

/// How long an answer of the first pair may take: a cold start may be behind it.
const WAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time until an address that could not be reached is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be asked, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replay {
    /// The requests; they are asked in turn, again from the first one after the last.
    pub requests: Vec<ReplayedRequest>,
    /// How many pairs are judged.
    pub pairs: u64,
    /// Time from the beginning of one pair to that of the next, at least.
    pub every: Duration,
    /// Time limit of one request.
    pub timeout: Duration,
    /// How long an address may be out of reach from here.
    pub patience: Duration,
    /// By what pairs are judged.
    pub rules: ReplayRules,
    /// What lots are drawn from.
    pub seed: u64,
}

/// The addresses of both.
#[derive(Debug, Clone, Copy)]
pub(super) struct BothAddresses<'a> {
    /// Stable's.
    pub(super) stable: &'a str,
    /// The candidate's.
    pub(super) candidate: &'a str,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Stable,
    Candidate,
}

/// Pairs that are being asked.
#[derive(Debug, Clone)]
pub(super) struct Replaying {
    replay: Replay,
    score: Score,
    /// The pair that is asked, counted from 0; that one wakes both.
    pair: u64,
    /// When it began; none: not yet.
    began: Option<Timestamp>,
    /// The answer to its first request.
    half: Option<Answer>,
    /// A request is out.
    out: bool,
    next_at: Option<Timestamp>,
    /// Since when an address cannot be reached.
    out_since: Option<Timestamp>,
    out_of_reach: Option<String>,
}

impl Replaying {
    pub(super) fn new(replay: Replay) -> Self {
        Self {
            replay,
            score: Score::default(),
            pair: 0,
            began: None,
            half: None,
            out: false,
            next_at: None,
            out_since: None,
            out_of_reach: None,
        }
    }

    /// Who is asked next: the first of a pair by lot, then the other one.
    fn side(&self) -> Side {
        let first = if mixed(self.replay.seed, self.pair) & 1 == 0 { Side::Stable } else { Side::Candidate };
        match (&self.half, first) {
            (None, first) => first,
            (Some(_), Side::Stable) => Side::Candidate,
            (Some(_), Side::Candidate) => Side::Stable,
        }
    }

    fn request(&self) -> Option<&ReplayedRequest> {
        let all = &self.replay.requests;
        let index = self.pair.saturating_sub(1) % (all.len() as u64).max(1);
        all.get(usize::try_from(index).ok()?)
    }

    /// True once every pair was asked.
    fn is_done(&self) -> bool {
        self.score.pairs() >= self.replay.pairs
    }

    /// True while the first pair is asked.
    pub(super) fn is_waking(&self) -> bool {
        self.pair == 0
    }

    /// The request that is due, if none is out.
    pub(super) fn due(&self, addresses: BothAddresses<'_>, now: Timestamp) -> Option<ProbeRequest> {
        if self.out || self.is_done() || self.next_at.is_some_and(|at| now < at) {
            return None;
        }
        let request = self.request()?;
        let url = match self.side() {
            Side::Stable => addresses.stable,
            Side::Candidate => addresses.candidate,
        };
        Some(ProbeRequest {
            url: url.to_owned(),
            path: request.path.clone(),
            timeout: if self.is_waking() { self.replay.timeout.max(WAKE_TIMEOUT) } else { self.replay.timeout },
            form: Some(request.form.clone()),
        })
    }

    /// The request that was due is out.
    pub(super) fn asked(&mut self, now: Timestamp) {
        self.out = true;
        self.began.get_or_insert(now);
    }

    /// An answer came.
    pub(super) fn answered(&mut self, answer: &Answer, now: Timestamp, log: &mut Log) {
        self.out = false;
        if let Answer::Unreachable(why) = answer {
            let since = *self.out_since.get_or_insert(now);
            let patience = words(self.replay.patience);
            log.once(Topic::Check, format!("{why}: that says nothing of the candidate; it is tried for {patience}"));
            // The pair begins anew: an answer from before and one from after would be of two different times.
            (self.half, self.next_at) = (None, Some(after(now, PAUSE.max(self.replay.every))));
            if now >= after(since, self.replay.patience) {
                self.out_of_reach = Some(format!("an address could not be reached from here for {patience}: {why}"));
            }
            return;
        }
        let side = self.side();
        let Some(first) = self.half.take() else {
            self.half = Some(answer.clone());
            return;
        };
        // One that answers says nothing of the other one's address: only a whole pair ends the outage.
        self.out_since = None;
        let (stable, candidate) = if side == Side::Candidate { (&first, answer) } else { (answer, &first) };
        if let Some(request) = self.request().filter(|_| !self.is_waking()) {
            // A query may hold a secret, so it is not said.
            let path = request.path.split('?').next().unwrap_or_default();
            self.score.add(&format!("{} {path}", request.form.method), stable, candidate, &self.replay.rules);
        }
        self.pair += 1;
        self.next_at = self.began.take().map(|began| after(began, self.replay.every).max(now));
    }

    /// What pairs say once they are enough; none: more are asked. One that is worse is not asked to the end.
    pub(super) fn verdict(&self) -> Option<ScoreVerdict> {
        let verdict = self.score.verdict(&self.replay.rules);
        (self.is_done() || matches!(verdict, ScoreVerdict::Worse(_))).then_some(verdict)
    }

    /// Why there is no verdict and none to be waited for.
    pub(super) fn out_of_reach(&self) -> Option<&str> {
        self.out_of_reach.as_deref()
    }

    /// When the next request is due, if none is out.
    pub(super) fn next_moment(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_at.filter(|at| !self.out && *at > now)
    }

    /// What is being done, in words that stay the same meanwhile.
    pub(super) fn wanted(&self) -> String {
        let Replay { requests, pairs, every, .. } = &self.replay;
        let names = if requests.len() == 1 { "1 request".to_owned() } else { format!("{} requests", requests.len()) };
        format!("asking stable and the candidate {names} in {pairs} pairs, one every {} at most", words(*every))
    }

    /// How far it is.
    pub(super) fn progress(&self) -> String {
        format!("{} of {} pairs were asked", self.score.pairs(), self.replay.pairs)
    }
}

/// A number drawn from a seed for a place: `SplitMix64`'s finaliser (Steele, Lea and Flood 2014).
fn mixed(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: BothAddresses<'_> = BothAddresses { stable: "http://s", candidate: "http://c" };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    fn replay(pairs: u64) -> Replay {
        let methods = ["GET".to_owned(), "HEAD".to_owned()];
        Replay {
            requests: crate::evidence::replay::read("/a?key=secret\nHEAD /b\n", &methods).unwrap().requests,
            pairs,
            every: Duration::from_millis(200),
            timeout: Duration::from_secs(5),
            patience: Duration::from_secs(10),
            rules: ReplayRules::default(),
            seed: 7,
        }
    }

    fn http(status: u16) -> Answer {
        Answer::Http { status, headers: vec![], body: String::new(), latency: Duration::from_millis(10) }
    }

    /// Asks to the end; each answer takes 10 ms. Who was asked what, and when.
    fn play(replaying: &mut Replaying, answer: impl Fn(&ProbeRequest) -> Answer) -> Vec<(i64, ProbeRequest)> {
        let (mut log, mut asked, mut ms) = (Log::default(), Vec::new(), 0);
        while replaying.verdict().is_none() && replaying.out_of_reach().is_none() && ms < 600_000 {
            if let Some(request) = replaying.due(BOTH, at(ms)) {
                assert_eq!(replaying.due(BOTH, at(ms)), Some(request.clone()), "asked twice, the same answer");
                replaying.asked(at(ms));
                assert_eq!(replaying.due(BOTH, at(ms)), None, "one at a time");
                let answer = answer(&request);
                asked.push((ms, request));
                ms += 10;
                replaying.answered(&answer, at(ms), &mut log);
            } else {
                ms = replaying.next_moment(at(ms)).unwrap().as_millisecond();
            }
        }
        asked
    }

    #[test]
    fn both_are_asked_the_same_in_pairs_and_neither_is_always_first() {
        let mut replaying = Replaying::new(replay(80));
        let asked = play(&mut replaying, |_| http(200));
        assert_eq!(asked.len(), 2 * 81, "80 pairs and the one that wakes");
        let mut first_is_stable = 0;
        for (index, pair) in asked.chunks(2).enumerate() {
            let (one, other) = (&pair[0].1, &pair[1].1);
            assert_eq!((&one.path, &one.form), (&other.path, &other.form));
            assert_ne!(one.url, other.url);
            first_is_stable += usize::from(one.url == "http://s");
            if index > 0 {
                let path = if index % 2 == 1 { "/a?key=secret" } else { "/b" };
                assert_eq!((one.path.as_str(), one.timeout), (path, Duration::from_secs(5)), "pair {index}");
                assert_eq!(pair[0].0 - asked[2 * index - 2].0, 200, "one every 200 ms");
            } else {
                assert_eq!(one.timeout, WAKE_TIMEOUT);
            }
        }
        assert!((25..=56).contains(&first_is_stable), "{first_is_stable} of 81");
        assert!(matches!(replaying.verdict(), Some(ScoreVerdict::Good(_))), "{:?}", replaying.verdict());
    }

    #[test]
    fn one_that_is_worse_is_found_early_and_no_query_is_said() {
        let mut replaying = Replaying::new(replay(500));
        let asked = play(&mut replaying, |request| http(if request.url == "http://c" { 500 } else { 200 }));
        let Some(ScoreVerdict::Worse(why)) = replaying.verdict() else { panic!("not worse") };
        assert!(asked.len() <= 2 * 13, "{} requests", asked.len());
        assert!(why.contains("GET /a: 2xx of stable, 5xx of the candidate") && !why.contains("secret"), "{why}");
    }

    #[test]
    fn what_the_first_pair_answers_is_not_judged() {
        let mut replaying = Replaying::new(replay(75));
        play(
            &mut replaying,
            |request| if request.timeout == WAKE_TIMEOUT { Answer::Silent("cold".into()) } else { http(200) },
        );
        let Some(ScoreVerdict::Good(said)) = replaying.verdict() else { panic!("not good") };
        assert!(said.starts_with("failed 0 of 75 requests, stable 0"), "{said}");
    }

    /// Whichever of the two is asked first.
    #[test]
    fn one_address_out_of_reach_is_given_up_on_although_the_other_answers() {
        for seed in 0..8 {
            for away in ["http://s", "http://c"] {
                let mut replaying = Replaying::new(Replay { seed, ..replay(75) });
                let asked = play(&mut replaying, |request| {
                    if request.url == away { Answer::Unreachable("no such name".into()) } else { http(200) }
                });
                assert!(replaying.out_of_reach().is_some() && asked.len() < 30, "{seed} {away}: {} asked", asked.len());
            }
        }
    }

    #[test]
    fn an_address_out_of_reach_begins_a_pair_anew_and_is_not_tried_for_ever() {
        let mut log = Log::default();
        let mut replaying = Replaying::new(replay(75));
        replaying.asked(at(0));
        replaying.answered(&http(200), at(5), &mut log);
        replaying.asked(at(5));
        replaying.answered(&Answer::Unreachable("no such name".into()), at(10), &mut log);
        assert_eq!((replaying.half.as_ref(), replaying.due(BOTH, at(500))), (None, None));
        assert!(replaying.due(BOTH, at(1010)).is_some());
        let asked = play(&mut replaying, |_| Answer::Unreachable("no such name".into()));
        let why = "an address could not be reached from here for 10s: no such name";
        assert_eq!((replaying.out_of_reach(), asked.len() < 20), (Some(why), true));
    }
}
