//! Somebody who reads a README and types what stands there, in an empty namespace.

use super::cluster::Cluster;
use super::image::image;
use super::kubectl::{Done, run};
use super::space::Space;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A whole rollout on a busy machine, and the build before it.
const PATIENCE: Duration = Duration::from_secs(600);

/// A copy of the catalog, since READMEs tell people to edit it, and a context whose namespace is the test's.
#[derive(Debug)]
pub struct Newcomer<'a> {
    space: &'a Space,
    folder: PathBuf,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The `sh` blocks of a section of a README, in their order.
pub fn blocks(readme: &str, heading: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(readme)).unwrap();
    let (_, rest) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{readme}: no {heading}"));
    let section = rest.split_once("\n## ").map_or(rest, |(section, _)| section);
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split_once("```").expect("a block ends").0.to_owned()).collect()
}

/// The text with the image of the example replaced by the one that is there.
fn with_our_image(text: &str) -> String {
    let place = fs::read_to_string(root().join("kustomization.yaml")).unwrap();
    let example = place.lines().find_map(|line| line.trim().strip_prefix("- andante-image=")).unwrap();
    text.replace(example, image())
}

impl<'a> Newcomer<'a> {
    pub fn new(space: &'a Space) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-newcomer", space.namespace));
        fs::create_dir_all(folder.join("bin")).unwrap();
        for part in ["kustomization.yaml", "config", "samples", "tasks", "stepactions", "pipelines"] {
            let copied = Command::new("cp").arg("-r").arg(root().join(part)).arg(&folder).status().unwrap();
            assert!(copied.success(), "{part} is not copied");
        }
        symlink(root().join("tests"), folder.join("tests")).unwrap();
        let tkn = env::var("ANDANTE_TKN").unwrap_or_else(|_| "tkn".to_owned());
        let tools = [("kubectl", &*Cluster::get().kubectl), ("tkn", &tkn), ("andante", env!("CARGO_BIN_EXE_andante"))];
        for (name, path) in tools.into_iter().filter(|(_, path)| path.contains('/')) {
            symlink(path, folder.join("bin").join(name)).unwrap();
        }
        let newcomer = Self { space, folder };
        let context = space.kubectl(&["config", "view", "--raw", "--flatten"]).good().out;
        fs::write(newcomer.folder.join("kubeconfig"), context).unwrap();
        newcomer.types(&format!("kubectl config set-context --current --namespace={}", space.namespace));
        newcomer
    }

    /// Has one more program at hand.
    pub fn has(self, name: &str, program: &Path) -> Self {
        let place = self.folder.join("bin").join(name);
        if !place.exists() {
            symlink(program, place).unwrap();
        }
        self
    }

    /// Says which image of Andante the catalog runs, as the README says it is done.
    pub fn sets_the_image(self) -> Self {
        let block = blocks("README.md", "## From Tekton").remove(0);
        let line = block.lines().find(|line| line.starts_with("sed -i")).expect("README sets the image in one place");
        let said = with_our_image(line);
        assert_ne!(said, line, "README names no image to be replaced");
        self.types(&said);
        self
    }

    /// Types a script; the test fails if a command of it does. The whole of it is shown.
    #[track_caller]
    pub fn types(&self, script: &str) -> Done {
        // The image was made and pushed before: `make test` does.
        let lines: Vec<&str> = script.lines().filter(|line| !line.starts_with("make image ")).collect();
        let script = lines.join("\n");
        let path = format!("{}:{}", self.folder.join("bin").display(), env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &with_our_image(&script)]).current_dir(&self.folder);
        shell.env("PATH", path).env("KUBECONFIG", self.folder.join("kubeconfig"));
        let done = run(&mut shell, None, PATIENCE);
        eprintln!("$ {script}\n{}{}", done.out, done.err);
        done.good()
    }

    /// Where it is typed.
    pub fn space(&self) -> &Space {
        self.space
    }
}

impl Drop for Newcomer<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}
