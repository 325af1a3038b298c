//! The promises, one live pass each, on a real cluster: Knative, Kourier's Envoy, real pods, users' answers counted.
//!
//! They need the cluster that KUBECONFIG names, and are run by `make test-cluster` (or, with the ones whose name has
//! `long_` in it, by `make test-full`). Elsewhere `cargo test` counts them as ignored.

#![allow(missing_docs, unreachable_pub, dead_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]
// These tests are processes and real time: clocks and the environment are what they are about.
#![allow(clippy::disallowed_methods, clippy::doc_markdown)]

mod cluster {
    mod support;

    mod admission;
    mod adopt;
    mod adopt_kills;
    mod apply;
    mod approval;
    mod arrivals;
    mod begins;
    mod binding_pod;
    mod binding_shipped;
    mod bindings;
    mod bluegreen;
    mod build;
    mod build_registry;
    mod capacity;
    mod care_declare;
    mod care_install;
    mod care_keep;
    mod care_kn;
    mod care_memory;
    mod care_others;
    mod care_outside;
    mod care_refuse;
    mod care_tools;
    mod care_walk;
    mod clocks;
    mod collected;
    mod compare;
    mod defaults;
    mod describes;
    mod edits;
    mod evidence;
    mod evidence_bake;
    mod evidence_missed;
    mod evidence_pod;
    mod evidence_prometheus;
    mod evidence_slow;
    mod evidence_sources;
    mod evidence_together;
    mod evidence_waiting;
    mod export;
    mod faults;
    mod first;
    mod first_contact;
    mod from_file;
    mod gitops;
    mod goal;
    mod goals;
    mod goals_in_a_row;
    mod hpa;
    mod hurt;
    mod image;
    mod inability;
    mod kills;
    mod kn;
    mod layer;
    mod moved_tag;
    mod names;
    mod no_room;
    mod no_writes;
    mod obstacles;
    mod older;
    mod others;
    mod owners_pods;
    mod pipeline_ends;
    mod pipeline_logs;
    mod pipeline_rights;
    mod pipelines;
    mod placeholder;
    mod pod;
    mod races;
    mod refusals;
    mod replay;
    mod restores;
    mod reverts;
    mod rights;
    mod same_release;
    mod settling;
    mod signals;
    mod start;
    mod start_beside;
    mod start_kills;
    mod start_names;
    mod steering;
    mod step_actions;
    mod strangers;
    mod styles;
    mod unready;
    mod users;
    mod way_back;
}
