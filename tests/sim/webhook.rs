//! Knative's admission: what is filled in and what is refused, with the texts that were seen.

use serde_json::{Value, json};

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Fills in what the mutating webhook fills in.
pub(crate) fn default(object: &mut Value) {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let empty = spec.get("traffic").is_none_or(|t| t.is_null() || t.as_array().is_some_and(Vec::is_empty));
    if empty {
        spec.insert("traffic".into(), json!([{"latestRevision": true, "percent": 100}]));
    }
    for target in spec.get_mut("traffic").and_then(Value::as_array_mut).into_iter().flatten() {
        let unnamed = text(target, "/revisionName").is_empty();
        let Some(target) = target.as_object_mut() else { continue };
        target.entry("latestRevision").or_insert(json!(unnamed));
        target.entry("percent").or_insert(json!(0));
    }
    if let Some(container) = object.pointer_mut("/spec/template/spec/containers/0").and_then(Value::as_object_mut) {
        container.entry("name").or_insert(json!("user-container"));
    }
}

fn is_dns_1035(tag: &str) -> bool {
    let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    tag.len() <= 63 && tag.bytes().all(ok) && tag.starts_with(|c: char| c.is_ascii_lowercase()) && !tag.ends_with('-')
}

fn target(i: usize, target: &Value) -> Result<i64, String> {
    const KNOWN: [&str; 4] = ["tag", "revisionName", "latestRevision", "percent"];
    let at = format!("spec.traffic[{i}]");
    let fields = target.as_object().ok_or_else(|| format!("{at}: not an object"))?;
    if let Some(field) = fields.keys().find(|k| !KNOWN.contains(&k.as_str())) {
        return Err(format!("must not set the field(s): {at}.{field}"));
    }
    let percent = fields["percent"].as_i64().ok_or_else(|| format!("cannot unmarshal into int64: {at}.percent"))?;
    if !(0..=100).contains(&percent) {
        return Err(format!("expected 0 <= {percent} <= 100: {at}.percent"));
    }
    let (name, latest) = (text(target, "/revisionName"), fields["latestRevision"] == true);
    if name.is_empty() != latest {
        return Err(format!("may not set revisionName {name:?} when latestRevision is {latest}: {at}.latestRevision"));
    }
    let tag = text(target, "/tag");
    if !tag.is_empty() && !is_dns_1035(tag) {
        return Err(format!("invalid value: not a DNS 1035 label: spec.traffic.tag[{i}]"));
    }
    Ok(percent)
}

fn traffic(list: &Value) -> Result<(), String> {
    let list = list.as_array().ok_or("spec.traffic: not a list")?;
    let mut sum = 0;
    for (i, entry) in list.iter().enumerate() {
        sum += target(i, entry)?;
        let tag = text(entry, "/tag");
        if let Some(j) = list.iter().take(i).position(|other| !tag.is_empty() && text(other, "/tag") == tag) {
            return Err(format!("Multiple definitions for {tag:?}: spec.traffic[{j}].tag, spec.traffic[{i}].tag"));
        }
    }
    if sum == 100 { Ok(()) } else { Err(format!("Traffic targets sum to {sum}, want 100: spec.traffic")) }
}

/// Judges a new object against the old one, as the validating webhook does.
pub(crate) fn validate(new: &Value, old: Option<&Value>) -> Result<(), String> {
    let name = text(new, "/metadata/name");
    let annotations = new.pointer("/metadata/annotations").and_then(Value::as_object);
    for (key, value) in annotations.into_iter().flatten() {
        if key.starts_with("autoscaling.knative.dev/") {
            return Err(format!("invalid key name {key:?}: metadata.annotations"));
        }
        if !value.is_string() {
            return Err(format!("json: cannot unmarshal into string: metadata.annotations.{key}"));
        }
    }
    traffic(&new["spec"]["traffic"])?;
    let revision = text(new, "/spec/template/metadata/name");
    if !revision.is_empty() && !revision.starts_with(&format!("{name}-")) {
        return Err(format!("invalid value: {revision:?} must have prefix \"{name}-\": spec.template.metadata.name"));
    }
    if text(new, "/spec/template/spec/containers/0/image").is_empty() {
        return Err("missing field(s): spec.template.spec.containers[0].image".into());
    }
    if let Some(old) = old {
        let kept = !revision.is_empty() && text(old, "/spec/template/metadata/name") == revision;
        if kept && new["spec"]["template"] != old["spec"]["template"] {
            return Err(
                "Saw the following changes without a name change (-old +new): spec.template.metadata.name".into()
            );
        }
    }
    Ok(())
}

#[test]
fn refusals_have_knatives_texts() {
    let object = |traffic: Value| {
        json!({"metadata": {"name": "hello"}, "spec": {"traffic": traffic,
        "template": {"metadata": {"name": "hello-a"}, "spec": {"containers": [{"image": "ok:1"}]}}}})
    };
    let refused = |traffic: Value| {
        let mut object = object(traffic);
        default(&mut object);
        validate(&object, None).unwrap_err()
    };
    assert_eq!(refused(json!([{"percent": 90}])), "Traffic targets sum to 90, want 100: spec.traffic");
    assert!(refused(json!([{"percent": 50, "tag": "a"}, {"percent": 50, "tag": "a"}])).starts_with("Multiple"));
    assert!(refused(json!([{"percent": 100, "tag": "1a"}])).contains("DNS 1035"));
    assert!(refused(json!([{"percent": 100, "revisionName": "x", "latestRevision": true}])).starts_with("may not"));
    assert!(refused(json!([{"percent": 100, "latestRevision": false}])).starts_with("may not"));
    assert!(refused(json!([{"percent": 101}])).starts_with("expected 0"));
    assert!(refused(json!([{"percent": 100, "url": "x"}])).starts_with("must not set"));
    let (mut old, mut new) = (object(json!([])), object(json!([])));
    default(&mut old);
    assert_eq!(old["spec"]["traffic"], json!([{"latestRevision": true, "percent": 100}]));
    default(&mut new);
    assert!(validate(&new, Some(&old)).is_ok());
    new["spec"]["template"]["spec"]["containers"][0]["image"] = json!("ok:2");
    assert!(validate(&new, Some(&old)).unwrap_err().starts_with("Saw the following"));
    new["spec"]["template"]["metadata"]["name"] = json!("bye-1");
    assert!(validate(&new, Some(&old)).unwrap_err().contains("must have prefix"));
}
