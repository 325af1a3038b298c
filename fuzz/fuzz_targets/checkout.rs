//! Any bytes in the files of a `.git` are a checkout or are refused, in bounded time.
#![no_main]
#![allow(missing_docs)]

use andante::checkout::Checkout;
use libfuzzer_sys::fuzz_target;
use std::fs;

fuzz_target!(|input: (&[u8], &[u8], &[u8], &[u8], &[u8])| {
    let (head, packed, config, index, object) = input;
    let place = std::env::temp_dir().join(format!("andante-fuzz-{}", std::process::id()));
    let git = place.join(".git");
    // An object of this name is what a head of these digits leads to.
    let objects = git.join("objects/11");
    let _ = fs::create_dir_all(&objects);
    let _ = fs::create_dir_all(git.join("refs/heads"));
    let files = [("HEAD", head), ("packed-refs", packed), ("config", config), ("index", index)];
    for (name, bytes) in files {
        let _ = fs::write(git.join(name), bytes);
    }
    let _ = fs::write(git.join("refs/heads/main"), "1111111111111111111111111111111111111111\n");
    let _ = fs::write(objects.join("11111111111111111111111111111111111111"), object);
    if let Ok(checkout) = Checkout::find(&place) {
        let _ = (checkout.commit(), checkout.branch(), checkout.changes());
    }
});
