//! Any bytes in the files of a `.git` are a checkout or are refused, in bounded time.
#![no_main]
#![allow(missing_docs)]

use andante::adapter::checkout::Checkout;
use andante::adapter::env::Environment;
use libfuzzer_sys::fuzz_target;
use miniz_oxide::deflate::compress_to_vec_zlib;
use std::fs;
use std::path::Path;

/// Kind, what stands before the content (where its base is), and the content.
type Packed<'a> = (u8, &'a [u8], &'a [u8]);
/// The small files; the index; a commit's content; a pack with the last object under the commit's name.
type Input<'a> = (Option<&'a [u8]>, [&'a [u8]; 3], &'a [u8], &'a [u8], Option<Vec<Packed<'a>>>);

fuzz_target!(|input: Input<'_>| {
    let (head, [packed, config, tail], index, commit, pack) = input;
    let place = std::env::temp_dir().join(format!("andante-fuzz-{}", std::process::id()));
    let git = place.join(".git");
    for directory in ["refs/heads", "objects/pack"] {
        let _ = fs::create_dir_all(git.join(directory));
    }
    // A commit under its own name, so that what lies behind it is reached: its tree, the index, the files.
    let object = [format!("commit {}\0", commit.len()).as_bytes(), commit].concat();
    let name = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &object);
    let hex: String = name.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let loose = git.join("objects").join(&hex[..2]).join(&hex[2..]);
    match pack {
        None => {
            let _ = fs::create_dir_all(git.join("objects").join(&hex[..2]));
            // Bytes after the end of what is compressed are foreign to every object.
            let _ = fs::write(&loose, [compress_to_vec_zlib(&object, 1).as_slice(), tail].concat());
        }
        Some(objects) => write_pack(&git.join("objects/pack"), &objects, name.as_ref()),
    }
    // Twenty zeros: an index without its checksum, which no fuzzer finds.
    let index = [index, &[0; 20]].concat();
    let head = head.map_or_else(|| b"ref: refs/heads/main\n".to_vec(), <[u8]>::to_vec);
    let files: [(&str, &[u8]); 5] = [
        ("HEAD", &head),
        ("packed-refs", packed),
        ("config", config),
        ("index", &index),
        ("refs/heads/main", hex.as_bytes()),
    ];
    for (name, bytes) in files {
        let _ = fs::write(git.join(name), bytes);
    }
    // Nobody's settings and no git: only these bytes.
    if let Ok(checkout) = Checkout::find(&place, &Environment::invented([], &place)) {
        let _ = (checkout.commit(), checkout.branch(), checkout.changes());
    }
    for file in [loose, git.join("objects/pack/x.idx"), git.join("objects/pack/x.pack")] {
        let _ = fs::remove_file(file);
    }
});

/// A pack of these objects, whose index knows the last.
fn write_pack(place: &Path, objects: &[Packed<'_>], name: &[u8]) {
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
    let mut last = 0;
    for (kind, base, content) in objects {
        last = u32::try_from(pack.len()).unwrap_or(u32::MAX);
        pack.push(kind & 0xf0);
        pack.extend_from_slice(base);
        pack.extend(compress_to_vec_zlib(content, 1));
    }
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    for byte in 0..=255 {
        index.extend(u32::from(byte >= name[0]).to_be_bytes());
    }
    index.extend_from_slice(name);
    // Its checksum, which is not looked at.
    index.extend([0; 4]);
    index.extend(last.to_be_bytes());
    let _ = fs::write(place.join("x.pack"), pack);
    let _ = fs::write(place.join("x.idx"), index);
}
