//! Networking layers of Knative whose gateways can be read.
//!
//! Decides, from what the cluster says, which one serves a Service, where its gateways are and what they call their counters. Depends
//! on the API server's adapter and the presets.

use crate::adapter::cluster::Kube;
use crate::evidence::reading::NoReading;
use crate::evidence::series::Preset;
use crate::model::api_error::ApiError;
use crate::model::name::{Namespace, ServiceName};
use serde_json::Value;

/// Where a gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    /// Its namespace.
    pub namespace: Namespace,
    /// The Service in front of its pods.
    pub service: ServiceName,
    /// The port on which each pod exposes its counters.
    pub port: u16,
}

/// A layer whose gateways can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Kourier: one gateway for users outside and inside.
    Kourier,
    /// net-gateway-api with Contour: a gateway for users outside, another for those inside.
    Contour,
}

/// What serves a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundLayer {
    pub(super) layer: Layer,
    /// The Services in front of its gateways' pods.
    pub(super) places: Vec<Where>,
    /// What is taken for granted, since it may not be read.
    pub(super) assumed: Option<String>,
}

/// A class of Knative's Ingresses, by whom it is served.
const KOURIER: &str = "kourier.ingress.networking.knative.dev";
const GATEWAY_API: &str = "gateway-api.ingress.networking.knative.dev";
/// Where net-gateway-api is told of its gateways.
const GATEWAYS: &str = "config-gateway";
/// The port at which Contour's Envoys show their counters.
const CONTOURS: u16 = 8002;
const OTHERS: [(&str, &str); 2] =
    [("istio.ingress.networking.knative.dev", "Istio"), ("contour.ingress.networking.knative.dev", "net-contour")];

impl Layer {
    /// What its gateways call their counters.
    pub fn preset(self) -> Preset {
        match self {
            Self::Kourier => Preset::Kourier,
            Self::Contour => Preset::Contour,
        }
    }

    /// As people call it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Kourier => "Kourier",
            Self::Contour => "net-gateway-api with Contour",
        }
    }

    /// Where its gateways are, unless the cluster says otherwise: namespace, Service, port of the counters.
    fn usual(self) -> Vec<Where> {
        let places: &[(&str, &str, u16)] = match self {
            Self::Kourier => &[("kourier-system", "kourier", 9000)],
            // As net-gateway-api ships its settings for Contour.
            Self::Contour => &[
                ("contour-external", "envoy-knative-external", CONTOURS),
                ("contour-internal", "envoy-knative-local", CONTOURS),
            ],
        };
        let place = |&(namespace, service, port): &(&str, &str, u16)| {
            Some(Where { namespace: namespace.parse().ok()?, service: service.parse().ok()?, port })
        };
        places.iter().filter_map(place).collect()
    }

    /// This one, whatever serves the Service.
    pub(super) async fn found(self, kube: &Kube) -> Result<FoundLayer, ApiError> {
        Ok(match self {
            Self::Kourier => FoundLayer { layer: self, places: self.usual(), assumed: None },
            Self::Contour => contour(kube.knative_settings(GATEWAYS).await?.as_ref()),
        })
    }

    /// The one that serves a Service.
    pub(super) async fn of(kube: &Kube, service: &ServiceName) -> Result<FoundLayer, NoReading> {
        let unread =
            |error: ApiError| NoReading::Unreachable { from: "the API server".into(), text: error.to_string() };
        let Some(class) = kube.ingress_class(service).await.map_err(unread)? else {
            let mut found = Self::Kourier.found(kube).await.map_err(unread)?;
            found.assumed = Some(format!("the usual one: which layer serves {service} may not be read"));
            return Ok(found);
        };
        match class.as_str() {
            KOURIER => Self::Kourier.found(kube).await.map_err(unread),
            GATEWAY_API => {
                let settings = kube.knative_settings(GATEWAYS).await.map_err(unread)?;
                // Where they may not be read, what it is shipped with for Contour is tried.
                match settings.as_ref().and_then(other_than_contour) {
                    Some(other) => Err(unknown(service, &format!("net-gateway-api with a Gateway of class {other}"))),
                    None => Ok(contour(settings.as_ref())),
                }
            }
            class => {
                let name = OTHERS.iter().find(|(known, _)| *known == class).map(|(_, name)| *name);
                let what = name.map_or_else(|| format!("a layer of class {class}"), str::to_owned);
                Err(unknown(service, &what))
            }
        }
    }
}

/// Contour, with the gateways of these settings.
fn contour(settings: Option<&Value>) -> FoundLayer {
    let layer = Layer::Contour;
    let named = settings.map(gateways).unwrap_or_default();
    let places: Option<Vec<Where>> = named.iter().map(|gateway| gateway.place(CONTOURS)).collect();
    let assumed = match places.filter(|places| !places.is_empty()) {
        Some(mut places) => {
            // One may be for both.
            places.dedup();
            return FoundLayer { layer, places, assumed: None };
        }
        None if settings.is_some() => "names no Services of theirs",
        None => "may not be read",
    };
    let assumed = format!("its gateways as they are shipped: ConfigMap {GATEWAYS} {assumed}");
    FoundLayer { layer, places: layer.usual(), assumed: Some(assumed) }
}

/// A gateway as net-gateway-api's settings name it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedGateway {
    class: String,
    /// NAMESPACE/NAME; none where the layer asks the Gateway's own address.
    service: Option<String>,
}

impl NamedGateway {
    fn place(&self, port: u16) -> Option<Where> {
        let (namespace, service) = self.service.as_deref()?.split_once('/')?;
        Some(Where { namespace: namespace.parse().ok()?, service: service.parse().ok()?, port })
    }
}

/// The gateways that net-gateway-api's settings name, the outer one first.
fn gateways(settings: &Value) -> Vec<NamedGateway> {
    let of = |key: &str| -> Vec<NamedGateway> {
        let text = settings.get(key).and_then(Value::as_str).unwrap_or_default();
        let list: Value = serde_saphyr::from_str(text).unwrap_or_default();
        let word = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        let entries = list.as_array().into_iter().flatten();
        entries
            .map(|entry| NamedGateway {
                class: word(entry, "class").unwrap_or_default(),
                service: word(entry, "service"),
            })
            .collect()
    };
    [of("external-gateways"), of("local-gateways")].concat()
}

/// The class of a gateway that is none of Contour's, by its name, since the right to read what stands behind a `GatewayClass` is one
/// of the whole cluster. Without any gateway named the layer takes Istio's.
fn other_than_contour(settings: &Value) -> Option<String> {
    let gateways = gateways(settings);
    if gateways.is_empty() {
        return Some("istio".to_owned());
    }
    let contours = |gateway: &NamedGateway| {
        gateway.class.contains("contour") || gateway.service.as_ref().is_some_and(|service| service.contains("contour"))
    };
    gateways.into_iter().find(|gateway| !contours(gateway)).map(|gateway| gateway.class)
}

/// What to do where a gateway's counters are not known.
fn unknown(service: &ServiceName, what: &str) -> NoReading {
    NoReading::Setting(format!(
        "{service} is served by {what}, and how its gateways count is not known here: name a Prometheus that scrapes them \
         (--evidence prometheus=URL) with --evidence-labels and --evidence-metrics, or say how the gateway itself is read: \
         --gateway-namespace, --gateway-service and --gateway-port with --evidence-preset kourier or contour, or with labels and \
         metrics (docs/evidence-sources.md, \"Other gateways\")"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(class: &str, service: &str) -> Value {
        let gateway = |name: &str| format!("- class: {class}\n  gateway: x/{name}\n  service: {service}-{name}\n");
        json!({"external-gateways": gateway("outer"), "local-gateways": gateway("inner"), "_example": "x"})
    }

    #[test]
    fn gateways_are_read_as_the_layer_reads_them() {
        let places: Vec<_> =
            gateways(&settings("contour-external", "edge/envoy")).iter().map(|g| g.place(8002).unwrap()).collect();
        let words: Vec<_> = places.iter().map(|place| format!("{}/{}", place.namespace, place.service)).collect();
        assert_eq!(words, ["edge/envoy-outer", "edge/envoy-inner"]);
        for odd in [json!({}), json!({"external-gateways": "]["}), json!({"external-gateways": "a: b"}), Value::Null] {
            assert_eq!(gateways(&odd), []);
        }
        let own = json!({"external-gateways": "- class: c\n  gateway: a/b\n"});
        assert_eq!(gateways(&own)[0].place(1), None, "it asks the Gateway's own address");
    }

    #[test]
    fn contour_is_known_by_name() {
        assert_eq!(other_than_contour(&settings("contour-external", "edge/envoy")), None);
        assert_eq!(other_than_contour(&settings("edge", "contour-external/envoy")), None);
        assert_eq!(other_than_contour(&settings("istio", "istio-system/x")), Some("istio".into()));
        assert_eq!(other_than_contour(&json!({})), Some("istio".into()), "as it takes what is not said");
    }

    #[test]
    fn gateways_are_where_the_settings_say_and_else_where_they_are_shipped() {
        let words = |found: FoundLayer| {
            let places =
                found.places.iter().map(|place| format!("{}/{}:{}", place.namespace, place.service, place.port));
            (places.collect::<Vec<_>>().join(" "), found.assumed.unwrap_or_default())
        };
        let (places, assumed) = words(contour(Some(&settings("contour-external", "edge/envoy"))));
        assert_eq!((places.as_str(), assumed.as_str()), ("edge/envoy-outer:8002 edge/envoy-inner:8002", ""));
        let shipped = "contour-external/envoy-knative-external:8002 contour-internal/envoy-knative-local:8002";
        for (given, why) in [(None, "may not be read"), (Some(&json!({})), "names no Services of theirs")] {
            let (places, assumed) = words(contour(given));
            assert_eq!(places, shipped);
            assert!(assumed.ends_with(why), "{assumed}");
        }
        let one = json!({"external-gateways": "- service: a/b", "local-gateways": "- service: a/b"});
        assert_eq!(words(contour(Some(&one))).0, "a/b:8002");
        assert_eq!(Layer::Kourier.usual().len(), 1);
    }
}
