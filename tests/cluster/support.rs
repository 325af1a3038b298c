//! What the cluster tests stand on: the cluster, a namespace a test, the binary, users who are counted.

#![allow(unused_imports)]

mod andante;
mod api;
mod busy;
mod care;
mod cluster;
mod fault_proxy;
mod gateway;
mod image;
mod judged;
mod kn;
mod kubectl;
mod kubelet;
mod likeness;
mod load;
mod newcomer;
mod parts;
mod private_registry;
mod prometheus;
mod repository;
mod runs;
mod sample;
mod settings;
mod space;
mod tekton;
mod verdict;
mod wait;
mod watch;

pub use andante::{Ran, Running};
pub use api::read;
pub use busy::{busy, floor, pods};
pub use care::{Care, annotation, at_once, declared, image as of_version, in_care, patched, replaced, take_effect};
pub use cluster::{Answer, Cluster};
pub use fault_proxy::{Asked, Fault, FaultProxy, Gate, Point, When};
pub use gateway::{OWN, OwnGateway};
pub use image::image;
pub use judged::{Judged, quick};
pub use kn::kn;
pub use kubectl::{Done, run};
pub use kubelet::{disturbing, undisturbed};
pub use likeness::{likeness, ours};
pub use load::{Hit, Hits, Load, summary};
pub use newcomer::{Newcomer, blocks};
pub use parts::{Installed, contour, listens, triggers_and_eventing};
pub use private_registry::{PASSWORD, PrivateRegistry, base64};
pub use prometheus::{InTurn, PrometheusServer};
pub use repository::{Repository, push_sample, registry, tools};
pub use runs::Run;
pub use sample::{Sample, sample};
pub use settings::{Setting, usual_settings};
pub use space::{Space, condition, record, split};
pub use tekton::{
    Over, PIPELINE, PipelineRun, Wish, catalog, exit_code, install, install_with_images, pipeline, served_becomes,
    task_result, task_run,
};
pub use verdict::{between, no_error_of_ours, nobody_saw, share_is, whole};
pub use wait::{LONG, SHORT, eventually, holds_for};
pub use watch::{Seen, Watch};
