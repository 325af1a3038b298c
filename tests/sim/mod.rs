//! A stateful model of Knative Serving on a virtual clock, faults to inject into it, and the rules that every rollout
//! on it must keep.
//!
//! The model follows what was measured on Knative 1.23: writes are judged by the webhooks' rules, everything else
//! happens later by itself, in small seeded steps, and the status says so only afterwards.

pub(crate) mod api;
pub(crate) mod check;
pub(crate) mod condition;
pub(crate) mod configuration;
pub(crate) mod fault;
pub(crate) mod handle;
pub(crate) mod human;
pub(crate) mod humans;
pub(crate) mod image;
pub(crate) mod lifecycle;
pub(crate) mod managed;
pub(crate) mod patch;
pub(crate) mod prober;
pub(crate) mod punctual;
pub(crate) mod revision;
pub(crate) mod rollout;
pub(crate) mod route;
pub(crate) mod scale;
pub(crate) mod service;
pub(crate) mod sink;
pub(crate) mod source;
pub(crate) mod starts;
pub(crate) mod state;
pub(crate) mod story;
pub(crate) mod time;
pub(crate) mod watch;
pub(crate) mod webhook;
pub(crate) mod world;

mod applies;
mod bounds;
mod bounds_killed;
mod brake;
mod by_name;
mod capacity;
mod care;
mod cases;
mod cold;
mod comes_and_goes;
mod demand;
mod edited;
mod endings;
mod exhaustive;
mod floors;
mod foretold;
mod from_file;
mod goal_stories;
mod goals;
mod latest;
mod moments;
mod moved_tag;
mod named;
mod no_writes;
mod obstacles;
mod out_of_reach;
mod pipeline;
mod refused;
mod restored;
mod restores;
mod reverts;
mod seeded;
mod shares;
mod short_calls;
mod start_cases;
mod start_stories;
mod stopped;
mod suspended;
mod tests_api;
mod tests_fault;
mod tests_knative;
mod tests_life;
mod twice;
mod unanswered;
