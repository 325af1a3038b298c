//! The building pipeline's own `fetch`, run as it stands: what it leaves is known as unchanged without git.

use super::{Repo, directory};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The script of the step, for another place than the pod's.
fn script(place: &Path) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("pipelines/build-it-and-roll-it-out-slowly/build-it-and-roll-it-out-slowly.yaml");
    let pipeline: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let steps = |task: &Value| task["taskSpec"]["steps"].as_array().cloned().unwrap_or_default();
    let tasks = pipeline["spec"]["tasks"].as_array().unwrap();
    let fetch = tasks.iter().flat_map(steps).find(|step| step["name"] == "fetch").expect("a step `fetch`");
    let script = fetch["args"][0].as_str().unwrap();
    assert!(script.contains("/work/source"), "{script}");
    script.replace("/work/source", place.to_str().unwrap())
}

#[test]
fn what_fetch_leaves_is_clean() {
    let home = directory();
    let settings = home.join("settings");
    std::fs::write(&settings, "[filter \"up\"]\nclean = tr A-Z a-z\nsmudge = tr a-z A-Z\n").unwrap();
    let user = [("GIT_CONFIG_GLOBAL", settings.to_str().unwrap())];
    let write = |repo: &Repo| {
        repo.write(".gitattributes", "[0-9]* filter=up\n");
        for number in 0..20 {
            repo.write(&format!("{number}"), "abc\n");
        }
    };
    let inner = Repo::empty("sha1");
    write(&inner);
    inner.commit("inner");
    let repo = Repo::empty("sha1");
    write(&repo);
    repo.git(&["submodule", "--quiet", "add", inner.path.to_str().unwrap(), "module"]);
    repo.commit("first");
    for number in 0..3 {
        let place = home.join(format!("source{number}"));
        let mut fetch = Command::new("sh");
        fetch.args(["-c", &script(&place)]).envs(super::variables(&user));
        let url = format!("file://{}", repo.path.display());
        let output = fetch.env("URL", url).env("REVISION", "main").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let source = Repo { path: place };
        assert_eq!(std::fs::read_to_string(source.path.join("module/7")).unwrap(), "ABC\n");
        println!("run {number}");
        assert!(!source.as_git_says_in(&user));
    }
}
