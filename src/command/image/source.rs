//! The commit and the branch: told, or read from a checkout. Decides that a checkout which is at another commit than
//! was told, or whose files are not the commit's, is an error. It may use the checkout's adapter.

use crate::adapter::checkout::{BadCheckout, Checkout};
use crate::adapter::env::Environment;
use crate::cli::{Dirty, ImageArgs};
use crate::command::Stop;
use crate::image::commit::{Commit, branch_name};

/// What is known of the source.
#[derive(Debug, Default)]
pub(super) struct CommitSource {
    pub(super) commit: Option<Commit>,
    pub(super) commit_from: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) branch_from: Option<String>,
    /// Why there is no branch, where there is none.
    pub(super) no_branch: &'static str,
    /// The tree is not what was committed, and that is to be marked.
    pub(super) dirty: bool,
    pub(super) notes: Vec<String>,
}

impl CommitSource {
    pub(super) fn read(args: &ImageArgs, environment: &Environment) -> Result<Self, Stop> {
        let mut source = Self { no_branch: "neither --branch nor --source was given", ..Self::default() };
        source.commit.clone_from(&args.commit);
        source.commit_from = args.commit.as_ref().map(|_| "--commit".to_owned());
        // A shell writes the flag also where it has no branch to name, and a tag made of none would pass for one without.
        source.branch = args.branch.as_deref().map(branch_name).filter(|branch| !branch.is_empty()).map(str::to_owned);
        source.branch_from = source.branch.as_ref().map(|_| "--branch".to_owned());
        if args.branch.is_some() && source.branch.is_none() {
            source.no_branch = "--branch is empty";
        }
        let Some(directory) = &args.source else { return Ok(source) };
        let shown = directory.display();
        let checkout = Checkout::find(directory, environment).map_err(|e| unreadable(&e))?;
        match &args.commit {
            Some(told) if told != checkout.commit() => {
                let at = checkout.commit();
                return Err(Stop::bad_input(format!("--commit says {told}, but the checkout {shown} is at {at}")));
            }
            Some(_) => {}
            None => {
                source.commit = Some(checkout.commit().clone());
                source.commit_from = Some(format!("checkout {shown}"));
            }
        }
        if source.branch.is_none() {
            source.branch = checkout.branch().map(str::to_owned);
            source.branch_from = Some(format!("checkout {shown}"));
            source.no_branch = "the head of the checkout is detached";
        }
        let changes = checkout.changes().map_err(|e| unreadable(&e))?;
        if !changes.none() {
            let words = changes.words();
            if args.dirty == Dirty::Refuse {
                return Err(Stop::bad_input(format!(
                    "the checkout {shown} is not what was committed: {words}; commit it, or mark the image with --dirty mark"
                )));
            }
            source.dirty = true;
            source.notes.push(format!("the checkout is not what was committed: {words}"));
        }
        Ok(source)
    }
}

/// A checkout that cannot be read is not needed where somebody says the commit.
fn unreadable(error: &BadCheckout) -> Stop {
    let way_out = match error {
        BadCheckout::Unsupported(_) => "",
        _ => "; --commit HASH (and --branch NAME) needs no checkout",
    };
    Stop::bad_input(format!("--source: {error}{way_out}"))
}
