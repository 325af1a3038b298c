//! Any text is a reference or is refused; what is taken is printed in its one full form, which reads as itself.
#![no_main]
#![allow(missing_docs)]

use andante::image::reference::Reference;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(reference) = text.parse::<Reference>() else { return };
    let printed = reference.to_string();
    assert_eq!(printed.parse::<Reference>().as_ref(), Ok(&reference), "{text:?} is printed as {printed:?}");
});
