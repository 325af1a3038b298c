//! Any template with any values makes a tag that a registry takes, or is refused; `--strict` never changes anything.
#![no_main]
#![allow(missing_docs)]

use andante::image::tag::{make, style};
use andante::image::template::Values;
use andante::image::reference::Reference;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, bool)| {
    let (text, branch, service, dirty) = input;
    let Ok(template) = style(text) else { return };
    let commit = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";
    let values =
        Values { service: Some(service), namespace: Some("shop"), branch: Some(branch), commit: Some(commit) };
    if let Ok(made) = make(&template, &values, dirty, false) {
        let reference = format!("registry.example.com/hello:{}", made.tag);
        assert!(reference.parse::<Reference>().is_ok(), "{reference:?} is no reference");
    }
    if let Ok(made) = make(&template, &values, dirty, true) {
        assert_eq!(made.was, None);
    }
});
