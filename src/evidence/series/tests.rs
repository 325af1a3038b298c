use super::*;
use crate::evidence::classes::StatusCounts;
use crate::evidence::exposition::parse;
use proptest::prelude::*;
use std::fmt::Write;

mod calls;

fn arms() -> Arms {
    Arms {
        namespace: "shop".parse().unwrap(),
        stable: "hello-1".parse().unwrap(),
        candidate: "hello-2".parse().unwrap(),
    }
}

fn samples(text: &str) -> Vec<Sample> {
    parse(text, |_| true).unwrap()
}

fn classes(counts: &[(u8, u64)]) -> Classes {
    let mut classes = Classes::default();
    for (digit, n) in counts {
        classes.add(StatusClass::Of(*digit), *n);
    }
    classes
}

fn kourier() -> Dialect {
    Dialect::preset(Preset::Kourier)
}

/// As a gateway of Envoy 1.40 writes it.
const ENVOY: &str = r#"
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/hello-1"} 100
envoy_cluster_upstream_rq_active{envoy_cluster_name="shop/hello-1"} 2
envoy_cluster_upstream_rq_completed{envoy_cluster_name="shop/hello-1"} 98
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop/hello-1"} 97
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="shop/hello-1"} 1
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop/hello-1",le="0.5"} 0
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop/hello-1",le="25"} 90
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop/hello-1",le="+Inf"} 98
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/hello-2"} 7
envoy_cluster_upstream_rq_active{envoy_cluster_name="shop/hello-2"} 7
envoy_cluster_upstream_rq_completed{envoy_cluster_name="other/hello-2"} 5
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/hello-22"} 5
"#;

#[test]
fn a_gateway_counts_both_arms() {
    let strata = read(&samples(ENVOY), &kourier(), &arms()).unwrap();
    assert_eq!(strata.len(), 1);
    let pair = &strata[""];
    assert_eq!(
        pair.stable,
        Some(Counters {
            sent: Some(100),
            active: Some(2),
            completed: 98,
            untold: 0,
            failed: 1,
            classes: Some(classes(&[(2, 97), (5, 1)])),
            statuses: Some(StatusCounts::default()),
            latency: Some(vec![(500, 0), (25_000, 90), (INFINITE, 98)]),
        })
    );
    // A candidate that never answered shows what was sent to it.
    let sent = Counters {
        sent: Some(7),
        active: Some(7),
        classes: Some(classes(&[])),
        statuses: Some(StatusCounts::default()),
        ..Counters::default()
    };
    assert_eq!(pair.candidate, Some(sent));
}

#[test]
fn instances_are_strata_and_a_pod_is_more_than_an_address() {
    let text = r#"
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/hello-1",instance="10.0.0.1:9000",pod="a"} 1
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/hello-1",instance="10.0.0.2:9000"} 2
"#;
    let strata = read(&samples(text), &kourier(), &arms()).unwrap();
    assert_eq!(strata.keys().collect::<Vec<_>>(), ["10.0.0.2:9000", "a"]);
    assert_eq!(strata["a"].candidate, None);
}

#[test]
fn a_process_that_is_scraped_twice_is_not_counted_twice() {
    let text = r#"
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/hello-1",pod="a",job="one"} 1
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/hello-1",pod="a",job="two",x="y"} 1
"#;
    let twice = read(&samples(text), &kourier(), &arms()).unwrap_err().to_string();
    assert!(twice.contains("differ in job, x"), "{twice}");
    let chosen = kourier().with_labels(["job=one"]).unwrap();
    assert_eq!(read(&samples(text), &chosen, &arms()).unwrap().len(), 1);
}

#[test]
fn what_is_no_count_is_an_error() {
    for value in ["NaN", "+Inf", "1.5", "-1", "1e300"] {
        let text = format!("envoy_cluster_upstream_rq_total{{envoy_cluster_name=\"shop/hello-2\"}} {value}");
        let error = read(&samples(&text), &kourier(), &arms()).unwrap_err();
        assert!(matches!(&error, BadSeries::NoCount { .. }), "{value} {error}");
    }
    let bucket = "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=\"shop/hello-2\"";
    for edge in ["", ",le=\"\"", ",le=\"x\"", ",le=\"-1\"", ",le=\"NaN\""] {
        let error = read(&samples(&format!("{bucket}{edge}}} 1")), &kourier(), &arms()).unwrap_err();
        assert!(matches!(error, BadSeries::Edge { .. }), "{edge}");
    }
    let sent = "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"shop/hello-2\"} 9";
    let falling = format!("{sent}\n{bucket},le=\"1\"}} 5\n{bucket},le=\"2\"}} 4\n{bucket},le=\"+Inf\"}} 9");
    assert!(matches!(read(&samples(&falling), &kourier(), &arms()), Err(BadSeries::Falling(_))));
    let endless = format!("{sent}\n{bucket},le=\"1\"}} 5");
    assert_eq!(read(&samples(&endless), &kourier(), &arms()).unwrap()[""].candidate.as_ref().unwrap().latency, None);
}

#[test]
fn other_gateways_are_reached_by_names_and_templates() {
    let contour = kourier().with_labels(["envoy_cluster_name={namespace}/{revision}/*"]).unwrap();
    let text = r#"
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/hello-1/80/aa"} 3
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/hello-1/443/bb"} 4
"#;
    assert_eq!(read(&samples(text), &contour, &arms()).unwrap()[""].stable.as_ref().unwrap().sent, Some(7));
    let istio = kourier()
        .with_metrics(
            "completed=istio_requests_total,code=response_code,latency=istio_request_duration_milliseconds_bucket",
        )
        .unwrap()
        .with_labels(["destination_service_namespace={namespace}", "destination_service_name={revision}"])
        .unwrap();
    let text = r#"
istio_requests_total{response_code="200",destination_service_name="hello-2",destination_service_namespace="shop"} 5
istio_requests_total{response_code="503",destination_service_name="hello-2",destination_service_namespace="shop"} 2
istio_requests_total{response_code="503",destination_service_name="hello-2",destination_service_namespace="other"} 2
"#;
    let read = read(&samples(text), &istio, &arms()).unwrap();
    let candidate = read[""].candidate.as_ref().unwrap();
    assert_eq!((candidate.completed, candidate.failed, candidate.sent), (7, 2, None));
    let greedy = kourier().with_labels(["envoy_cluster_name={namespace}/hello-*", "x={revision}*"]).unwrap();
    let both = "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"shop/hello-1\",x=\"hello-1\"} 1";
    assert!(super::read(&samples(both), &greedy, &arms()).is_ok());
    for bad in [
        "completed=a",
        "code=b",
        "completed=a,code=b,x=y",
        "completed=a b,code=c",
        "completed",
        "a=1,a=2",
        "completed=a,code=b,latency=c",
        "completed=a,code=b,latency=c,unit=h",
    ] {
        assert!(kourier().with_metrics(bad).is_err(), "{bad}");
    }
}

/// What a gateway tells of the candidate: answers, and those by class.
fn told(completed: u64, by_class: &[(&str, u64)]) -> String {
    let of = "envoy_cluster_name=\"shop/hello-2\"";
    let mut text = format!("envoy_cluster_upstream_rq_completed{{{of}}} {completed}\n");
    for (class, n) in by_class {
        writeln!(text, "envoy_cluster_upstream_rq_xx{{{of},envoy_response_code_class=\"{class}\"}} {n}").unwrap();
    }
    text
}

fn candidate(text: &str, dialect: &Dialect) -> Result<(u64, u64), String> {
    let strata = read(&samples(text), dialect, &arms()).map_err(|error| error.to_string())?;
    let candidate = strata[""].candidate.as_ref().unwrap();
    Ok((candidate.completed, candidate.failed))
}

fn untold(text: &str, dialect: &Dialect) -> u64 {
    read(&samples(text), dialect, &arms()).unwrap()[""].candidate.as_ref().unwrap().untold
}

/// A candidate that fails all was promoted in 60 of 60 rollouts where no class was told.
#[test]
fn answers_without_a_class_are_told_apart() {
    for completed in [1, 40] {
        assert_eq!(untold(&told(completed, &[]), &kourier()), completed);
    }
    // The scrape keeps one class of several, or the cluster was made anew.
    let half = told(1000, &[("2", 500)]);
    assert_eq!((candidate(&half, &kourier()), untold(&half, &kourier())), (Ok((1000, 0)), 500));
    let more = candidate(&told(100, &[("5", 300)]), &kourier()).unwrap_err();
    assert!(
        more.contains("counts 100 answers of hello-2, and envoy_cluster_upstream_rq_xx 300 by their status"),
        "{more}"
    );
    // Failures alone, by an owner's own names.
    let own = kourier().with_metrics("completed=all_total,failed=bad_total,code=status").unwrap();
    let own = own.with_labels(["revision={revision}"]).unwrap();
    let text = "all_total{revision=\"hello-2\"} 100\nbad_total{revision=\"hello-2\",status=\"500\"} 3\n";
    assert_eq!(untold(text, &own), 97);
}

/// A process goes on counting while it writes one series after the other.
#[test]
fn what_came_while_the_process_wrote_is_no_contradiction() {
    assert_eq!(candidate(&told(100, &[("2", 60), ("5", 45)]), &kourier()), Ok((105, 45)));
    assert_eq!(candidate(&told(100, &[("5", 101)]), &kourier()), Ok((101, 101)), "never more failures than answers");
    assert!(candidate(&told(100, &[("2", 111)]), &kourier()).is_err());
    let many = 1_000_000_000;
    assert_eq!(candidate(&told(many, &[("2", many + 1010)]), &kourier()), Ok((many + 1010, 0)));
    assert!(candidate(&told(many, &[("2", many + 1011)]), &kourier()).is_err(), "however long its history is");
    assert_eq!(candidate(&told(0, &[]), &kourier()), Ok((0, 0)));
}

fn istio() -> Dialect {
    let dialect = kourier().with_metrics("completed=rq,code=response_code").unwrap();
    dialect.with_labels(["revision={revision}"]).unwrap()
}

fn rq(labels: &[(&str, &str)], n: u64) -> String {
    let labels: Vec<String> = labels.iter().map(|(k, v)| format!(",{k}=\"{v}\"")).collect();
    format!("rq{{revision=\"hello-2\"{}}} {n}\n", labels.concat())
}

#[test]
fn no_status_is_a_failure_and_so_is_a_number_that_is_none() {
    let told: Vec<String> = ["200", "404", "0", "", "999"].map(|code| rq(&[("response_code", code)], 2)).into();
    assert_eq!(candidate(&told.concat(), &istio()), Ok((10, 6)));
    let without = format!("{}{}", rq(&[("response_code", "200")], 5), rq(&[("flags", "UH")], 3));
    assert_eq!(candidate(&without, &istio()), Ok((8, 3)), "a sample without the label that others have");
}

#[test]
fn a_label_that_tells_no_status_is_named_with_those_that_there_are() {
    let nowhere = rq(&[("response_kode", "503"), ("reporter", "source")], 9);
    assert_eq!(
        candidate(&nowhere, &istio()).unwrap_err(),
        "no sample of rq has the label \"response_code\" that should tell the status (`code=` of --evidence-metrics); they \
         have reporter, response_kode, revision"
    );
    let method = rq(&[("response_code", "GET"), ("code", "503")], 9);
    assert_eq!(
        candidate(&method, &istio()).unwrap_err(),
        "rq has the label response_code=\"GET\", which is no status (`code=` of --evidence-metrics names the label that \
         tells it); its samples have code, response_code, revision"
    );
}

#[test]
fn a_histogram_of_more_than_was_answered_is_left_out() {
    let bucket =
        |n| format!("envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name=\"shop/hello-2\",le=\"+Inf\"}} {n}\n");
    let timed = |n: u64| {
        let text = format!("{}{}", told(100, &[("2", 100)]), bucket(n));
        read(&samples(&text), &kourier(), &arms()).unwrap()[""].candidate.as_ref().unwrap().latency.is_some()
    };
    assert_eq!([4, 110, 111].map(timed), [true, true, false], "Envoy's lags by up to five seconds");
}

#[test]
fn templates_that_fit_both_arms_are_refused() {
    let greedy = kourier().with_labels(["envoy_cluster_name={namespace}/*", "who=*{revision}*"]).unwrap();
    let text = "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"shop/x\",who=\"hello-1 hello-2\"} 1";
    assert!(matches!(read(&samples(text), &greedy, &arms()), Err(BadSeries::Both { .. })));
}

#[test]
fn one_query_asks_for_both_arms_and_both_generations() {
    let arms = arms();
    let query = Dialect::preset(Preset::QueueProxy).promql(&arms.namespace, [&arms.stable, &arms.candidate]);
    assert_eq!(
        query,
        "{__name__=~\"kn_serving_invocation_duration_seconds_bucket|kn_serving_invocation_duration_seconds_count\",\
         k8s_namespace_name=~\"shop\",kn_revision_name=~\"hello-1|hello-2\"} or \
         {__name__=~\"revision_request_count|revision_request_latencies_bucket\",namespace_name=~\"shop\",\
         revision_name=~\"hello-1|hello-2\"} or \
         label_replace(timestamp({__name__=\"kn_serving_invocation_duration_seconds_count\",k8s_namespace_name=~\"shop\",\
         kn_revision_name=~\"hello-1|hello-2\"}),\"andante_sampled\",\"true\",\"\",\"\") or \
         label_replace(timestamp({__name__=\"revision_request_count\",namespace_name=~\"shop\",\
         revision_name=~\"hello-1|hello-2\"}),\"andante_sampled\",\"true\",\"\",\"\")"
    );
}

/// A pod of queue-proxy: its name, arm, generation, and how many answers of each kind it has counted.
fn pod(name: &str, revision: &str, old: bool, good: u64, bad: u64) -> String {
    if old {
        format!(
            "revision_request_count{{namespace_name=\"shop\",revision_name=\"{revision}\",pod_name=\"{name}\",response_code_class=\"2xx\"}} {good}\n\
             revision_request_count{{namespace_name=\"shop\",revision_name=\"{revision}\",pod_name=\"{name}\",response_code_class=\"5xx\"}} {bad}\n"
        )
    } else {
        format!(
            "kn_serving_invocation_duration_seconds_count{{k8s_namespace_name=\"shop\",kn_revision_name=\"{revision}\",pod=\"{name}\",http_response_status_code=\"200\"}} {good}\n\
             kn_serving_invocation_duration_seconds_count{{k8s_namespace_name=\"shop\",kn_revision_name=\"{revision}\",pod=\"{name}\",http_response_status_code=\"503\"}} {bad}\n"
        )
    }
}

#[test]
fn pods_count_for_themselves_in_whatever_generation_they_are() {
    let dialect = Dialect::preset(Preset::QueueProxy);
    let text = format!("{}{}", pod("a", "hello-1", true, 10, 1), pod("b", "hello-2", false, 4, 2));
    let strata = read(&samples(&text), &dialect, &arms()).unwrap();
    let both = |c: &Option<Counters>| c.as_ref().map(|c| (c.completed, c.failed));
    let found: Vec<_> = strata.iter().map(|(n, p)| (n.as_str(), both(&p.stable), both(&p.candidate))).collect();
    assert_eq!(found, [("a", Some((11, 1)), None), ("b", None, Some((6, 2)))]);
}

/// As queue-proxy of Knative 1.23 exposes it, with the three labels that a PodMonitor adds.
const SINCE_1_19: &str = r#"
kn_serving_invocation_duration_seconds_bucket{http_response_status_code="200",otel_scope_name="knative.dev/serving/pkg/queue",otel_scope_schema_url="",otel_scope_version="",le="0.005",pod="b",k8s_namespace_name="shop",kn_revision_name="hello-2"} 12
kn_serving_invocation_duration_seconds_bucket{http_response_status_code="200",otel_scope_name="knative.dev/serving/pkg/queue",otel_scope_schema_url="",otel_scope_version="",le="+Inf",pod="b",k8s_namespace_name="shop",kn_revision_name="hello-2"} 13
kn_serving_invocation_duration_seconds_count{http_response_status_code="200",otel_scope_name="knative.dev/serving/pkg/queue",otel_scope_schema_url="",otel_scope_version="",pod="b",k8s_namespace_name="shop",kn_revision_name="hello-2"} 13
kn_serving_invocation_duration_seconds_bucket{http_response_status_code="500",otel_scope_name="knative.dev/serving/pkg/queue",otel_scope_schema_url="",otel_scope_version="",le="0.005",pod="b",k8s_namespace_name="shop",kn_revision_name="hello-2"} 7
kn_serving_invocation_duration_seconds_bucket{http_response_status_code="500",otel_scope_name="knative.dev/serving/pkg/queue",otel_scope_schema_url="",otel_scope_version="",le="+Inf",pod="b",k8s_namespace_name="shop",kn_revision_name="hello-2"} 7
kn_serving_invocation_duration_seconds_count{http_response_status_code="500",otel_scope_name="knative.dev/serving/pkg/queue",otel_scope_schema_url="",otel_scope_version="",pod="b",k8s_namespace_name="shop",kn_revision_name="hello-2"} 7
"#;

/// As queue-proxy of Knative 1.12 exposes it.
const BEFORE_1_19: &str = r#"
revision_request_count{configuration_name="hello",container_name="queue-proxy",namespace_name="shop",pod_name="a",response_code="200",response_code_class="2xx",revision_name="hello-1",route_tag="DISABLED",service_name="hello"} 13
revision_request_count{configuration_name="hello",container_name="queue-proxy",namespace_name="shop",pod_name="a",response_code="500",response_code_class="5xx",revision_name="hello-1",route_tag="DISABLED",service_name="hello"} 7
revision_request_latencies_bucket{configuration_name="hello",container_name="queue-proxy",namespace_name="shop",pod_name="a",response_code="200",response_code_class="2xx",revision_name="hello-1",route_tag="DISABLED",service_name="hello",le="5"} 13
revision_request_latencies_bucket{configuration_name="hello",container_name="queue-proxy",namespace_name="shop",pod_name="a",response_code="200",response_code_class="2xx",revision_name="hello-1",route_tag="DISABLED",service_name="hello",le="+Inf"} 13
revision_request_latencies_bucket{configuration_name="hello",container_name="queue-proxy",namespace_name="shop",pod_name="a",response_code="500",response_code_class="5xx",revision_name="hello-1",route_tag="DISABLED",service_name="hello",le="5"} 6
revision_request_latencies_bucket{configuration_name="hello",container_name="queue-proxy",namespace_name="shop",pod_name="a",response_code="500",response_code_class="5xx",revision_name="hello-1",route_tag="DISABLED",service_name="hello",le="+Inf"} 7
"#;

#[test]
fn both_generations_of_queue_proxy_are_read_as_they_write() {
    let strata =
        read(&samples(&format!("{SINCE_1_19}{BEFORE_1_19}")), &Dialect::preset(Preset::QueueProxy), &arms()).unwrap();
    let counters = |below| Counters {
        completed: 20,
        failed: 7,
        classes: Some(classes(&[(2, 13), (5, 7)])),
        statuses: Some(StatusCounts::default()),
        latency: Some(vec![(5_000, below), (INFINITE, 20)]),
        ..Counters::default()
    };
    assert_eq!(strata["a"], Pair { stable: Some(counters(19)), candidate: None });
    assert_eq!(strata["b"], Pair { stable: None, candidate: Some(counters(19)) });
}

proptest! {
    /// Whatever is exposed, a reading is whole or an error: nothing is negative, and buckets rise.
    #[test]
    fn a_reading_is_whole_or_none(counts in proptest::collection::vec((0_u8..4, any::<bool>(), -2_i64..60, 0_i64..9), 0..12)) {
        let mut text = String::new();
        for (kind, candidate, value, edge) in &counts {
            let revision = if *candidate { "hello-2" } else { "hello-1" };
            let edge = if *edge > 6 { "+Inf".into() } else { edge.to_string() };
            let (name, more) = match kind {
                0 => ("total", String::new()),
                1 => ("completed", String::new()),
                2 => ("xx", format!(",envoy_response_code_class=\"{}\"", value.rem_euclid(6))),
                _ => ("time_bucket", format!(",le=\"{edge}\"")),
            };
            writeln!(text, "envoy_cluster_upstream_rq_{name}{{envoy_cluster_name=\"shop/{revision}\"{more}}} {value}").unwrap();
        }
        if let Ok(strata) = read(&samples(&text), &kourier(), &arms()) {
            prop_assert!(counts.iter().all(|(_, _, value, _)| *value >= 0));
            for pair in strata.values() {
                prop_assert!(*pair != Pair::default());
                for counters in [&pair.stable, &pair.candidate].into_iter().flatten() {
                    prop_assert!(counters.failed <= counters.completed);
                }
                for latency in [&pair.stable, &pair.candidate].into_iter().flatten().filter_map(|c| c.latency.as_ref()) {
                    prop_assert_eq!(latency.last().unwrap().0, INFINITE);
                    prop_assert!(latency.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1));
                }
            }
        }
    }
}
