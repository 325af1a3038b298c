//! Any digest file and any index of a layout is read or refused.
#![no_main]
#![allow(missing_docs)]

use andante::image::built::{of_file, of_layout};
use andante::image::reference::Reference;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], Option<&str>)| {
    let (bytes, tag) = input;
    let Ok(reference) = "registry.example.com/hello".parse::<Reference>() else { return };
    let _ = of_layout(bytes, &reference.repository, tag);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = of_file(text, &reference.repository);
    }
});
