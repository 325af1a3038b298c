//! Real rollouts on a model of Knative, killed, disturbed and interleaved in thousands of ways, on a virtual clock.

#![allow(clippy::similar_names, clippy::format_collect, clippy::format_push_string)]
#![allow(missing_docs, unreachable_pub, dead_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod sim;
