//! Which networking layer serves a Service, and where its gateways are: what is asked of the API server, and what comes of the
//! answers.

use super::evidence::{PATIENCE, arms, gateway_of, slices, text};
use super::script::{Reply, Server};
use andante::adapter::source::{CountersFrom, EvidenceSource, Layer, WhoseGateway};
use andante::evidence::reading::{NoReading, Reading};
use andante::run::ports::Source;
use serde_json::{Value, json};
use std::time::Duration;

/// What Contour's Envoys show of two revisions, as they did of one with a port named h2c.
const ENVOY: &str = "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"shop_hello-1_80\"} 7\n\
                     envoy_cluster_upstream_rq_completed{envoy_cluster_name=\"shop_hello-1_80\"} 7\n\
                     envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"shop_hello-1_80\"} 7\n\
                     envoy_cluster_upstream_rq_total{envoy_cluster_name=\"shop_hello-2_81\"} 3\n\
                     envoy_cluster_upstream_rq_completed{envoy_cluster_name=\"shop_hello-2_81\"} 3\n\
                     envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"shop_hello-2_81\"} 3\n\
                     envoy_cluster_grpc_14{envoy_cluster_name=\"shop_hello-2_81\"} 2\n";

const CONTOURS: &str = "gateway-api.ingress.networking.knative.dev";

async fn evidence(whose: WhoseGateway, api: &[Reply], envoys: usize) -> (EvidenceSource, Server, Server) {
    let api = Server::start(api.to_vec()).await;
    let envoys = Server::start(vec![Reply::Answer(200, "", ENVOY.into()); envoys]).await;
    let from: CountersFrom = gateway_of(whose, &api, envoys.port);
    (EvidenceSource { from, gates: None, limit: Duration::from_secs(5), patience: PATIENCE }, api, envoys)
}

fn serves() -> WhoseGateway {
    WhoseGateway::Serves("hello".parse().unwrap())
}

/// A Service or an Ingress of this class.
fn of_class(class: &str) -> Reply {
    let annotations = json!({"networking.knative.dev/ingress.class": class});
    Reply::json(200, &json!({"metadata": {"name": "hello", "annotations": annotations}}))
}

fn refused(code: u16) -> Reply {
    let reason = if code == 403 { "Forbidden" } else { "NotFound" };
    let details = json!({"name": "x"});
    Reply::json(code, &json!({"kind": "Status", "code": code, "reason": reason, "message": "x", "details": details}))
}

fn settings(data: &Value) -> Reply {
    Reply::json(200, &json!({"kind": "ConfigMap", "data": data}))
}

fn gateways(of: &str) -> Reply {
    let one = |name: &str| format!("- class: {of}\n  gateway: edge/{name}\n  service: edge/envoy-{name}\n");
    settings(&json!({"external-gateways": one("outer"), "local-gateways": one("inner")}))
}

fn paths(server: &Server) -> Vec<String> {
    server.seen().into_iter().map(|seen| seen.line.replace("GET ", "")).collect()
}

#[tokio::test]
async fn a_service_of_contours_is_read_at_both_of_its_gateways() {
    let api = [of_class(CONTOURS), gateways("contour-external"), slices(&["a"]), slices(&["b"])];
    let (evidence, api, envoys) = evidence(serves(), &api, 2).await;
    let told = evidence.finds().await.unwrap().unwrap();
    assert_eq!(told, "net-gateway-api with Contour: gateways edge/envoy-outer and edge/envoy-inner, 2 pods");
    let reading: Reading = evidence.read(&arms()).await.unwrap();
    assert_eq!(reading.strata.keys().collect::<Vec<_>>(), ["a", "b"]);
    let pair = &reading.strata["a"];
    assert_eq!((pair.stable.as_ref().unwrap().completed, pair.candidate.as_ref().unwrap().completed), (7, 3));
    assert_eq!(pair.candidate.as_ref().unwrap().statuses.unwrap().grpc_failed, Some(2));
    let asked = paths(&api);
    assert_eq!(asked[0], "/apis/serving.knative.dev/v1/namespaces/shop/services/hello");
    assert_eq!(asked[1], "/api/v1/namespaces/knative-serving/configmaps/config-gateway");
    let slices = "/apis/discovery.k8s.io/v1/namespaces/edge/endpointslices?resourceVersion=0&labelSelector=";
    assert!(asked[2..].iter().all(|path| path.starts_with(slices)) && asked.len() == 4, "{asked:?}");
    let filter = "?filter=%5Ecluster%5C.%28shop_hello-1_.*%7Cshop_hello-2_.*%29%5C.%28upstream_rq_";
    assert!(paths(&envoys).iter().all(|path| path.contains(filter)), "{:?}", paths(&envoys));
}

#[tokio::test]
async fn a_class_is_asked_of_the_ingress_and_of_the_settings_where_the_service_names_none() {
    let unnamed = || Reply::json(200, &json!({"metadata": {"name": "hello"}}));
    let (found, api, _envoys) =
        evidence(serves(), &[unnamed(), of_class(CONTOURS), refused(403), slices(&["a"])], 0).await;
    let told = found.finds().await.unwrap().unwrap();
    assert!(
        told.starts_with("net-gateway-api with Contour: gateways contour-external/envoy-knative-external and "),
        "{told}"
    );
    assert!(told.ends_with("(its gateways as they are shipped: ConfigMap config-gateway may not be read)"), "{told}");
    assert_eq!(paths(&api)[1], "/apis/networking.internal.knative.dev/v1alpha1/namespaces/shop/ingresses/hello");

    let kourier = settings(&json!({"ingress-class": "kourier.ingress.networking.knative.dev"}));
    let (found, api, _envoys) = evidence(serves(), &[unnamed(), refused(404), kourier, slices(&["a"])], 0).await;
    assert_eq!(found.finds().await.unwrap().unwrap(), "Kourier's gateway kourier-system/kourier, 1 pod");
    assert_eq!(paths(&api)[2], "/api/v1/namespaces/knative-serving/configmaps/config-network");
}

/// Who may read nothing of it goes on as before there was another layer.
#[tokio::test]
async fn without_any_right_it_is_kouriers() {
    let nothing = [refused(403), refused(403), refused(403)];
    let (found, api, _envoys) = evidence(serves(), &[&nothing[..], &[slices(&["a", "b"])]].concat(), 0).await;
    let told = found.finds().await.unwrap().unwrap();
    let assumed = "(the usual one: which layer serves hello may not be read)";
    assert_eq!(told, format!("Kourier's gateway kourier-system/kourier, 2 pods {assumed}"));
    assert_eq!(paths(&api).len(), 4);
    // Nor is the count of pods what it depends on: that is said where they are read.
    let (found, _api, _envoys) = evidence(serves(), &[&nothing[..], &[refused(403), refused(403)]].concat(), 0).await;
    assert_eq!(found.finds().await.unwrap().unwrap(), format!("Kourier's gateway kourier-system/kourier {assumed}"));
    assert!(
        matches!(found.read(&arms()).await, Err(NoReading::Forbidden(why)) if why.contains("gateway-metrics.yaml"))
    );
}

#[tokio::test]
async fn a_layer_whose_gateways_are_not_known_is_named_with_what_can_be_said_instead() {
    let istio = of_class("istio.ingress.networking.knative.dev");
    let other = of_class("edge.example.com");
    for (replies, name) in [
        (vec![istio], "hello is served by Istio"),
        (vec![other], "hello is served by a layer of class edge.example.com"),
        (
            vec![of_class(CONTOURS), gateways("istio")],
            "hello is served by net-gateway-api with a Gateway of class istio",
        ),
    ] {
        let (found, api, _envoys) = evidence(serves(), &replies, 0).await;
        let why = found.finds().await.unwrap().unwrap_err();
        assert!(matches!(why, NoReading::Setting(_)), "{why:?}");
        let why = why.to_string();
        for part in [
            name,
            "prometheus=URL",
            "--evidence-labels",
            "--evidence-metrics",
            "--gateway-service",
            "--evidence-preset",
        ] {
            assert!(why.contains(part), "{why}");
        }
        assert_eq!(paths(&api).len(), replies.len(), "nothing more is asked");
    }
}

/// The API server is away for a moment: the next reading asks again.
#[tokio::test]
async fn what_cannot_be_asked_now_is_asked_later() {
    let down = Reply::Answer(503, "", "{}".into());
    let api = [down, of_class("kourier.ingress.networking.knative.dev"), slices(&["a"])];
    let (found, _api, _envoys) = evidence(serves(), &api, 1).await;
    let why = found.finds().await.unwrap().unwrap_err();
    assert!(matches!(why, NoReading::Unreachable { .. }), "{why:?}");
    assert!(text(found.read(&arms()).await).contains("no series of hello-1 or hello-2"), "it is Kourier, by now");
}

/// Who says whose gateway it is is asked for nothing of it.
#[tokio::test]
async fn a_layer_that_is_named_is_not_looked_for() {
    let (found, api, _envoys) = evidence(WhoseGateway::Of(Layer::Kourier), &[slices(&["a"])], 0).await;
    assert_eq!(found.finds().await.unwrap().unwrap(), "Kourier's gateway kourier-system/kourier, 1 pod");
    assert_eq!(paths(&api).len(), 1);
    let (found, api, _envoys) =
        evidence(WhoseGateway::Of(Layer::Contour), &[gateways("edge"), slices(&["a"]), slices(&["a"])], 0).await;
    assert!(found.finds().await.unwrap().unwrap().contains("gateways edge/envoy-outer and edge/envoy-inner"));
    assert_eq!(paths(&api).len(), 3);
}
