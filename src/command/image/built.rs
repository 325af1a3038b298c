//! The digest of an image that was built: told, or read from what the builder left. Decides that a layout is believed
//! only if the manifest in it has that digest. It may read files.

use crate::adapter::{content, files};
use crate::cli::ImageArgs;
use crate::command::Stop;
use crate::image::built::{of_file, of_layout};
use crate::image::plan::ImagePlan;
use crate::image::reference::{Digest, Repository};
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// Where the digest is.
pub(super) enum Built {
    Digest(Digest),
    File(PathBuf),
    Layout(PathBuf),
}

impl Built {
    /// What was given, at most one of the three.
    pub(super) fn given(args: &ImageArgs) -> Result<Option<Self>, Stop> {
        let digest = args.digest.clone().map(Self::Digest);
        let file = args.digest_file.clone().map(Self::File);
        let layout = args.oci_layout.clone().map(Self::Layout);
        let mut given: Vec<Self> = [digest, file, layout].into_iter().flatten().collect();
        if given.len() > 1 {
            return Err(Stop::bad_input("give one of --digest, --digest-file and --oci-layout"));
        }
        Ok(given.pop())
    }

    /// Its flag.
    pub(super) fn origin(&self) -> String {
        match self {
            Self::Digest(_) => "--digest".into(),
            Self::File(path) => format!("--digest-file {}", path.display()),
            Self::Layout(path) => format!("--oci-layout {}", path.display()),
        }
    }

    /// The digest.
    pub(super) fn digest(&self, plan: &ImagePlan) -> Result<Digest, Stop> {
        let bad = |why: String| Stop::bad_input(format!("{}: {why}", self.origin()));
        match self {
            Self::Digest(digest) => Ok(digest.clone()),
            Self::File(path) => {
                let text = files::read_text(path, LARGEST).map_err(|e| bad(e.to_string()))?;
                of_file(&text, &plan.repository).map_err(|e| bad(e.to_string()))
            }
            Self::Layout(path) => {
                let tag = plan.tag.as_ref().map(|made| made.tag.as_str());
                layout(path, &plan.repository, tag).map_err(bad)
            }
        }
    }
}

fn layout(directory: &Path, repository: &Repository, tag: Option<&str>) -> Result<Digest, String> {
    let read = |name: &str| {
        let path = directory.join(name);
        files::read(&path, LARGEST).map_err(|e| format!("{}: {e}", path.display()))
    };
    read("oci-layout")?;
    let digest = of_layout(&read("index.json")?, repository, tag).map_err(|e| e.to_string())?;
    let manifest = read(&format!("blobs/{}/{}", digest.algorithm().word(), digest.hex()))?;
    let word = digest.algorithm().word();
    let computed = content::digest(digest.algorithm(), &manifest)
        .ok_or_else(|| format!("the manifest {digest} cannot be checked: {word} is not computed here"))?;
    if computed != digest {
        return Err(format!("the manifest {digest} in it is damaged"));
    }
    Ok(digest)
}
