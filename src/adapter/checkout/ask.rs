//! What only git can tell: what a file becomes by the programs with which the user has git convert it.
//!
//! Decides when git is asked: where there is one, and the programs are the user's own and not the checkout's. Depends on
//! processes.

use super::{Checkout, object};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Variables that would lead git to another repository than this one.
const ELSEWHERE: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"];

/// The name that the content of a tracked file would have in a commit; `None` if git cannot be asked or does not know.
pub(super) fn name(checkout: &Checkout, top: &Path, path: &[u8]) -> Option<Vec<u8>> {
    // A repository's settings lie beside a stranger's files, and whoever could write one could write the other.
    if checkout.settings.own_filters {
        return None;
    }
    let mut command = Command::new(checkout.environment.program("git")?);
    command.env_clear().envs(checkout.environment.variables_without(&ELSEWHERE));
    // This command looks at no index, so it runs no hook and no file watcher; nothing is fetched for it either.
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_ALLOW_PROTOCOL", "none").env("GIT_NO_LAZY_FETCH", "1");
    command.arg("-C").arg(top).args(["-c", "core.fsmonitor=false", "hash-object", "--"]).arg(OsStr::from_bytes(path));
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let said = output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()?;
    object::from_hex(said.trim_end()).filter(|name| name.len() == checkout.settings.format.length())
}
