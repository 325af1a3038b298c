//! Services of the sample application (`tests/testbed/sample`), which can be told to misbehave.

use serde_json::{Value, json};

/// A Service to apply.
#[derive(Debug, Clone)]
pub struct Sample {
    pub object: Value,
}

/// A Service that answers `version`, with one pod at least.
pub fn sample(name: &str, version: &str) -> Sample {
    let object = json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"template": {
            "metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "1"}},
            "spec": {"containers": [{"image": format!("dev.local/andante-sample:{version}")}]}
        }}
    });
    Sample { object }
}

impl Sample {
    /// Sets an annotation of the template.
    pub fn template_annotation(mut self, name: &str, value: &str) -> Self {
        self.object["spec"]["template"]["metadata"]["annotations"][name] = json!(value);
        self
    }

    /// Sets an annotation of the Service itself.
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.object["metadata"]["annotations"][name] = json!(value);
        self
    }

    /// How many pods at least; 0 lets it sleep.
    pub fn min_scale(self, pods: u32) -> Self {
        self.template_annotation("autoscaling.knative.dev/min-scale", &pods.to_string())
    }

    /// Sets a variable of the container.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        let container = &mut self.object["spec"]["template"]["spec"]["containers"][0];
        if container["env"].is_null() {
            container["env"] = json!([]);
        }
        container["env"].as_array_mut().unwrap().push(json!({"name": name, "value": value}));
        self
    }

    /// Names the revision.
    pub fn revision(mut self, name: &str) -> Self {
        self.object["spec"]["template"]["metadata"]["name"] = json!(name);
        self
    }

    /// Sets `spec.traffic`.
    pub fn traffic(mut self, traffic: Value) -> Self {
        self.object["spec"]["traffic"] = traffic;
        self
    }
}
