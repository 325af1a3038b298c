//! A name of its own for the new revision (`--revision-name`, or a file's). Knative makes no second revision of a name: it says
//! `RevisionNameTaken` of the template and leaves the Route as it is.
//!
//! Decides when such a name is refused before the first write, and when a template that says the same is written once more
//! because it has another name. It may use the world and the template.

use crate::machine::migration::TEMPLATE_NAME;
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::model::event::{Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::template::TemplateChange;
use serde_json::Value;

/// What is said where Knative refused a name that could not be seen before (another Service's revision, or one that was made
/// in the same moment).
pub(super) fn taken_words(name: &str) -> String {
    format!(
        "Knative makes no revision of the template, because there is a revision {name} already (RevisionNameTaken); choose another name (--revision-name, or in the file) or none"
    )
}

/// True if this template has that name.
fn has_name(template: &Value, name: &RevisionName) -> bool {
    template.pointer(TEMPLATE_NAME).and_then(Value::as_str) == Some(name.as_str())
}

/// True if a name was asked for that the template, which says the same otherwise, does not have: then it has to be written.
pub(super) fn is_to_be_named(change: &TemplateChange, service: &Service) -> bool {
    change.revision_name.as_ref().is_some_and(|name| !has_name(&service.template, name))
}

/// Refused before the first write: the name that was asked for is a revision's already, and the template that stands there is
/// not what made it. `writes`: a template is to be written.
pub(super) fn name_is_free(
    change: &TemplateChange,
    world: &World,
    service: &Service,
    writes: bool,
) -> Result<(), Box<Outcome>> {
    let Some(name) = change.revision_name.as_ref().filter(|name| world.revision(name).is_some()) else {
        return Ok(());
    };
    if !writes && service.latest_created.as_ref() == Some(name) {
        return Ok(());
    }
    let what = format!(
        "--revision-name {name}: there is a revision of that name already, and Knative makes no second one; nothing was written"
    );
    let next = format!(
        "choose another name, or take that revision up as it is: `andante stage {} --revision {name}`",
        service.called()
    );
    Err(Box::new(outcome_of(Code::BadInput, what, service).next(next)))
}

/// Says that the file's name for the new revision cannot be given to it.
pub(super) fn warn_of_taken_name(change: &TemplateChange, named: &TemplateChange, log: &mut Log) {
    if let (Some(name), None) = (change.name_in_file(), &named.revision_name) {
        let what = format!("the file names its revision {name}, which is there already: Knative names the new one");
        log.once(Topic::Note, what);
    }
}
