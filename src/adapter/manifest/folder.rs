//! A directory of Services: every object of every file, or every fault of them at once.
//!
//! Decides which files are read (those of the directory itself that are named as YAML or JSON, as kubectl does), which objects count,
//! and that one Service stands in one place.

use super::{BadManifest, drop_what_servers_set, read, texts};
use crate::model::name::{Namespace, ServiceName};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// How names of files end that hold objects.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// A Service of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServiceFile {
    /// Its name.
    pub service: ServiceName,
    /// The file.
    pub file: String,
    /// The Service, without what is not the file's to say.
    pub object: Value,
}

/// Every Service of a directory, or of one file, by name, and what else is to be said of it; an error is every fault.
pub(crate) fn read_services(
    place: &Path,
    namespace: &Namespace,
) -> Result<(Vec<ServiceFile>, Vec<String>), Vec<BadManifest>> {
    let (mut services, mut notes, mut faults) = (BTreeMap::<ServiceName, ServiceFile>::new(), Vec::new(), Vec::new());
    for path in files(place).map_err(|fault| vec![fault])? {
        let file = path.display().to_string();
        let objects = match read_of(place, &path) {
            Ok(objects) => objects,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        for object in objects {
            match service(object, &file, namespace, &mut notes) {
                Err(why) => faults.push(BadManifest::Unfit { file: file.clone(), why }),
                Ok(None) => {}
                Ok(Some(found)) => match services.get(&found.service) {
                    Some(other) => {
                        let why = format!("Service {} is in {} as well: leave one", found.service, other.file);
                        faults.push(BadManifest::Unfit { file: file.clone(), why });
                    }
                    None => {
                        services.insert(found.service.clone(), found);
                    }
                },
            }
        }
    }
    if services.is_empty() && faults.is_empty() {
        // A wrong directory must not look like one whose Services are all gone.
        let why = "there is no Knative Service in it".to_owned();
        faults.push(BadManifest::Unfit { file: place.display().to_string(), why });
    }
    if faults.is_empty() { Ok((services.into_values().collect(), notes)) } else { Err(faults) }
}

fn files(place: &Path) -> Result<Vec<PathBuf>, BadManifest> {
    let bad = |why: std::io::Error| BadManifest::Read { file: place.display().to_string(), why: why.to_string() };
    if !fs::metadata(place).map_err(bad)?.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(place).map_err(bad)? {
        let path = entry.map_err(bad)?.path();
        let is_named_so = path.extension().and_then(|e| e.to_str()).is_some_and(|ending| ENDINGS.contains(&ending));
        if is_named_so && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// All objects of a file. In a directory it has to be a regular one: a link of a checkout may lead to something that never ends.
fn read_of(place: &Path, path: &Path) -> Result<Vec<Value>, BadManifest> {
    if path != place && fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let why = "it is no regular file".to_owned();
        return Err(BadManifest::Unfit { file: path.display().to_string(), why });
    }
    read(path)
}

/// The Service that an object is; none of what is something else.
fn service(
    mut object: Value,
    file: &str,
    namespace: &Namespace,
    notes: &mut Vec<String>,
) -> Result<Option<ServiceFile>, String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    if !version.starts_with("serving.knative.dev/") || kind != "Service" {
        let called =
            if kind.is_empty() { "something that is no Service".to_owned() } else { format!("{kind} `{name}`") };
        notes.push(format!("{file} also holds {called}: Knative Services alone are applied"));
        return Ok(None);
    }
    if version != "serving.knative.dev/v1" {
        return Err(format!("Service `{name}` is of {version}, and serving.knative.dev/v1 is needed"));
    }
    let service: ServiceName = name.parse().map_err(|error| format!("metadata.name: {error}"))?;
    let found = text("/metadata/namespace");
    if !found.is_empty() && found != namespace.as_str() {
        return Err(format!(
            "Service {service} is of namespace {found}, and {namespace} is applied to: name another with -n"
        ));
    }
    if let Some((field, found)) = texts::other_than_text(&object) {
        return Err(format!("Service {service}: {field} is {found}, and a text is needed: put it in quotes"));
    }
    let dropped = drop_what_servers_set(&mut object);
    if !dropped.is_empty() {
        notes.push(format!("{file}: {} left out, because the server sets it", dropped.join(", ")));
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    Ok(Some(ServiceFile { service, file: file.to_owned(), object }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("andante-services-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("deeper.yaml")).unwrap();
        for (file, text) in files {
            fs::write(path.join(file), text).unwrap();
        }
        path
    }

    fn read_it(path: &Path) -> Result<(Vec<ServiceFile>, Vec<String>), Vec<String>> {
        let short = |text: String| text.replace(&path.display().to_string(), "DIR");
        let read = read_services(path, &"shop".parse().unwrap());
        let read = read.map(|(files, notes)| (files, notes.into_iter().map(short).collect()));
        read.map_err(|faults| faults.into_iter().map(|fault| short(fault.to_string())).collect())
    }

    fn text(name: &str, more: &str) -> String {
        format!("apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: {name}{more}}}\nspec: {{}}\n")
    }

    #[test]
    fn services_are_read_by_name_and_the_rest_is_named() {
        let both = format!("{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\n", text("b", ", uid: x"));
        let path =
            folder("read", &[("z.yaml", &text("a", "")), ("b.yml", &both), ("note.md", "no: [yaml"), ("k.json", "{}")]);
        let (files, notes) = read_it(&path).unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.service.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(files[1].object["metadata"], json!({"name": "b", "namespace": "shop"}));
        assert_eq!(
            notes,
            [
                "DIR/b.yml: metadata.uid left out, because the server sets it",
                "DIR/b.yml also holds ConfigMap `c`: Knative Services alone are applied",
                "DIR/k.json also holds something that is no Service: Knative Services alone are applied",
            ]
        );
        let (files, _) = read_services(&path.join("z.yaml"), &"shop".parse().unwrap()).unwrap();
        assert_eq!(files.len(), 1, "one file");
        fs::remove_dir_all(&path).unwrap();
    }

    /// Files of a mounted ConfigMap are links; a link of a checkout may lead anywhere.
    #[test]
    fn a_link_is_read_where_it_leads_to_a_file() {
        let path = folder("links", &[("a.txt", &text("a", ""))]);
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, path.join(name)).unwrap();
        link("a.txt", "a.yaml");
        assert_eq!(read_it(&path).unwrap().0.len(), 1);
        link("/dev/null", "b.yaml");
        link("nowhere", "c.yaml");
        let faults = read_it(&path).unwrap_err();
        assert_eq!(faults.len(), 2, "{faults:#?}");
        assert_eq!(faults[0], "DIR/b.yaml: it is no regular file");
        assert!(faults[1].starts_with("DIR/c.yaml: No such file"), "{faults:#?}");
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn every_fault_of_every_file_is_told() {
        let path = folder(
            "faults",
            &[
                ("a.yaml", "a: 1\na: 2\n"),
                ("b.yaml", &text("b", ", namespace: other")),
                ("c.yaml", &text("c", ", labels: {a: 1}")),
                ("d.yaml", &text("d", "").replace("/v1", "/v1alpha1")),
                ("e.yaml", &text("Hello", "")),
                ("f.yaml", &format!("{}---\n{}", text("f", ""), text("f", ""))),
            ],
        );
        let faults = read_it(&path).unwrap_err();
        assert_eq!(faults.len(), 6, "{faults:#?}");
        assert!(faults[0].starts_with("DIR/a.yaml: line 2"), "{faults:#?}");
        assert!(faults[1].contains("is of namespace other, and shop is applied to"), "{faults:#?}");
        assert!(faults[2].contains("metadata.labels.a is a number"), "{faults:#?}");
        assert!(faults[3].contains("serving.knative.dev/v1alpha1"), "{faults:#?}");
        assert!(faults[4].contains("metadata.name"), "{faults:#?}");
        assert_eq!(faults[5], "DIR/f.yaml: Service f is in DIR/f.yaml as well: leave one");
        fs::remove_dir_all(&path).unwrap();
        let path = folder("none", &[("a.txt", "")]);
        assert_eq!(read_it(&path).unwrap_err(), ["DIR: there is no Knative Service in it"]);
        fs::remove_dir_all(&path).unwrap();
    }
}
