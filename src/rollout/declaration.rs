//! What the owner declares on a Service: who is in charge, from which source, with which share of the users at the end.
//!
//! ```text
//! annotations + template -> declaration -> goal id       or every fault of it, at once
//! ```
//!
//! Decides what may stand in each declaring annotation, what is declared where one is absent, and when two declarations are one
//! goal. It knows nothing of who starts what. It may use `image` (where an image goes) and `model`. Begin reading with [`read`],
//! then [`id`].
//!
//! ```
//! use andante::rollout::declaration::read::Stated;
//! use serde_json::json;
//!
//! let service = json!({
//!     "metadata": {"name": "hello", "annotations": {
//!         "andante.dev/pipeline": "build-it", "andante.dev/source": "https://git.example.com/hello.git"}},
//!     "spec": {"template": {"spec": {"containers": [{"image": "placeholder.invalid/hello"}]}}},
//! });
//! let declared = Stated::of_json(&service).read().unwrap();
//! assert_eq!(declared.in_charge.unwrap().to_string(), "Pipeline build-it (tekton.dev/v1)");
//! assert_eq!(declared.share.get(), 100);
//!
//! // Every fault is told, not only the first one.
//! let service = json!({
//!     "metadata": {"name": "hello", "annotations": {"andante.dev/traffic": "0", "andante.dev/piplines": "build-it"}},
//!     "spec": {"template": {"spec": {"containers": [{"image": "placeholder.invalid/hello"}]}}},
//! });
//! assert_eq!(Stated::of_json(&service).read().unwrap_err().len(), 3);
//! ```

pub mod charge;
pub mod fault;
pub(crate) mod id;
pub mod image;
pub mod params;
pub mod part;
pub mod read;
pub mod source;
pub mod suspend;
pub(crate) mod template;
pub(crate) mod whose;
