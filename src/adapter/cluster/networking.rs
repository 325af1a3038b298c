//! Which networking layer serves a Service, as the cluster says it.
//!
//! Decides where that is looked up: on the Service itself, which whoever walks may read; on the Ingress that Knative makes of it;
//! in Knative's own settings. The rights to the last two are optional. Depends on requests.

use super::Kube;
use super::call::Call;
use super::failure::ApiRequest;
use crate::model::api_error::ApiError;
use crate::model::name::ServiceName;
use crate::run::ports::Cluster;
use serde_json::Value;

/// Where Knative Serving lives.
const SYSTEM: &str = "knative-serving";
/// The annotation that names the layer, as it is written now and as it was.
const CLASSES: [&str; 2] = ["networking.knative.dev/ingress-class", "networking.knative.dev/ingress.class"];
/// The layer where Knative's settings name none.
const DEFAULT: &str = "istio.ingress.networking.knative.dev";

impl Kube {
    /// The class of the layer that serves a Service; none where that may not be read.
    pub async fn ingress_class(&self, service: &ServiceName) -> Result<Option<String>, ApiError> {
        let object = readable(self.service(service.clone()).service().await)?;
        if let Some(class) = object.as_ref().and_then(annotated) {
            return Ok(Some(class));
        }
        let (group, resource) = ("networking.internal.knative.dev", "ingresses");
        let namespace = self.namespace.to_string();
        let path = format!("/apis/{group}/v1alpha1/namespaces/{namespace}/{resource}/{service}");
        let ingress = readable(self.read(group, resource, namespace, service.as_str(), path).await)?;
        if let Some(class) = ingress.as_ref().and_then(annotated) {
            return Ok(Some(class));
        }
        Ok(self.knative_settings("config-network").await?.map(|settings| default_class(&settings)))
    }

    /// The data of one of Knative Serving's ConfigMaps; none where it is not there or may not be read.
    pub async fn knative_settings(&self, name: &str) -> Result<Option<Value>, ApiError> {
        let path = format!("/api/v1/namespaces/{SYSTEM}/configmaps/{name}");
        let object = readable(self.read("", "configmaps", SYSTEM.to_owned(), name, path).await)?;
        Ok(object.map(|object| object.get("data").cloned().unwrap_or_default()))
    }

    async fn read(
        &self,
        group: &'static str,
        resource: &'static str,
        namespace: String,
        name: &str,
        path: String,
    ) -> Result<Value, ApiError> {
        let (group, resource, name) = (group.into(), resource.into(), Some(name.to_owned()));
        let asked = ApiRequest { verb: "get", group, resource, namespace: Some(namespace), name };
        self.call(&Call { asked, path, body: None }).await
    }
}

/// None where it is not there or may not be read.
fn readable(answer: Result<Value, ApiError>) -> Result<Option<Value>, ApiError> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(ApiError::NotFound(_) | ApiError::NoKind(_) | ApiError::Forbidden(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The class that an object names.
fn annotated(object: &Value) -> Option<String> {
    let annotations = object.pointer("/metadata/annotations")?;
    CLASSES.iter().find_map(|name| Some(annotations.get(name)?.as_str()?.to_owned()))
}

/// The class of Services that name none.
fn default_class(settings: &Value) -> String {
    let keys = ["ingress-class", "ingress.class"];
    let named = keys.iter().find_map(|key| settings.get(key)?.as_str());
    named.unwrap_or(DEFAULT).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_class_is_named_by_either_annotation_and_by_either_key() {
        for name in CLASSES {
            assert_eq!(annotated(&json!({"metadata": {"annotations": {name: "a"}}})), Some("a".into()));
        }
        assert_eq!(annotated(&json!({"metadata": {"annotations": {"x": "a"}}})), None);
        assert_eq!(annotated(&json!({"metadata": {}})), None);
        assert_eq!(default_class(&json!({"ingress-class": "a", "ingress.class": "b"})), "a");
        assert_eq!(default_class(&json!({"ingress.class": "b"})), "b");
        assert_eq!(default_class(&Value::Null), DEFAULT);
    }
}
