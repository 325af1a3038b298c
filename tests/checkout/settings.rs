//! Settings wherever git reads them: the machine's, the user's, the repository's, and what they include.

use super::{Repo, directory, said};
use std::path::Path;

/// A checkout in which `a0` has a right more, and no setting of its own about rights.
fn with_a_right_more() -> Repo {
    let repo = Repo::new("sha1");
    repo.git(&["config", "--unset", "core.fileMode"]);
    repo.shell("chmod +x a0");
    repo.is_dirty("(a0)");
    repo
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn however_they_are_written() {
    for text in [
        "[core] fileMode = false",
        "[core]\n\tfileMode = fal\\\nse\n",
        "[core]\r\n\tFILEMODE = \"false\" ; no\r\n",
        "[core]fileMode=off # no",
        "[core]\nfileMode = 0\n[core \"fileMode\"]\nfileMode = true\n",
    ] {
        let repo = with_a_right_more();
        repo.shell(&format!("cat >> .git/config <<'END'\n{text}\nEND"));
        println!("{text}");
        repo.is_clean();
    }
}

#[test]
fn from_files_that_are_included() {
    let repo = with_a_right_more();
    write(&repo.path.join(".git/more"), "[include]\npath = \"deeper/still\"\n");
    write(&repo.path.join(".git/deeper/still"), "[core] fileMode = false\n");
    repo.git(&["config", "include.path", "more"]);
    repo.is_clean();
    // A file that is not there is no error, and a later setting goes before an earlier one.
    repo.git(&["config", "include.path", "nowhere"]);
    repo.is_dirty("(a0)");
    repo.git(&["config", "include.path", "more"]);
    repo.git(&["config", "core.fileMode", "true"]);
    repo.as_git_says();
    // No end.
    write(&repo.path.join(".git/more"), "[include]\npath = more\n");
    assert!(said(&repo).contains("include others without an end: give --commit"), "{}", said(&repo));
}

#[test]
fn under_a_condition() {
    let repo = with_a_right_more();
    write(&repo.path.join(".git/more"), "[user]\nemail = kim@example.com\n");
    repo.git(&["config", "includeIf.onbranch:main.path", "more"]);
    repo.is_dirty("(a0)");
    write(&repo.path.join(".git/more"), "[core]\nfileMode = false\n");
    let said = said(&repo);
    assert!(said.contains(".git/more holds here (includeif.onbranch:main) cannot be told: give --commit"), "{said}");
}

#[test]
fn of_the_user() {
    let home = directory();
    let home_text = home.to_str().unwrap();
    let text = "[core] fileMode = false\n";
    let elsewhere = home.join("elsewhere");
    write(&elsewhere, text);
    for (file, content, variables) in [
        (".gitconfig", text, vec![("HOME", home_text)]),
        (".config/git/config", text, vec![("HOME", home_text)]),
        (".gitconfig", "[include]\npath = ~/elsewhere", vec![("HOME", home_text)]),
        ("xdg/git/config", text, vec![("HOME", "/nowhere"), ("XDG_CONFIG_HOME", "HOME/xdg")]),
        ("elsewhere", text, vec![("GIT_CONFIG_GLOBAL", "HOME/elsewhere")]),
        ("elsewhere", text, vec![("GIT_CONFIG_SYSTEM", "HOME/elsewhere"), ("GIT_CONFIG_NOSYSTEM", "0")]),
    ] {
        let repo = with_a_right_more();
        write(&home.join(file), content);
        let variables: Vec<(&str, String)> =
            variables.iter().map(|(name, value)| (*name, value.replace("HOME", home_text))).collect();
        let mut more: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        println!("{file}: {more:?}");
        assert!(!repo.as_git_says_in(&more), "{file}");
        // The repository's own goes before it, and the environment's before that.
        repo.git(&["config", "core.fileMode", "true"]);
        assert!(repo.as_git_says_in(&more), "{file}");
        more.extend([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "core.fileMode"), ("GIT_CONFIG_VALUE_0", "no")]);
        assert!(!repo.as_git_says_in(&more), "{file}");
        std::fs::remove_file(home.join(file)).unwrap();
        write(&elsewhere, text);
    }
}

#[test]
fn what_git_refuses_is_refused() {
    for text in ["[core]\nfileMode = perhaps\n", "[core\n", "[core]\nx = \"open\n", "[core]\nsymlinks = 1x\n"] {
        let repo = Repo::new("sha1");
        repo.shell(&format!("cat >> .git/config <<'END'\n{text}\nEND"));
        assert!(!repo.try_git(&["status"]).status.success(), "{text}: git takes it");
        assert!(said(&repo).ends_with("give --commit HASH (and --branch NAME) instead of --source"), "{}", said(&repo));
    }
}
