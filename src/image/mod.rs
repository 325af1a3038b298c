//! Where a build's image goes, and how it is deployed: the decisions behind `andante image`.
//!
//! ```text
//! repository (parameter, Service, namespace, installation) + name template + tag of the commit -> reference
//! ```
//!
//! This room decides which reference a commit's image has, and what is refused before anything is built. What the cluster,
//! the checkout and the registry say are arguments. The room may use `model` only. Begin reading with
//! [`reference`](mod@reference), then [`template`] and [`tag`].
//!
//! ```
//! use andante::image::reference::Reference;
//! use andante::image::tag;
//! use andante::image::template::Values;
//!
//! let commit = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";
//! let values = Values { branch: Some("feature/Ümlaut"), commit: Some(commit), ..Values::default() };
//! let made = tag::make(&tag::style("branch")?, &values, false, false)?;
//! assert_eq!(made.tag.as_str(), "feature-mlaut-3f2a9c1d5e6f");
//!
//! // Short names are Docker Hub's, as everywhere.
//! let redis: Reference = "redis:7".parse()?;
//! assert_eq!(redis.to_string(), "docker.io/library/redis:7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod built;
pub(crate) mod commit;
pub(crate) mod defaults;
pub(crate) mod plan;
pub mod reference;
pub mod tag;
pub mod template;
