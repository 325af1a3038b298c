//! Fields that hold texts, and are easily written as something else: `value: yes`, `min-scale: 1`.
//!
//! Decides which fields are looked at. The API refuses such a value with the name of a Go type; here it is said by its path.

use serde_json::Value;

/// The first field that should hold a text and holds something else, and what that is.
pub(super) fn other_than_text(object: &Value) -> Option<(String, &'static str)> {
    let metadata = ["metadata", "spec.template.metadata"].into_iter().find_map(|path| {
        let metadata = object.pointer(&format!("/{}", path.replace('.', "/")))?;
        field(metadata, path, "name").or_else(|| {
            ["annotations", "labels"].into_iter().find_map(|name| {
                let map = metadata.get(name)?.as_object()?;
                map.iter().find_map(|(key, value)| wrong(value, || format!("{path}.{name}.{key}")))
            })
        })
    });
    let containers = ["containers", "initContainers"].into_iter().find_map(|name| {
        let list = object.pointer(&format!("/spec/template/spec/{name}"))?.as_array()?;
        list.iter().enumerate().find_map(|(at, c)| container(c, &format!("spec.template.spec.{name}[{at}]")))
    });
    metadata.or(containers)
}

fn container(container: &Value, path: &str) -> Option<(String, &'static str)> {
    let plain = ["name", "image", "workingDir"].into_iter().find_map(|name| field(container, path, name));
    let lists = ["command", "args"].into_iter().find_map(|name| {
        let list = container.get(name)?.as_array()?;
        list.iter().enumerate().find_map(|(at, value)| wrong(value, || format!("{path}.{name}[{at}]")))
    });
    let env = container.get("env").and_then(Value::as_array).and_then(|list| {
        list.iter().enumerate().find_map(|(at, entry)| {
            let path = format!("{path}.env[{at}]");
            field(entry, &path, "name").or_else(|| field(entry, &path, "value"))
        })
    });
    plain.or(lists).or(env)
}

fn field(object: &Value, path: &str, name: &str) -> Option<(String, &'static str)> {
    object.get(name).and_then(|value| wrong(value, || format!("{path}.{name}")))
}

fn wrong(value: &Value, path: impl FnOnce() -> String) -> Option<(String, &'static str)> {
    let found = match value {
        Value::Bool(true) => "true (YAML reads yes, on and y so)",
        Value::Bool(false) => "false (YAML reads no, off and n so)",
        Value::Number(_) => "a number",
        // Nothing at all is what a field has that is not there.
        _ => return None,
    };
    Some((path(), found))
}
