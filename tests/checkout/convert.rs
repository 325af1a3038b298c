//! Files that git converts when it checks them out: they are converted back, or git is asked, and nothing is guessed.

use super::{FORMATS, Repo, directory, said};
use andante::adapter::checkout::Changes;
use std::path::Path;

const ENDS: &str = "only its line ends or the names in it are not the commit's, and whether git converts them cannot be told without git";
/// What git converts by itself, and LFS's way.
const KNOWN: [&str; 4] = ["text eol=crlf", "ident", "text eol=crlf ident", "filter=lfs"];

/// Settings of a user who has LFS and a filter of his own: its text in lower case is committed.
fn user(home: &Path) -> String {
    // Stands for LFS's own program: the same pointers, and a store beside.
    let clean = "f=$(mktemp); cat > $f; h=$(sha256sum < $f | cut -c1-64); cp $f STORE/$h; printf \
                 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %s\n' $h $(stat -c %s $f); rm $f";
    std::fs::write(home.join("clean"), clean.replace("STORE", home.to_str().unwrap())).unwrap();
    std::fs::write(home.join("smudge"), format!("cat {}/$(sed -n 's/^oid sha256://p')", home.display())).unwrap();
    let settings = home.join("settings");
    let text = format!(
        "[filter \"lfs\"] clean = sh {0}/clean\nsmudge = sh {0}/smudge\n[filter \"up\"]\nclean = tr A-Z a-z\n\
         smudge = tr a-z A-Z\n",
        home.display()
    );
    std::fs::write(&settings, text).unwrap();
    settings.to_str().unwrap().to_owned()
}

/// A repository with files that are converted in this way, and the user's settings.
fn converted(format: &str, how: &str) -> (Repo, String) {
    let repo = Repo::empty(format);
    let user = user(&directory());
    repo.write(".gitattributes", &format!("*.x {how}\n"));
    for number in 0..5 {
        repo.write(&format!("{number}.x"), &format!("one $Id$\nline {number}\n"));
    }
    for arguments in [&["add", "-A"][..], &["commit", "-q", "-m", "first"]] {
        assert!(repo.try_git_in(&[("GIT_CONFIG_GLOBAL", &user)], arguments).status.success());
    }
    (repo, user)
}

fn clone(of: &Repo, user: &str) -> Repo {
    let clone = Repo { path: directory() };
    let arguments = ["clone", "-q", of.path.to_str().unwrap(), "."];
    assert!(clone.try_git_in(&[("GIT_CONFIG_GLOBAL", user)], &arguments).status.success());
    clone
}

/// The index is as old as this file, as when it was written in the same tick of the clock.
fn in_one_tick(repo: &Repo, file: &str) {
    repo.shell(&format!("touch -r {file} .git/index"));
}

#[test]
fn a_fresh_clone_is_clean_without_git() {
    for format in FORMATS {
        for how in KNOWN {
            let (repo, user) = converted(format, how);
            for number in 0..10 {
                let clone = clone(&repo, &user);
                let content = std::fs::read(clone.path.join("1.x")).unwrap();
                let plain = b"one $Id$\nline 1\n".as_slice();
                assert_eq!(content != plain, how != "filter=lfs", "{how}: whether it was converted");
                if number % 2 == 0 {
                    in_one_tick(&clone, "1.x");
                }
                println!("{format}: {how}: clone {number}");
                assert!(!clone.as_git_says_in(&[("GIT_CONFIG_GLOBAL", &user)]));
            }
        }
    }
}

#[test]
fn a_change_in_the_tick_of_the_checkout_is_one() {
    for how in KNOWN {
        let (repo, user) = converted("sha1", how);
        for number in 0..10 {
            let clone = clone(&repo, &user);
            let path = clone.path.join("1.x");
            let content = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, content.replace("line", "LINE")).unwrap();
            let found = clone.find().unwrap().changes();
            assert!(!found.as_ref().is_ok_and(Changes::none), "{how}: round {number}");
            if how != "filter=lfs" {
                assert_eq!(found.unwrap().files, ["1.x"], "{how}: round {number}");
            }
        }
    }
}

#[test]
fn git_is_asked_what_only_it_can_tell() {
    let path = std::env::var("PATH").unwrap();
    let (repo, user) = converted("sha1", "filter=up");
    let with_git = [("GIT_CONFIG_GLOBAL", user.as_str()), ("PATH", &path)];
    for number in 0..10 {
        let fresh = clone(&repo, &user);
        in_one_tick(&fresh, "1.x");
        println!("clone {number}");
        assert!(!fresh.as_git_says_in(&with_git));
        // After a copy git's notes do not hold.
        let fresh = clone(&repo, &user);
        fresh.shell("touch 1.x");
        assert!(!fresh.as_git_says_in(&with_git));
        fresh.write("1.x", "ONE $ID$\nLINE 2\n");
        assert!(fresh.as_git_says_in(&with_git));
    }
    let fresh = clone(&repo, &user);
    in_one_tick(&fresh, "1.x");
    assert!(
        said(&fresh).contains("1.x: its content is not the commit's, and what git makes of it by"),
        "{}",
        said(&fresh)
    );
}

#[test]
fn no_program_that_the_checkout_names_is_run() {
    let path = std::env::var("PATH").unwrap();
    let (repo, user) = converted("sha1", "filter=up");
    for settings in [
        "[filter \"up\"]\nclean = touch ran; cat\n",
        "[filter \"other\"]\nprocess = touch ran; cat\n",
        "[include]\npath = more\n",
        "[includeIf \"gitdir:nowhere\"]\npath = more\n",
        "[core]\nfsmonitor = touch ran\nhooksPath = hooks\n[alias]\nhash-object = !touch ran\n",
    ] {
        let fresh = clone(&repo, &user);
        fresh.write(".git/more", "[filter \"up\"]\nclean = touch ran; cat\n");
        fresh.shell(&format!("touch 1.x; cat >> .git/config <<'END'\n{settings}END"));
        let found = fresh.find_in(&[("GIT_CONFIG_GLOBAL", &user), ("PATH", &path)]).unwrap().changes();
        let ran = fresh.path.join("ran").exists() || fresh.path.join(".git/ran").exists();
        assert!(!ran, "{settings}");
        assert_eq!(found.is_ok(), settings.contains("fsmonitor"), "{settings}: {found:?}");
    }
}

/// A checkout whose files `x` and `y.up` are not what the commit has, though git calls them unchanged.
fn converting(format: &str) -> Repo {
    let repo = Repo::new(format);
    repo.git(&["config", "filter.up.clean", "tr A-Z a-z"]);
    repo.git(&["config", "filter.up.smudge", "tr a-z A-Z"]);
    repo.write(".gitattributes", "*.up filter=up\nx text eol=crlf\n");
    repo.write("x", "one\ntwo\n");
    repo.write("y.up", "abc\n");
    repo.commit("converted files");
    repo.shell("rm x y.up");
    repo.git(&["checkout", "-q", "x", "y.up"]);
    assert_eq!(repo.shell_out("cat x y.up"), "one\r\ntwo\r\nABC\n");
    noted(&repo, 10);
    repo
}

/// Has git note the files' times, late enough to be trusted; git itself compares whole seconds.
fn noted(repo: &Repo, seconds: u32) {
    repo.shell(&format!("touch -d '{seconds} seconds ago' x y.up"));
    repo.git(&["status"]);
}

#[test]
fn what_git_noted_holds() {
    for format in FORMATS {
        let repo = converting(format);
        repo.is_clean();
        repo.write("y.up", "ABCD\n");
        repo.is_dirty("(y.up)");
    }
}

#[test]
fn what_only_git_can_tell() {
    for (file, expected) in
        [("x", ENDS.to_owned()), ("y.up", "its content is not the commit's, and what git".to_owned())]
    {
        let repo = converting("sha1");
        repo.shell(&format!("touch {file}"));
        let said = said(&repo);
        assert!(said.contains(&format!("/{file}: {expected}")), "{said}");
        assert!(said.ends_with("Or: give --commit HASH (and --branch NAME) instead of --source"), "{said}");
        // As it says.
        noted(&repo, 20);
        repo.is_clean();
    }
}

#[test]
fn what_no_conversion_explains() {
    let repo = converting("sha1");
    // The same sizes.
    repo.write("x", "one\r\nTWO\r\n");
    repo.write("a0", "THIS is a0\n");
    repo.is_dirty("2 tracked files are changed (a0, x)");
}

#[test]
fn line_ends_that_somebody_changed() {
    // git calls this dirty; with a setting of the user's it would not.
    let repo = Repo::new("sha1");
    repo.write("a/b", "this is a/b\r\n");
    repo.is_dirty("(a/b)");
    repo.write("a/b", "this is a/\r\n");
    repo.is_dirty("(a/b)");
}
