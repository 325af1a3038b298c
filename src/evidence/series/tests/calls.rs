//! Calls of gRPC among the series.

use super::*;

/// As an Envoy with the gRPC statistics filter writes it: a series for each status, and for each method where it is told to.
#[test]
fn calls_of_grpc_are_told_by_series_or_by_label() {
    let text = r#"
envoy_cluster_upstream_rq_completed{envoy_cluster_name="shop/hello-1"} 100
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop/hello-1"} 90
envoy_cluster_upstream_rq_xx{envoy_response_code_class="4",envoy_cluster_name="shop/hello-1"} 10
envoy_cluster_grpc_0{envoy_cluster_name="shop/hello-1"} 40
envoy_cluster_grpc_14{envoy_cluster_name="shop/hello-1",envoy_grpc_bridge_method="Say"} 3
envoy_cluster_grpc_14{envoy_cluster_name="shop/hello-1",envoy_grpc_bridge_method="Ask"} 4
envoy_cluster_grpc_16{envoy_cluster_name="shop/hello-1"} 2
envoy_cluster_grpc_success{envoy_cluster_name="shop/hello-1"} 40
envoy_cluster_upstream_rq_completed{envoy_cluster_name="shop/hello-2"} 5
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop/hello-2"} 5
"#;
    let asked = kourier();
    let names = asked.names();
    let kept = parse(text, |name| names.contains(&name)).unwrap();
    let strata = read(&kept, &asked, &arms()).unwrap();
    let stable = strata[""].stable.as_ref().unwrap();
    assert_eq!((stable.completed, stable.failed), (100, 0), "calls are among the answers");
    assert_eq!(stable.statuses, Some(StatusCounts { client_errors: 12, grpc_failed: Some(7) }));
    assert_eq!(stable.classes.unwrap().calls().unwrap().words(), "40 OK, 7 UNAVAILABLE, 2 UNAUTHENTICATED");
    let candidate = strata[""].candidate.as_ref().unwrap();
    assert_eq!(candidate.statuses, Some(StatusCounts::default()), "nobody called it yet");
    let istio = kourier()
        .with_metrics("completed=istio_requests_total,code=response_code,grpc=grpc_response_status")
        .unwrap()
        .with_labels(["destination_service_name={revision}"])
        .unwrap();
    let text = r#"
istio_requests_total{response_code="200",grpc_response_status="0",destination_service_name="hello-2"} 5
istio_requests_total{response_code="200",grpc_response_status="13",destination_service_name="hello-2"} 2
istio_requests_total{response_code="200",grpc_response_status="",destination_service_name="hello-2"} 9
istio_requests_total{response_code="404",grpc_response_status="12",destination_service_name="hello-2"} 1
istio_requests_total{response_code="503",grpc_response_status="14",destination_service_name="hello-2"} 1
"#;
    let read = read(&samples(text), &istio, &arms()).unwrap();
    let candidate = read[""].candidate.as_ref().unwrap();
    // What the answer itself tells is not told twice.
    assert_eq!((candidate.completed, candidate.failed), (18, 1));
    assert_eq!(candidate.statuses, Some(StatusCounts { client_errors: 1, grpc_failed: Some(2) }));
}

/// As Contour's Envoys write it, here of two revisions of which one speaks HTTP/2 without TLS; `hello-2` is no `hello-20`.
#[test]
fn contours_clusters_are_told_apart_whatever_their_port() {
    let text = r#"
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop_hello-1_80"} 9
envoy_cluster_upstream_rq_completed{envoy_cluster_name="shop_hello-1_80"} 9
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop_hello-1_80"} 9
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop_hello-2_81"} 5
envoy_cluster_upstream_rq_completed{envoy_cluster_name="shop_hello-2_81"} 5
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop_hello-2_81"} 5
envoy_cluster_grpc_13{envoy_cluster_name="shop_hello-2_81"} 4
envoy_cluster_grpc_failure{envoy_cluster_name="shop_hello-2_81"} 4
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop_hello-20_80"} 70
envoy_cluster_upstream_rq_completed{envoy_cluster_name="shop_hello-20_80"} 70
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="shop_hello-20_80"} 70
"#;
    let contour = Dialect::preset(Preset::Contour);
    let names = contour.names();
    let kept = parse(text, |name| names.contains(&name)).unwrap();
    let strata = read(&kept, &contour, &arms()).unwrap();
    let (stable, candidate) = (strata[""].stable.as_ref().unwrap(), strata[""].candidate.as_ref().unwrap());
    assert_eq!((stable.sent, stable.failed, candidate.sent, candidate.failed), (Some(9), 0, Some(5), 0));
    assert_eq!(candidate.statuses, Some(StatusCounts { client_errors: 0, grpc_failed: Some(4) }));
    // The same process by two jobs is counted once or not at all, as with Kourier.
    let twice = text.replace("_80\"", "_80\",job=\"a\"") + &text.replace("_80\"", "_80\",job=\"b\"");
    let kept = parse(&twice, |name| names.contains(&name)).unwrap();
    assert!(matches!(read(&kept, &contour, &arms()), Err(BadSeries::Twice { .. })));
    let narrowed = contour.with_labels(["job=a"]).unwrap();
    let strata = read(&kept, &narrowed, &arms()).unwrap();
    assert_eq!(strata[""].stable.as_ref().unwrap().sent, Some(9));
}

#[test]
fn an_envoy_is_asked_for_these_clusters_alone() {
    let (namespace, stable, candidate) =
        ("shop".parse().unwrap(), "hello-1".parse().unwrap(), "hello.2".parse().unwrap());
    let filter = |dialect: Dialect| dialect.envoy_filter(&namespace, [&stable, &candidate]);
    let kourier = filter(kourier()).unwrap();
    assert!(kourier.starts_with(r"^cluster\.(shop/hello-1|shop/hello\.2)\.(upstream_rq_(total|"), "{kourier}");
    let contour = filter(Dialect::preset(Preset::Contour)).unwrap();
    assert!(contour.starts_with(r"^cluster\.(shop_hello-1_.*|shop_hello\.2_.*)\.(upstream_rq_(total|"), "{contour}");
    let own = Dialect::preset(Preset::Kourier).with_metrics("completed=rq,code=code").unwrap();
    assert_eq!(filter(own), None, "what is no Envoy's is not filtered as one's");
    assert_eq!(filter(Dialect::preset(Preset::QueueProxy)), None);
}
