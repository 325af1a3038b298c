//! Reading a whole declaration.
//!
//! Decides what belongs together: a source needs somebody in charge, a placeholder needs a source, a container has to be there.
//! All faults are told at once, because a declaration is mended in one edit. Depends on the other modules beside it.

use super::charge::InCharge;
use super::fault::{Fault, place};
use super::id::Meant;
use super::image::{DeclaredRepository, is_placeholder};
use super::params::Params;
use super::part::{DeclaredPart, PREFIX, Unknown, unknown};
use super::source::{DeclaredSource, GitUrl, SourcePath, SourceRevision};
use super::suspend::Suspended;
use super::template::{built, canonical, containers, images, name_of};
use crate::model::kn;
use crate::model::name::{GoalId, name_type};
use crate::model::observed::Service;
use crate::model::percent::Percent;
use crate::model::writers::FieldWriter;
use serde_json::Value;
use std::collections::BTreeMap;

name_type! {
    /// The name of a container.
    ContainerName, "name of a container", "lower-case letters, digits and `-`, at most 63 characters",
    |t| t.len() <= 63 && !t.is_empty() && !t.starts_with('-') && !t.ends_with('-')
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Everything that one Service declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// What tells this goal from another one of the same Service.
    pub id: GoalId,
    /// Who is in charge; none: everything is as Knative does it.
    pub in_charge: Option<InCharge>,
    /// Parameters for it.
    pub params: Params,
    /// What the image is built from; none: the template names it.
    pub source: Option<DeclaredSource>,
    /// Where the image goes; none: as the defaults say.
    pub image_repository: Option<DeclaredRepository>,
    /// Which container gets the image; none: nobody said, and none is the one that serves.
    pub container: Option<String>,
    /// The image that it has in the template.
    pub image: Option<String>,
    /// The share of users that the goal's code shall end with, 1 % to 100 %.
    pub share: Percent,
    /// Nothing is started, and rollouts hold.
    pub suspended: Option<Suspended>,
    /// The parts that have an annotation; the others are as they are where nobody says anything.
    pub said: Vec<DeclaredPart>,
    /// What the owner should know.
    pub notes: Vec<String>,
}

impl Declaration {
    /// True if this part has an annotation.
    pub fn says(&self, part: DeclaredPart) -> bool {
        self.said.contains(&part)
    }
}

/// What a Service states, before it is read.
#[derive(Debug, Clone)]
pub struct Stated<'a> {
    service: Option<&'a str>,
    namespace: Option<&'a str>,
    annotations: BTreeMap<&'a str, &'a str>,
    template: &'a Value,
    /// Whoever keeps an image's name as kn does also wrote the containers last, as far as anybody knows.
    kn_may_pin: bool,
    faults: Vec<Fault>,
}

impl<'a> Stated<'a> {
    /// What the API's JSON of a Service states, or that of a file.
    pub fn of_json(object: &'a Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let mut faults = Vec::new();
        let mut annotations = BTreeMap::new();
        for (name, value) in object.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten() {
            if let Some(value) = value.as_str() {
                annotations.insert(name.as_str(), value);
            } else if name.starts_with(PREFIX) {
                // Only in a file: the API server takes texts alone.
                let why = "it is no text";
                faults.push(Fault::at(
                    place(name),
                    &value.to_string(),
                    why,
                    "put it in quotes, as the API server wants it",
                ));
            }
        }
        Self {
            service: text("/metadata/name"),
            namespace: text("/metadata/namespace"),
            annotations,
            template: object.pointer("/spec/template").unwrap_or(&Value::Null),
            kn_may_pin: kn_may_pin(&FieldWriter::all(object)),
            faults,
        }
    }

    /// What a Service states that was observed.
    pub fn of_service(service: &'a Service) -> Self {
        Self {
            service: Some(service.name.as_str()),
            namespace: service.namespace.as_ref().map(crate::model::name::Namespace::as_str),
            annotations: service.annotations.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            template: &service.template,
            kn_may_pin: kn_may_pin(&service.writers),
            faults: Vec::new(),
        }
    }

    /// The same Service with the template that a write of ours is about to give it.
    #[must_use]
    pub fn with_template(mut self, template: &'a Value) -> Self {
        // Whoever changes a field owns it from then on. With the containers alone, what kn pinned in them is no pin of kn's any
        // more; with kn's name for the image as well, as where an older template is put back, it is again what kn made of that.
        let changes = |what: fn(&Value) -> Option<&Value>| what(self.template) != what(template);
        let containers = changes(|template| template.pointer("/spec/containers"));
        let name = changes(|template| template.pointer("/metadata/annotations")?.get(kn::USER_IMAGE));
        self.kn_may_pin = if containers && name { true } else { self.kn_may_pin && !containers && !name };
        self.template = template;
        self
    }

    /// Reads all of it; an error is every fault.
    pub fn read(&self) -> Result<Declaration, Vec<Fault>> {
        let mut faults = self.faults.clone();
        let mut notes = Vec::new();
        self.check_names(&mut faults, &mut notes);
        let in_charge = self.part(DeclaredPart::Pipeline, &mut faults, InCharge::read);
        let params = self.part(DeclaredPart::Params, &mut faults, Params::read).unwrap_or_default();
        let source = self.source(&mut faults, &mut notes);
        let image_repository = self.part(DeclaredPart::ImageRepository, &mut faults, |text| {
            DeclaredRepository::read(text, self.service, self.namespace).map_err(one)
        });
        let share = self.part(DeclaredPart::Traffic, &mut faults, |text| share(text).map_err(one));
        let suspended =
            self.part(DeclaredPart::Suspend, &mut faults, |text| Suspended::read(text).map_err(one)).flatten();
        let container = self.container(&mut faults);
        self.check_template(container, &mut faults);
        self.check_charge(in_charge.as_ref(), &mut faults, &mut notes);
        if !faults.is_empty() {
            return Err(faults);
        }
        let names = containers(self.template);
        let named = container.and_then(|at| names.get(at));
        let name = named.map(name_of);
        let image = named.and_then(|container| container.get("image")?.as_str()).map(str::to_owned);
        let share = share.unwrap_or(Percent::FULL);
        let meant = Meant {
            in_charge: in_charge.as_ref(),
            params: &params,
            source: source.as_ref(),
            image_repository: image_repository.as_ref(),
            container: name,
            share,
            template: canonical(self.template, container.filter(|_| source.is_some()), self.kn_may_pin),
        };
        // Twelve digits of a hash are always an id.
        let id = meant.id().ok_or_else(Vec::new)?;
        let said = DeclaredPart::ALL.into_iter().filter(|part| self.text(*part).is_some()).collect();
        let container = name.map(str::to_owned);
        let declared = Declaration {
            id,
            in_charge,
            params,
            source,
            image_repository,
            container,
            image,
            share,
            suspended,
            said,
            notes,
        };
        Ok(declared)
    }

    fn text(&self, part: DeclaredPart) -> Option<&'a str> {
        self.annotations.get(part.annotation()).copied()
    }

    /// One part, if it is said and can be read.
    fn part<T>(
        &self,
        part: DeclaredPart,
        faults: &mut Vec<Fault>,
        read: impl FnOnce(&'a str) -> Result<T, Vec<String>>,
    ) -> Option<T> {
        let text = self.text(part)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(whys) => {
                faults.extend(whys.into_iter().map(|why| Fault::of(part, text, why)));
                None
            }
        }
    }

    fn source(&self, faults: &mut Vec<Fault>, notes: &mut Vec<String>) -> Option<DeclaredSource> {
        let url = self.part(DeclaredPart::Source, faults, |text| GitUrl::read(text).map_err(one));
        let revision = self.part(DeclaredPart::SourceRevision, faults, |text| SourceRevision::read(text).map_err(one));
        let path = self.part(DeclaredPart::SourcePath, faults, |text| SourcePath::read(text).map_err(one)).flatten();
        if self.text(DeclaredPart::Source).is_none() {
            for part in [DeclaredPart::SourceRevision, DeclaredPart::SourcePath] {
                if let Some(text) = self.text(part) {
                    let source = DeclaredPart::Source.annotation();
                    let add = format!("add {source}, or take this annotation away");
                    faults.push(Fault::at(place(part.annotation()), text, format!("there is no {source}"), add));
                }
            }
        }
        let url = url?;
        match &revision {
            Some(SourceRevision::Commit(_)) => {}
            Some(name) if name.looks_shortened() => notes.push(format!(
                "`{name}` is taken for the name of a branch or tag: a commit is declared by its whole hash, and a push to a branch cannot be seen"
            )),
            Some(name) => notes.push(format!(
                "`{name}` is the name of a branch or tag: a push to it cannot be seen, so that nothing starts; declare the commit"
            )),
            None => notes.push(
                "no commit is declared, so that the default branch is meant: a push to it cannot be seen, and nothing starts"
                    .to_owned(),
            ),
        }
        Some(DeclaredSource { url, revision, path })
    }

    /// The place of the container that gets the image.
    fn container(&self, faults: &mut Vec<Fault>) -> Option<usize> {
        let part = DeclaredPart::Container;
        let said = self.part(part, faults, |text| text.trim().parse::<ContainerName>().map_err(|e| one(e.to_string())));
        let found = built(self.template, said.as_ref().map(ContainerName::as_str));
        let names = containers(self.template).iter().map(name_of).collect::<Vec<_>>().join(", ");
        if let (Some(said), None) = (&said, found) {
            let why = if names.is_empty() {
                "the template has no containers".to_owned()
            } else {
                format!("there are: {names}")
            };
            faults.push(Fault::of(part, said.as_str(), why));
        } else if let (None, None, Some(source)) = (&said, found, self.text(DeclaredPart::Source))
            && self.text(part).is_none()
        {
            let why = "nothing says which container its image is for";
            let add = format!("add {} with one of: {names}", part.annotation());
            faults.push(Fault::at(place(DeclaredPart::Source.annotation()), source, why, add));
        }
        found
    }

    /// Placeholders, and annotations that stand in the template by mistake.
    fn check_template(&self, container: Option<usize>, faults: &mut Vec<Fault>) {
        let sourced = self.text(DeclaredPart::Source).is_some();
        for (at, name, image) in images(self.template).filter(|(_, _, image)| is_placeholder(image)) {
            let place = format!("the image of container {name}");
            let source = DeclaredPart::Source.annotation();
            if !sourced {
                let why = format!("it stands for what is built from a source, and there is no {source}");
                faults.push(Fault::at(place, image, why, format!("add {source}, or name a real image")));
            } else if at.is_none() || at != container {
                let why = "this container gets no image that is built";
                let name_it =
                    format!("name a real image, or this container in {}", DeclaredPart::Container.annotation());
                faults.push(Fault::at(place, image, why, name_it));
            }
        }
        let template = self.template.pointer("/metadata/annotations").and_then(Value::as_object);
        for (name, value) in template.into_iter().flatten() {
            if DeclaredPart::of_annotation(name).is_some() {
                let place = format!("annotation {name} of the template");
                let why = "there it declares nothing, and each change of it makes a revision";
                let found = value.as_str().unwrap_or_default();
                faults.push(Fault::at(place, found, why, "move it to metadata.annotations of the Service"));
            }
        }
    }

    /// What has no meaning while nobody is in charge.
    fn check_charge(&self, in_charge: Option<&InCharge>, faults: &mut Vec<Fault>, notes: &mut Vec<String>) {
        let pipeline = DeclaredPart::Pipeline.annotation();
        // One that cannot be read is a fault already.
        if in_charge.is_some() || self.text(DeclaredPart::Pipeline).is_some() {
            return;
        }
        if let Some(text) = self.text(DeclaredPart::Source) {
            let why = format!("nobody is in charge of building it, because there is no {pipeline}");
            let add = format!(
                "add {pipeline} (ExternalOperation where something outside builds it), or take the source away"
            );
            faults.push(Fault::at(place(DeclaredPart::Source.annotation()), text, why, add));
        }
        for part in [DeclaredPart::Params, DeclaredPart::Traffic, DeclaredPart::Suspend] {
            if self.text(part).is_some() {
                notes.push(format!("{} has no effect: there is no {pipeline}", part.annotation()));
            }
        }
    }

    /// Annotations of ours that nobody knows.
    fn check_names(&self, faults: &mut Vec<Fault>, notes: &mut Vec<String>) {
        for (name, value) in &self.annotations {
            match unknown(name) {
                None => {}
                // Without it the goal would be another one than its owner meant.
                Some(Unknown::Misspelt(part)) => {
                    let meant = part.annotation();
                    let why = format!("nothing reads it; {meant} was probably meant");
                    faults.push(Fault::at(place(name), value, why, format!("call it {meant}, or take it away")));
                }
                Some(Unknown::Strange) => notes.push(format!("nothing here reads annotation {name}")),
            }
        }
    }
}

/// True unless somebody else than kn is known to have written the containers last: then a digest is a wish of theirs, whatever
/// name kn still keeps.
fn kn_may_pin(writers: &[FieldWriter]) -> bool {
    // Nothing is known of a file's writers.
    writers.is_empty() || writers.iter().any(|writer| writer.containers && writer.kept_image)
}

fn share(text: &str) -> Result<Percent, String> {
    let share: Percent = text.trim().parse().map_err(|_| "it is no such percentage".to_owned())?;
    if share.is_zero() { Err("nobody would ever be sent to the goal's code".to_owned()) } else { Ok(share) }
}

fn one(why: String) -> Vec<String> {
    vec![why]
}

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
