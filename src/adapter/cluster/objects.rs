//! Objects of any kind: one by its name, those of a label, a new one, and one that goes. Runs that are started are such, and what they are runs of.
//!
//! Decides paths and parameters only, each so that the narrowest right is enough; a long list comes in pages, because all of it at
//! once would be as large as the cluster. Depends on requests and the ports.

use super::Kube;
use super::call::{Call, encoded};
use super::failure::ApiRequest;
use super::page::{self, Kept};
use super::watch::ObjectWatch;
use crate::model::api_error::ApiError;
use crate::model::api_kind::ApiKind;
use crate::model::name::Namespace;
use crate::model::writers::FIELD_MANAGER;
use crate::run::ports::List;
use serde_json::{Value, json};

/// So many objects come in one page; where those are too large, so many and then one. A page is held twice while it is put together,
/// which is most of what whoever follows all Services needs.
const PAGES: [usize; 3] = [25, 5, 1];
/// The largest page of several objects, and the largest one of one alone, in bytes. etcd holds no larger object.
const LARGEST: (usize, usize) = (1 << 20, 16 << 20);

/// Which objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Their kind.
    pub kind: ApiKind,
    /// Their namespace; none: all namespaces.
    pub namespace: Option<Namespace>,
    /// The label selector that chooses them; none: whatever labels they have.
    pub labels: Option<String>,
    /// Their name; none: whatever it is.
    pub name: Option<String>,
}

impl Selection {
    fn query(&self) -> String {
        let labels = self.labels.as_ref().map(|labels| format!("labelSelector={}", encoded(labels)));
        let name =
            self.name.as_ref().map(|name| format!("fieldSelector={}", encoded(&format!("metadata.name={name}"))));
        labels.into_iter().chain(name).collect::<Vec<_>>().join("&")
    }

    fn asked(&self, verb: &'static str) -> ApiRequest {
        ApiRequest {
            verb,
            group: self.kind.group().to_owned().into(),
            resource: self.kind.resource.clone().into(),
            namespace: self.namespace.as_ref().map(ToString::to_string),
            name: self.name.clone(),
        }
    }

    fn path(&self) -> String {
        self.kind.path(self.namespace.as_ref().map(Namespace::as_str))
    }
}

impl Kube {
    /// The same connection for another namespace.
    #[must_use]
    pub fn of_namespace(&self, namespace: Namespace) -> Self {
        Self { namespace, ..self.clone() }
    }

    /// GET of an object of the namespace that is used.
    pub async fn object(&self, kind: &ApiKind, name: &str) -> Result<Value, ApiError> {
        let asked = self.asked_of(kind, "get", name);
        let path = format!("{}/{}", kind.path(Some(self.namespace.as_str())), encoded(name));
        self.call(&Call { asked, path, body: None }).await
    }

    /// POST of an object into the namespace that is used.
    pub async fn create_object(&self, kind: &ApiKind, name: &str, object: &Value) -> Result<Value, ApiError> {
        let asked = self.asked_of(kind, "create", name);
        let place = kind.path(Some(self.namespace.as_str()));
        let path = format!("{place}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict");
        self.call(&Call { asked, path, body: Some(("application/json", object)) }).await
    }

    /// PATCH of an object of the namespace that is used, by a merge patch.
    pub async fn merge_object(&self, kind: &ApiKind, name: &str, patch: &Value) -> Result<Value, ApiError> {
        let asked = self.asked_of(kind, "patch", name);
        let place = kind.path(Some(self.namespace.as_str()));
        let path = format!("{place}/{}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict", encoded(name));
        self.call(&Call { asked, path, body: Some(("application/merge-patch+json", patch)) }).await
    }

    /// DELETE of the object that has this name and this uid; what it owns goes after it.
    pub async fn delete_object(&self, kind: &ApiKind, name: &str, uid: &str) -> Result<(), ApiError> {
        let asked = self.asked_of(kind, "delete", name);
        let path = format!("{}/{}", kind.path(Some(self.namespace.as_str())), encoded(name));
        // A Job's pods would stay, since that is usual for Jobs.
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}, "propagationPolicy": "Background"});
        self.call(&Call { asked, path, body: Some(("application/json", &options)) }).await.map(drop)
    }

    /// LIST, page by page; of each object what `kept` makes of it is kept, so that none of it need be held whole.
    pub async fn list_objects(&self, of: &Selection, kept: impl Fn(Value) -> Option<Value>) -> Result<List, ApiError> {
        for size in PAGES {
            // The next page has to be asked for as the first one was, so that one that is too large begins the list anew.
            if let Some(list) = self.list_by(of, size, &kept).await? {
                return Ok(list);
            }
        }
        Err(ApiError::Unreachable(format!("{}: an object is too large to be one", of.asked("list"))))
    }

    /// The list in pages of so many objects; none where one is too large.
    async fn list_by(&self, of: &Selection, size: usize, kept: Kept<'_>) -> Result<Option<List>, ApiError> {
        let largest = if size == 1 { LARGEST.1 } else { LARGEST.0 };
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let more = after.as_ref().map(|token| format!("&continue={}", encoded(token))).unwrap_or_default();
            let path = format!("{}?limit={size}{more}&{}", of.path(), of.query());
            let call = Call { asked: of.asked("list"), path: path.trim_end_matches('&').to_owned(), body: None };
            let Some(text) = self.answer(&call, largest).await? else { return Ok(None) };
            // Every page is of the first one's moment, and so is the version.
            let place = page::read(&text, kept, &mut items);
            let Some((version, next)) = place.and_then(|place| Some((place.version?, place.next))) else {
                return Err(ApiError::Unreachable(format!("{}: the answer is not a list", call.asked)));
            };
            match next {
                Some(token) => after = Some(token),
                None => return Ok(Some(List { items, version })),
            }
        }
    }

    /// WATCH of them from a version.
    pub async fn watch_objects(&self, of: &Selection, version: &str) -> Result<ObjectWatch, ApiError> {
        // A query that begins with `&` is one with an empty first parameter, which the server skips.
        self.watch(of.asked("watch"), &format!("{}?{}", of.path(), of.query()), version).await
    }

    fn asked_of(&self, kind: &ApiKind, verb: &'static str, name: &str) -> ApiRequest {
        ApiRequest {
            verb,
            group: kind.group().to_owned().into(),
            resource: kind.resource.clone().into(),
            namespace: Some(self.namespace.to_string()),
            name: Some(name.to_owned()),
        }
    }
}
