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
