//! What pairs of answers say: does the candidate fail more of the same requests, refuse more of them, or take longer?
//!
//! Decides who did worse in a pair, and when pairs are enough. Three sign tests share one error by weights that sum to 1, as a
//! weighted mean of e-values is one. "No worse so far" is no proof that requests do not fail, so a pass needs a bound as well: at most
//! the tolerated part of such requests is worse answered by the candidate alone.

use super::sign::SignTest;
use crate::evidence::bound::upper_of;
use crate::evidence::counts::real;
use crate::evidence::logs::log_sum;
use crate::evidence::probe::Answer;
use std::collections::BTreeMap;
use std::time::Duration;

/// Weights of failures, of classes and of times.
// What fails is what users feel first; a class that differs (404 in place of 200) is as loud, so it needs less.
const WEIGHTS: [f64; 3] = [0.5, 0.3, 0.2];
/// So many different differences are told apart; what comes after is counted with none of them.
const MOST_TOLD: usize = 100;
/// So many of them are said.
const SAID: usize = 3;

/// By what pairs are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplayRules {
    /// How often at most a candidate that answers like stable is called worse; between 0 and 1.
    pub alpha: f64,
    /// How often at most one passes that answers more than `tolerated` worse; between 0 and 1.
    pub beta: f64,
    /// The part of requests that the candidate alone may answer worse; between 0 and 1.
    pub tolerated: f64,
    /// The candidate is the slower one of a pair if it takes more than so many times as long; none: times are not compared.
    pub slower: Option<f64>,
}

/// The defaults of the command line.
impl Default for ReplayRules {
    fn default() -> Self {
        Self { alpha: 0.01, beta: 0.05, tolerated: 0.05, slower: Some(1.5) }
    }
}

impl ReplayRules {
    /// The fewest pairs after which a candidate that answers every one of them well can pass.
    pub fn least_pairs(&self) -> u64 {
        let (mut low, mut high) = (0_u64, 1_u64 << 40);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if upper_of(0.0, real(middle), self.beta) <= self.tolerated { high = middle } else { low = middle }
        }
        high
    }
}

/// How an answer ranks: what a user got, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// 1xx and 2xx.
    Good,
    /// 3xx.
    Elsewhere,
    /// 4xx.
    Refused,
    /// 5xx.
    Failed,
    /// None in time, or one that broke off.
    Silent,
}

impl Class {
    fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Http { status: ..300, .. } => Self::Good,
            Answer::Http { status: 300..400, .. } => Self::Elsewhere,
            Answer::Http { status: 400..500, .. } => Self::Refused,
            Answer::Http { .. } => Self::Failed,
            Answer::Silent(_) | Answer::Unreachable(_) => Self::Silent,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Good => "2xx",
            Self::Elsewhere => "3xx",
            Self::Refused => "4xx",
            Self::Failed => "5xx",
            Self::Silent => "no answer",
        }
    }

    fn is_failure(self) -> bool {
        self >= Self::Failed
    }

    /// The rank that is compared: an answer from elsewhere is as good as one from here, and no answer as bad as a failure.
    fn rank(self) -> u8 {
        match self {
            Self::Good | Self::Elsewhere => 0,
            Self::Refused => 1,
            Self::Failed | Self::Silent => 2,
        }
    }
}

/// Pairs so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Score {
    pairs: u64,
    /// Pairs in which stable did not fail, so that the candidate could do worse.
    able: u64,
    /// Failures of stable and of the candidate.
    failed: (u64, u64),
    failures: SignTest,
    classes: SignTest,
    times: SignTest,
    /// What differed how often: the request, and the classes of stable and the candidate.
    differing: BTreeMap<(String, Class, Class), u64>,
}

/// What pairs say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScoreVerdict {
    /// The candidate answers worse: why.
    Worse(String),
    /// That more than the tolerated part is answered worse is excluded: how far.
    Good(String),
    /// Neither: why.
    Open(String),
}

impl Score {
    /// Adds a pair of answers to this request.
    pub fn add(&mut self, request: &str, stable: &Answer, candidate: &Answer, rules: &ReplayRules) {
        let (of_stable, of_candidate) = (Class::of(stable), Class::of(candidate));
        self.pairs += 1;
        self.failed.0 += u64::from(of_stable.is_failure());
        self.failed.1 += u64::from(of_candidate.is_failure());
        let differ = of_stable.is_failure() != of_candidate.is_failure();
        self.failures.add(differ.then(|| of_candidate.is_failure()));
        let ranks = (of_stable.rank(), of_candidate.rank());
        self.able += u64::from(!of_stable.is_failure());
        self.classes.add((ranks.0 != ranks.1).then_some(ranks.1 > ranks.0));
        if let (Some(times), true, Some((of_stable, of_candidate))) =
            (rules.slower, ranks == (0, 0), took(stable).zip(took(candidate)))
        {
            // With the margin on the candidate's side alone a pair is lost less often than won where both are alike.
            self.times.add(Some(of_candidate.as_secs_f64() > times * of_stable.as_secs_f64()));
        }
        if of_stable != of_candidate {
            let what = (request.to_owned(), of_stable, of_candidate);
            if self.differing.len() < MOST_TOLD || self.differing.contains_key(&what) {
                *self.differing.entry(what).or_default() += 1;
            }
        }
    }

    /// Pairs so far.
    pub fn pairs(&self) -> u64 {
        self.pairs
    }

    /// `ln E` against "the candidate answers like stable".
    fn ln_e(&self) -> f64 {
        let tests = [self.failures, self.classes, self.times];
        let logs: Vec<f64> = WEIGHTS.iter().zip(tests).map(|(weight, test)| weight.ln() + test.ln_e()).collect();
        log_sum(&logs)
    }

    /// What they say.
    pub fn verdict(&self, rules: &ReplayRules) -> ScoreVerdict {
        let counted = format!("failed {} of {} requests, stable {}", self.failed.1, self.pairs, self.failed.0);
        if self.ln_e() >= -rules.alpha.ln() {
            let loudest = [
                (self.times, self.slow_words(rules)),
                (self.classes, format!("answered {} of {} requests worse than stable", self.classes.lost, self.pairs)),
                // The last of equals is said: what fails is the plainer word for a class that is worse.
                (self.failures, format!("alone {counted} of the same")),
            ];
            let why = loudest.into_iter().max_by(|a, b| a.0.ln_e().total_cmp(&b.0.ln_e())).map(|(_, why)| why);
            return ScoreVerdict::Worse(format!("{}{}", why.unwrap_or_default(), self.differences()));
        }
        let bound = upper_of(real(self.classes.lost), real(self.able), rules.beta);
        let bounded = format!("{counted}; the candidate alone answers at most {} worse", percent(bound));
        let differences = self.differences();
        if bound <= rules.tolerated {
            ScoreVerdict::Good(format!("{bounded}{differences}"))
        } else {
            ScoreVerdict::Open(format!("{bounded}, and {} is tolerated{differences}", percent(rules.tolerated)))
        }
    }

    fn slow_words(&self, rules: &ReplayRules) -> String {
        let all = self.times.lost + self.times.won;
        let times = rules.slower.unwrap_or_default();
        format!("took more than {times} times as long as stable for {} of {all} requests", self.times.lost)
    }

    /// What differed most often, in words that follow a sentence.
    fn differences(&self) -> String {
        let mut told: Vec<_> = self.differing.iter().collect();
        told.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        let said = told.iter().take(SAID).map(|((request, stable, candidate), times)| {
            format!("{request}: {} of stable, {} of the candidate ({times} times)", stable.word(), candidate.word())
        });
        let said: Vec<String> = said.collect();
        if said.is_empty() { String::new() } else { format!("; {}", said.join("; ")) }
    }
}

fn took(answer: &Answer) -> Option<Duration> {
    match answer {
        Answer::Http { latency, .. } => Some(*latency),
        Answer::Silent(_) | Answer::Unreachable(_) => None,
    }
}

/// A part in percent, with two significant digits, rounded up.
fn percent(part: f64) -> String {
    let percent = part * 100.0;
    let scale = if percent >= 10.0 { 1.0 } else { 10.0 };
    format!("{} %", (percent * scale - 1e-9).ceil() / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn http(status: u16, ms: u64) -> Answer {
        Answer::Http { status, headers: vec![], body: String::new(), latency: Duration::from_millis(ms) }
    }

    fn after(pairs: &[(Answer, Answer)], times: usize) -> ScoreVerdict {
        let (mut score, rules) = (Score::default(), ReplayRules::default());
        for (stable, candidate) in pairs.iter().cycle().take(times) {
            score.add("GET /a", stable, candidate, &rules);
        }
        score.verdict(&rules)
    }

    #[test]
    fn one_that_answers_alike_passes_after_enough_pairs() {
        let least = usize::try_from(ReplayRules::default().least_pairs()).unwrap();
        assert_eq!(least, 74, "3.7/0.05");
        let alike = [(http(200, 20), http(204, 22)), (http(404, 3), http(404, 3))];
        let why =
            "failed 0 of 73 requests, stable 0; the candidate alone answers at most 5.1 % worse, and 5 % is tolerated";
        assert_eq!(after(&alike, least - 1), ScoreVerdict::Open(why.to_owned()));
        let good = "failed 0 of 74 requests, stable 0; the candidate alone answers at most 5 % worse";
        assert_eq!(after(&alike, least), ScoreVerdict::Good(good.to_owned()));
        // Where stable fails, the candidate cannot do worse, and nothing is proved of it.
        let failing = [(http(200, 20), http(200, 20)), (http(500, 3), http(503, 3))];
        assert!(matches!(after(&failing, least), ScoreVerdict::Open(_)));
        assert!(matches!(after(&failing, 2 * least), ScoreVerdict::Good(_)));
        assert!(matches!(after(&failing[1..], 1000), ScoreVerdict::Open(_)));
    }

    #[test]
    fn one_that_fails_refuses_or_is_silent_is_found_in_a_dozen_pairs() {
        for (bad, why) in [
            (
                http(500, 5),
                "alone failed 12 of 12 requests, stable 0 of the same; GET /a: 2xx of stable, 5xx of the candidate (12 times)",
            ),
            (
                http(404, 5),
                "answered 12 of 12 requests worse than stable; GET /a: 2xx of stable, 4xx of the candidate (12 times)",
            ),
            (
                Answer::Silent("no whole answer within 5s".into()),
                "alone failed 12 of 12 requests, stable 0 of the same; GET /a: 2xx of stable, no answer of the candidate (12 times)",
            ),
        ] {
            assert_eq!(after(&[(http(200, 20), bad)], 12), ScoreVerdict::Worse(why.to_owned()));
        }
        // 404 where stable fails is no worse.
        assert!(matches!(after(&[(http(500, 5), http(404, 5))], 200), ScoreVerdict::Open(_)));
    }

    #[test]
    fn one_that_takes_twice_as_long_is_found_and_one_that_takes_a_third_more_is_not() {
        let why = "took more than 1.5 times as long as stable for 20 of 20 requests";
        assert_eq!(after(&[(http(200, 20), http(200, 41))], 20), ScoreVerdict::Worse(why.to_owned()));
        assert!(matches!(after(&[(http(200, 30), http(200, 40))], 500), ScoreVerdict::Good(_)));
    }

    #[test]
    fn some_that_only_the_candidate_fails_are_neither_worse_nor_a_pass() {
        let pairs: Vec<_> = (0..20).map(|i| (http(200, 9), http(if i == 0 { 502 } else { 200 }, 9))).collect();
        let verdict = after(&pairs, 100);
        assert!(
            matches!(&verdict, ScoreVerdict::Open(why) if why.contains("failed 5 of 100 requests, stable 0")),
            "{verdict:?}"
        );
    }

    #[test]
    fn an_answer_from_elsewhere_is_said_and_not_judged() {
        let ScoreVerdict::Good(said) = after(&[(http(200, 9), http(302, 9))], 100) else { panic!("not good") };
        assert!(said.ends_with("GET /a: 2xx of stable, 3xx of the candidate (100 times)"), "{said}");
    }

    proptest! {
        #[test]
        fn what_a_user_gets_worse_never_speaks_for_the_candidate(
            before in proptest::collection::vec((200..600_u16, 200..600_u16), 0..80), stable in 200..600_u16,
        ) {
            let rules = ReplayRules::default();
            let mut score = Score::default();
            for (b, c) in before {
                score.add("/", &http(b, 10), &http(c, 10), &rules);
            }
            let evidence = |status: u16| {
                let mut score = score.clone();
                // Times apart: a failure has none to compare.
                score.add("/", &http(stable, 10), &http(status, 10), &ReplayRules { slower: None, ..rules });
                score.ln_e()
            };
            prop_assert!(evidence(200) <= evidence(404) + 1e-9 && evidence(404) <= evidence(500) + 1e-9);
        }
    }
}
