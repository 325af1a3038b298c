//! Any text is an exposition of counters or is refused.
#![no_main]
#![allow(missing_docs)]

use andante::evidence::exposition::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = parse(text, |name| name.len() % 2 == 0);
    let _ = parse(text, |_| true);
});
