//! What a Revision's annotations tell the autoscaler.
//!
//! Decides which of the two spellings counts, and what an unreadable or absent value means. It uses the standard library and
//! serde alone.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The autoscaler's stable window where neither the Revision nor anybody else says another (config-autoscaler,
/// `stable-window`). That ConfigMap needs a right that runs do not have.
const WINDOW: Duration = Duration::from_secs(60);

/// A bound that Knative's autoscaler keeps, as the annotation of a Revision that it follows at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleBound {
    /// `min-scale`: so many pods at least.
    MinScale,
    /// `max-scale`: so many pods at most.
    MaxScale,
}

impl ScaleBound {
    /// The annotation's name without its group.
    pub fn word(self) -> &'static str {
        match self {
            Self::MinScale => "min-scale",
            Self::MaxScale => "max-scale",
        }
    }

    /// The annotation's name in the spelling that Knative asks for first (pkg/apis/autoscaling/register.go).
    pub fn annotation(self) -> String {
        format!("autoscaling.knative.dev/{}", self.word())
    }

    fn older_annotation(self) -> &'static str {
        match self {
            Self::MinScale => "autoscaling.knative.dev/minScale",
            Self::MaxScale => "autoscaling.knative.dev/maxScale",
        }
    }
}

/// What a Revision says of its own scale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaling {
    /// The Revision has annotations at all, so that a pointer can lead to one.
    pub annotated: bool,
    /// The fewest pods that it has; 0 where nothing is said.
    pub min: u32,
    /// The most pods that it has; none where nothing is said, or 0, which means the same.
    pub max: Option<u32>,
    /// Over how long the autoscaler averages.
    pub window: Duration,
    /// The texts of the spelling that counts first.
    texts: BTreeMap<ScaleBound, String>,
    /// What the older spelling asks for at least; it counts where the newer one is absent.
    older_min: u32,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { annotated: false, min: 0, max: None, window: WINDOW, texts: BTreeMap::new(), older_min: 0 }
    }
}

impl Scaling {
    /// Reads a Revision's annotations; none: the object has no such member.
    pub fn of(annotations: Option<&BTreeMap<String, String>>) -> Self {
        let Some(annotations) = annotations else { return Self::default() };
        let number = |bound: ScaleBound| {
            let newer = annotations.get(&bound.annotation());
            newer.or_else(|| annotations.get(bound.older_annotation())).and_then(|text| text.parse::<u32>().ok())
        };
        let window = annotations.get("autoscaling.knative.dev/window");
        let text = |bound: ScaleBound| Some((bound, annotations.get(&bound.annotation())?.clone()));
        Self {
            annotated: true,
            min: number(ScaleBound::MinScale).unwrap_or_default(),
            max: number(ScaleBound::MaxScale).filter(|max| *max > 0),
            window: window.and_then(|text| humantime::parse_duration(text).ok()).unwrap_or(WINDOW),
            older_min: annotations
                .get(ScaleBound::MinScale.older_annotation())
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
            texts: [ScaleBound::MinScale, ScaleBound::MaxScale].into_iter().filter_map(text).collect(),
        }
    }

    /// The fewest pods where its owner had this text in the spelling that counts first.
    pub fn min_with(&self, had: Option<&str>) -> u32 {
        had.map_or(self.older_min, |had| had.parse().unwrap_or_default())
    }

    /// The text of a bound as it stands there, in the spelling that counts first.
    pub fn text(&self, bound: ScaleBound) -> Option<&str> {
        self.texts.get(&bound).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Scaling {
        let named = |(key, value): &(&str, &str)| (format!("autoscaling.knative.dev/{key}"), (*value).to_owned());
        Scaling::of(Some(&pairs.iter().map(named).collect()))
    }

    #[test]
    fn the_newer_spelling_counts_first_and_alone_is_a_text_of_ours_to_change() {
        let both = of(&[("minScale", "4"), ("min-scale", "2"), ("maxScale", "9")]);
        assert_eq!((both.min, both.max), (2, Some(9)));
        assert_eq!((both.text(ScaleBound::MinScale), both.text(ScaleBound::MaxScale)), (Some("2"), None));
        assert_eq!(of(&[("minScale", "4")]).min, 4);
        assert_eq!(
            (both.min_with(None), both.min_with(Some("1"))),
            (4, 1),
            "what its owner had before a floor of ours"
        );
    }

    #[test]
    fn what_says_nothing_or_cannot_be_read_bounds_nothing() {
        assert_eq!(Scaling::of(None), Scaling::default());
        assert_eq!(of(&[]), Scaling { annotated: true, ..Scaling::default() });
        let odd = of(&[("min-scale", "many"), ("max-scale", "0"), ("window", "soon")]);
        assert_eq!((odd.min, odd.max, odd.window), (0, None, WINDOW));
        assert_eq!(of(&[("window", "1m30s")]).window, Duration::from_secs(90));
    }
}
