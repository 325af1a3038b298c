//! A kind of object as the API server has it: group, version, plural.
//!
//! Decides how its path is written. Depends on nothing.

/// A kind of object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiKind {
    /// Its API: `tekton.dev/v1`, `v1`.
    pub api: String,
    /// Its name: `PipelineRun`.
    pub kind: String,
    /// Its plural: `pipelineruns`.
    pub resource: String,
}

impl ApiKind {
    /// A kind.
    pub fn new(api: &str, kind: &str, resource: &str) -> Self {
        Self { api: api.to_owned(), kind: kind.to_owned(), resource: resource.to_owned() }
    }

    /// A kind whose plural is the usual one: lower case and an `s`.
    pub fn usual(api: &str, kind: &str) -> Self {
        Self::new(api, kind, &format!("{}s", kind.to_ascii_lowercase()))
    }

    /// The API's group; empty for the core.
    pub fn group(&self) -> &str {
        self.api.split_once('/').map_or("", |(group, _)| group)
    }

    /// The path of its objects, in one namespace or in all.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.api.contains('/') { "/apis" } else { "/api" };
        let place = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
        format!("{root}/{}{place}/{}", self.api, self.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_a_path() {
        let runs = ApiKind::usual("tekton.dev/v1", "PipelineRun");
        assert_eq!(runs.path(Some("shop")), "/apis/tekton.dev/v1/namespaces/shop/pipelineruns");
        assert_eq!(runs.path(None), "/apis/tekton.dev/v1/pipelineruns");
        assert_eq!((runs.group(), ApiKind::usual("v1", "Pod").group()), ("tekton.dev", ""));
        assert_eq!(ApiKind::usual("v1", "Pod").path(Some("shop")), "/api/v1/namespaces/shop/pods");
    }
}
