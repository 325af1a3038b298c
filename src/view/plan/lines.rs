//! A preview as lines for a person. Decides their layout; it may use the preview alone.

use super::{Move, PlannedTarget, Preview};
use crate::model::time::words;
use std::time::Duration;

/// How wide the first column is: the longest label is `candidate`, and two spaces follow it.
const LABEL: usize = 11;

/// The preview in lines.
pub(crate) fn lines(preview: &Preview) -> Vec<String> {
    let style = preview.style.name();
    let mut lines = vec![format!("{}: a {style} rollout; nothing is written by this", preview.service)];
    if let Some(open) = &preview.goes_on_with {
        lines.push(row("goes on", &format!("rollout {open}")));
    }
    let how = if preview.follows_latest { "follows latest" } else { "names it" };
    lines.push(row("stable", &format!("{}; the owner's entry {how}", preview.stable)));
    lines.push(row("candidate", &preview.candidate));
    lines.push(String::new());
    for step in &preview.moves {
        lines.extend(moved(step));
    }
    lines.push(row("rollback", &split(&preview.rollback)));
    lines.push(row("", "instead of what is still to come, whenever a gate fails"));
    lines.push(String::new());
    let shortest = words(Duration::from_millis(preview.shortest_ms));
    lines.push(row("time", &format!("at least {shortest}, staging, gates and approvals aside")));
    lines.extend(preview.warnings.iter().map(|w| row("note", w)));
    lines.extend(preview.refusals.iter().map(|r| row("REFUSED", r)));
    lines
}

fn row(label: &str, text: &str) -> String {
    format!("{label:<LABEL$}{text}").trim_end().to_owned()
}

fn moved(step: &Move) -> Vec<String> {
    let label = match step.step {
        Some(number) => format!("step {number}"),
        None => step.kind.to_owned(),
    };
    if step.done {
        return vec![row(&label, &format!("done: {}", split(&step.traffic)))];
    }
    if step.traffic.is_empty() {
        return vec![row(&label, &step.note)];
    }
    vec![row(&label, &split(&step.traffic)), row("", &step.note)]
}

fn split(entries: &[PlannedTarget]) -> String {
    let entry = |e: &PlannedTarget| {
        let tag = e.tag.as_ref().map(|t| format!(" (tag {t})")).unwrap_or_default();
        format!("{} {} %{tag}", e.revision, e.percent)
    };
    entries.iter().map(entry).collect::<Vec<_>>().join(", ")
}
