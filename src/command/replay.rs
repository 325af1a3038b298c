//! What `check --replay` is to ask both revisions: its file is read, and what cannot be is said before anything is asked.

use crate::adapter::clock::SystemClock;
use crate::adapter::files;
use crate::cli::CheckArgs;
use crate::command::report::Lines;
use crate::evidence::replay::read;
use crate::machine::replaying::Replay;
use crate::model::event::{Event, Topic};
use crate::run::ports::{Clock, Sink};

/// The largest file of requests that is read, in bytes. A browser's holds the answers as well.
const LARGEST_RECORDING: u64 = 32 * 1024 * 1024;

/// What `check` is to ask both revisions.
pub(super) fn replay(args: &CheckArgs, lines: &mut Lines) -> Result<Option<Replay>, String> {
    let Some(path) = &args.replay.replay else { return Ok(None) };
    if args.tag.is_some() {
        return Err("--replay compares the open rollout's candidate with stable, so it takes no --tag".to_owned());
    }
    let rules = args.replay.rules(args.deadline)?;
    let text = files::read_text(path, LARGEST_RECORDING).map_err(|e| e.to_string());
    let recorded = text.and_then(|text| read(&text, &args.replay.replay_methods));
    let recorded = recorded.map_err(|why| format!("the requests of {}: {why}", path.display()))?;
    if recorded.left_out > 0 {
        let what = format!("{} requests of other hosts or methods are left out (--replay-methods)", recorded.left_out);
        lines.say(SystemClock.now(), &Event::new(Topic::Note, what));
    }
    Ok(Some(Replay {
        requests: recorded.requests,
        pairs: args.replay.replay_pairs,
        every: args.replay.every(),
        timeout: args.probe.probe_timeout,
        patience: args.probe.probe_patience,
        rules,
        seed: fastrand::u64(..),
    }))
}
