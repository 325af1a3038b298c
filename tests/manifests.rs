//! The catalog: Tasks, StepActions and Pipelines are what the program takes, what Tekton admits without being asked, and
//! what catalogs want to see. What is made from the Tasks (StepActions, embedded task specs, tables) is compared here;
//! `ANDANTE_BLESS=1 cargo test --test manifests` writes it anew.
//!
//! The real webhooks are asked by the cluster tests.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::doc_markdown, clippy::struct_field_names)]

#[path = "manifests/binding.rs"]
mod binding;
#[path = "manifests/care.rs"]
mod care;
#[path = "manifests/catalog.rs"]
mod catalog;
#[path = "manifests/contact.rs"]
mod contact;
#[path = "manifests/events.rs"]
mod events;
#[path = "manifests/generated.rs"]
mod generated;
#[path = "manifests/kustomization.rs"]
mod kustomization;
#[path = "manifests/linter.rs"]
mod linter;
#[path = "manifests/pipelines.rs"]
mod pipelines;
#[path = "manifests/rights.rs"]
mod rights;
#[path = "manifests/samples.rs"]
mod samples;
#[path = "manifests/steps.rs"]
mod steps;
#[path = "manifests/text.rs"]
mod text;
