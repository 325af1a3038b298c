//! Every class of failure, and that no text repeats an object.

use super::script::{Reply, Server, connect};
use andante::adapter::cluster::Connect;
use andante::model::api_error::ApiError;
use andante::model::writers::OwnedField;
use andante::run::ports::{Cluster, Watch};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const SECRET: &str = "hunter2-in-an-env-value";

fn status(code: u16, reason: &str, message: &str, details: &Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "details": details, "code": code})
}

async fn patch_refused(reply: Reply) -> ApiError {
    let server = Server::start(vec![reply]).await;
    let error = server.service().patch_service(&json!([])).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    assert_eq!(server.seen().len(), 1, "a write is one attempt");
    error
}

const PATCH: &str = "patch services.serving.knative.dev hello in namespace shop";

#[tokio::test]
async fn what_a_patch_may_meet() {
    let object = format!(r#"{{"spec":{{"env":[{{"name":"K","value":"{SECRET}"}}]}}}}"#);
    let strict = format!(
        "\"\" is invalid: patch: Invalid value: {object:?}: strict decoding error: \
         unknown field \"spec.template.spec.contaners\", duplicate field \"spec.traffic[0].tag\""
    );
    let webhook = format!(
        "admission webhook \"validation.webhook.serving.knative.dev\" denied the request: validation failed: \
         Saw the following changes without a name change (-old +new): spec.template.metadata.name\n-{SECRET}\x1b[2J"
    );
    let cases = [
        (
            status(409, "Conflict", &format!("Operation cannot be fulfilled: {SECRET}"), &json!({"name": "hello"})),
            ApiError::Refused(format!("{PATCH}: Conflict")),
        ),
        (
            status(422, "Invalid", "the server rejected our request due to an error in our request", &json!({})),
            ApiError::Refused(format!("{PATCH}: a test of the patch did not hold")),
        ),
        (
            status(
                422,
                "Invalid",
                &strict,
                &json!({"causes": [{"reason": "FieldValueInvalid", "message": &strict, "field": "patch"}]}),
            ),
            ApiError::Invalid(format!(
                "{PATCH}: unknown field spec.template.spec.contaners, duplicate field spec.traffic[0].tag"
            )),
        ),
        (
            status(400, "BadRequest", &format!("strict decoding error: unknown field \"{SECRET} x\""), &Value::Null),
            ApiError::Invalid(format!("{PATCH}: BadRequest")),
        ),
        (
            status(
                422,
                "Invalid",
                SECRET,
                &json!({"causes": [
                {"reason": "FieldValueInvalid", "message": SECRET, "field": "spec.traffic[0].percent"}]}),
            ),
            ApiError::Invalid(format!("{PATCH}: Invalid: spec.traffic[0].percent (FieldValueInvalid)")),
        ),
        (
            status(400, "BadRequest", &webhook, &Value::Null),
            ApiError::Invalid(
                "validation failed: Saw the following changes without a name change (-old +new): \
                 spec.template.metadata.name (webhook validation.webhook.serving.knative.dev)"
                    .into(),
            ),
        ),
        (
            status(
                409,
                "Conflict",
                SECRET,
                &json!({"name": "hello", "causes": [{"reason": "FieldManagerConflict", "field": ".spec.template.spec.containers",
                    "message": "conflict with \"kubectl-edit\" using serving.knative.dev/v1 at 2026-01-01T00:00:00Z"}]}),
            ),
            ApiError::Conflict(vec![OwnedField {
                manager: "kubectl-edit".into(),
                field: ".spec.template.spec.containers".into(),
            }]),
        ),
        (
            status(
                500,
                "",
                &format!(
                    "failed to create typed patch object (shop/hello; serving.knative.dev/v1, Kind=Service): errors:\n  \
                     .spec.template.spec.contaners: field not declared in schema\n  .spec.template.spec.timeoutSeconds: expected \
                     numeric (int or float), got {SECRET}"
                ),
                &Value::Null,
            ),
            ApiError::Invalid(format!(
                "{PATCH}: unknown field spec.template.spec.contaners, not as the schema has it: spec.template.spec.timeoutSeconds"
            )),
        ),
        (
            status(
                422,
                "Invalid",
                "services.serving.knative.dev \"hello\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
                &json!({}),
            ),
            ApiError::Invalid("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no".into()),
        ),
        (
            status(
                403,
                "Forbidden",
                "services.serving.knative.dev \"hello\" is forbidden: User \"system:serviceaccount:ci:bot\" cannot patch resource \"services\" in API group \"serving.knative.dev\" in the namespace \"shop\"",
                &json!({"name": "hello"}),
            ),
            ApiError::Forbidden(format!(
                "system:serviceaccount:ci:bot may not {PATCH}; a Role needs: apiGroups: [\"serving.knative.dev\"], \
                 resources: [\"services\"], verbs: [\"patch\"]"
            )),
        ),
        (
            status(401, "Unauthorized", "Unauthorized", &Value::Null),
            ApiError::Forbidden(format!(
                "{PATCH}: the API server does not accept our credentials (missing, expired, or of another cluster)"
            )),
        ),
        (status(404, "NotFound", "gone", &json!({"name": "hello"})), ApiError::NotFound(PATCH.into())),
        (
            status(404, "NotFound", "the server could not find the requested resource", &json!({})),
            ApiError::NoKind(format!("{PATCH}: the cluster does not have services.serving.knative.dev")),
        ),
        (status(410, "Expired", "too old", &Value::Null), ApiError::Gone),
    ];
    for (answer, expected) in cases {
        let code = u16::try_from(answer["code"].as_u64().unwrap()).unwrap();
        assert_eq!(patch_refused(Reply::json(code, &answer)).await, expected);
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_once_and_its_wish_is_kept() {
    let server = |status, text: &str, seconds: Option<u64>| ApiError::Server {
        status,
        text: format!("{PATCH}: {text}"),
        retry_after: seconds.map(Duration::from_secs),
    };
    let busy = status(429, "TooManyRequests", SECRET, &json!({"retryAfterSeconds": 1}));
    let webhook = format!(
        "Internal error occurred: failed calling webhook \"webhook.serving.knative.dev\": failed to call webhook: {SECRET}"
    );
    let cases = [
        (Reply::Answer(429, "retry-after: 7\r\n", busy.to_string()), server(429, "TooManyRequests", Some(7))),
        (Reply::json(429, &busy), server(429, "TooManyRequests", Some(1))),
        (
            Reply::json(500, &status(500, "InternalError", &webhook, &Value::Null)),
            server(500, "the webhook webhook.serving.knative.dev could not be asked", None),
        ),
        (
            Reply::Answer(503, "content-type: text/html\r\n", format!("<html>{SECRET}</html>")),
            server(503, "no reason given", None),
        ),
        (Reply::json(504, &status(504, "Timeout", SECRET, &Value::Null)), server(504, "Timeout", None)),
        (
            Reply::json(
                500,
                &status(500, "InternalError", &format!("{webhook}: dial tcp: connection refused"), &Value::Null),
            ),
            server(500, "the webhook webhook.serving.knative.dev could not be asked (connection refused)", None),
        ),
        (
            Reply::json(
                500,
                &status(500, "", "resourceVersion should not be set on objects to be created", &Value::Null),
            ),
            server(500, "resourceVersion should not be set on objects to be created", None),
        ),
        (
            Reply::json(500, &status(500, "", &format!("etcdserver: no space: value {SECRET} of key"), &Value::Null)),
            server(500, "etcdserver: no space: value", None),
        ),
    ];
    for (reply, expected) in cases {
        let error = patch_refused(reply).await;
        assert_eq!(error, expected);
        assert!(error.is_passing());
    }
}

/// A 409 refuses a write. To a read it says nothing but that the server (or a proxy before it) has a bad moment.
#[tokio::test]
async fn a_conflict_of_a_read_passes() {
    let conflict =
        status(409, "Conflict", &format!("the object has been modified {SECRET}=1"), &json!({"name": "hello"}));
    let event = format!("{}\n", json!({"type": "ERROR", "object": conflict}));
    let mut replies: Vec<Reply> = (0..4).map(|_| Reply::json(409, &conflict)).collect();
    replies.push(Reply::Answer(200, "", event));
    let server = Server::start(replies).await;
    let service = server.service();
    let errors = [
        service.service().await.unwrap_err(),
        service.configuration().await.unwrap_err(),
        service.revisions().await.unwrap_err(),
        service.watch_service("1").await.map(drop).unwrap_err(),
        service.watch_service("1").await.unwrap().next().await.unwrap().unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, ApiError::Server { status: 409, .. }), "{error:?}");
        assert!(error.is_passing() && !format!("{error} {error:?}").contains(SECRET), "{error}");
    }
}

#[tokio::test]
async fn a_create_meets_what_exists() {
    let exists = status(409, "AlreadyExists", SECRET, &json!({"name": "hello"}));
    let unknown = status(422, "Invalid", "the server rejected our request due to an error in our request", &json!({}));
    // As the API server says it: a right would not help.
    let going = status(
        403,
        "Forbidden",
        "services.serving.knative.dev \"hello\" is forbidden: unable to create new content in namespace shop because it is being terminated",
        &json!({"name": "hello", "causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace",
            "message": "namespace shop is being terminated"}]}),
    );
    let replies = [(409, &exists), (422, &unknown), (403, &going)].map(|(code, body)| Reply::json(code, body));
    let server = Server::start(replies.into()).await;
    let service = server.service();
    let create = "create services.serving.knative.dev hello in namespace shop";
    assert_eq!(service.create_service(&json!({})).await, Err(ApiError::Exists(create.into())));
    assert_eq!(service.create_service(&json!({})).await, Err(ApiError::Invalid(format!("{create}: Invalid"))));
    let why = format!("{create}: the namespace is being deleted");
    assert_eq!(service.create_service(&json!({})).await, Err(ApiError::Invalid(why)));
}

#[tokio::test]
async fn no_answer_is_no_answer() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"kind\":";
    let cases = [
        (Reply::Reset, "connection"),
        (Reply::Pieces(vec![(Duration::ZERO, cut.into())]), "end of file before message length reached"),
        (Reply::Pieces(vec![]), "connection closed before message completed"),
        (Reply::Answer(200, "", "<html>welcome</html>".into()), "the answer is not JSON"),
        (Reply::Answer(302, "location: /login\r\n", String::new()), "answered 302"),
        (Reply::Pieces(vec![(Duration::ZERO, "SSH-2.0-x\r\n\r\n".into())]), "invalid HTTP"),
    ];
    for (reply, expected) in cases {
        match patch_refused(reply).await {
            ApiError::Unreachable(text) => {
                assert!(text.starts_with(PATCH) && text.to_lowercase().contains(&expected.to_lowercase()), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let kube = connect(&format!("http://127.0.0.1:{free}"), &Connect::default());
    let error = kube.service("hello".parse().unwrap()).service().await.unwrap_err();
    assert!(matches!(&error, ApiError::Unreachable(text) if text.contains("refused")), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_noticed_within_the_limit() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned();
    let server = Server::start(vec![Reply::Hang(String::new()), Reply::Hang(half), Reply::Hang(String::new())]).await;
    let limit = Connect { call_limit: Duration::from_millis(200), ..Connect::default() };
    let service = connect(&server.url(), &limit).service("hello".parse().unwrap());
    for _ in 0..2 {
        let began = Instant::now();
        let error = service.service().await.unwrap_err();
        assert!(
            matches!(&error, ApiError::Unreachable(text) if text.ends_with("did not answer within 200ms")),
            "{error}"
        );
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    let began = Instant::now();
    assert!(service.watch_service("1").await.is_err());
    assert!(began.elapsed() < Duration::from_secs(2));
}
