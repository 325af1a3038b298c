//! What a refusal of the API server means.
//!
//! Decides, from the status and the `ApiStatus` object of an answer, which [`ApiError`] it is and which of its words may
//! be printed: an API error's text may hold the whole object, environment values included, so it is never repeated.
//! Reasons, names of fields, the first line of a webhook and our own words are kept. Pure.

use crate::model::api_error::ApiError;
use crate::model::writers::OwnedField;
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What was asked, for words about its failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiRequest {
    /// As RBAC calls it.
    pub(super) verb: &'static str,
    /// The API group.
    pub(super) group: Cow<'static, str>,
    /// The resource, plural.
    pub(super) resource: Cow<'static, str>,
    /// None for what has no namespace.
    pub(super) namespace: Option<String>,
    /// None for a list.
    pub(super) name: Option<String>,
}

impl ApiRequest {
    fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone().into_owned()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }

    fn place(&self) -> String {
        self.namespace.as_ref().map(|n| format!(" in namespace {n}")).unwrap_or_default()
    }
}

impl fmt::Display for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_ref().map(|n| format!(" {n}")).unwrap_or_default();
        write!(f, "{} {}{name}{}", self.verb, self.qualified(), self.place())
    }
}

/// The part of a `ApiStatus` that is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ApiStatus {
    kind: String,
    code: u16,
    reason: String,
    message: String,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    name: String,
    retry_after_seconds: u64,
    causes: Option<Vec<Cause>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    field: String,
    message: String,
}

/// The error of an `ERROR` event of a watch, which is a `ApiStatus` without an answer around it.
pub(super) fn of_event(asked: &ApiRequest, object: &serde_json::Value) -> ApiError {
    let status = ApiStatus::deserialize(object).unwrap_or_default();
    judge(asked, if status.code == 0 { 500 } else { status.code }, None, &status)
}

/// The error of an answer that is not a success.
pub(super) fn of_answer(asked: &ApiRequest, code: u16, retry_after: Option<Duration>, body: &[u8]) -> ApiError {
    // Anything else (a proxy's page) has nothing to tell that could be trusted.
    let status = serde_json::from_slice(body).ok().filter(|s: &ApiStatus| s.kind == "Status").unwrap_or_default();
    judge(asked, code, retry_after, &status)
}

fn judge(asked: &ApiRequest, code: u16, retry_after: Option<Duration>, status: &ApiStatus) -> ApiError {
    let details = status.details.as_ref();
    // First, because each denial has the status that its writer chose: Knative's webhooks 400, a quota 403.
    if (400..500).contains(&code)
        && let Some(denial) = denial(&status.message)
    {
        return ApiError::Invalid(denial);
    }
    if let Some(fields) = misfits(&status.message) {
        return ApiError::Invalid(format!("{asked}: {}", fields.join(", ")));
    }
    match code {
        401 => ApiError::Forbidden(format!(
            "{asked}: the API server does not accept our credentials (missing, expired, or of another cluster)"
        )),
        // Of nobody's right: no rule would let it in.
        403 if has_cause(status, "NamespaceTerminating") => {
            ApiError::Invalid(format!("{asked}: the namespace is being deleted"))
        }
        403 => forbidden(asked, status),
        // An unknown kind is a 404 as well, and its Status names no object.
        404 if details.is_some_and(|d| !d.name.is_empty()) => ApiError::NotFound(asked.to_string()),
        404 => ApiError::NoKind(format!("{asked}: the cluster does not have {}", asked.qualified())),
        // The same status for two things: "already exists" of a create, "the object has been modified" of the rest.
        409 if asked.verb == "create" => ApiError::Exists(asked.to_string()),
        409 if asked.verb == "patch" && !conflicts(status).is_empty() => ApiError::Conflict(conflicts(status)),
        409 if ["patch", "delete"].contains(&asked.verb) => {
            ApiError::Refused(format!("{asked}: {}", reason(status, "Conflict")))
        }
        410 => ApiError::Gone,
        422 if asked.verb == "patch" && !names_fields(status) => {
            ApiError::Refused(format!("{asked}: a test of the patch did not hold"))
        }
        // A read changes nothing that could conflict: whoever answers it so (a server or a proxy in a bad moment) has not
        // judged it.
        408 | 409 | 429 | 500.. => {
            // The header goes first; a Status may say it as well.
            let told = details.map(|d| d.retry_after_seconds).filter(|s| *s > 0).map(Duration::from_secs);
            ApiError::Server { status: code, text: trouble(asked, status), retry_after: retry_after.or(told) }
        }
        400..500 => ApiError::Invalid(format!("{asked}: {}", complaint(status, code))),
        _ => ApiError::Unreachable(format!("{asked}: answered {code}, which is not how an API server answers")),
    }
}

fn causes(status: &ApiStatus) -> &[Cause] {
    status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default()
}

fn has_cause(status: &ApiStatus, reason: &str) -> bool {
    causes(status).iter().any(|cause| cause.reason == reason)
}

/// Whose fields a server-side apply would change. The messages are the API server's own, and hold no value:
/// `conflict with "kn" using serving.knative.dev/v1`.
fn conflicts(status: &ApiStatus) -> Vec<OwnedField> {
    let of_managers = causes(status).iter().filter(|cause| cause.reason == "FieldManagerConflict");
    let owned = of_managers.map(|cause| {
        let manager = cause.message.split('"').nth(1).unwrap_or("?");
        OwnedField { manager: one_line(manager, 100), field: one_line(&cause.field, 200) }
    });
    owned.collect()
}

/// The first line of an admission webhook, a policy or a quota that denied the request.
fn denial(message: &str) -> Option<String> {
    if let Some(rest) = message.strip_prefix("admission webhook ") {
        let (name, said) = rest.split_once(" denied the request")?;
        let said = one_line(said.trim_start_matches(':'), 300);
        return Some(format!("{said} (webhook {})", one_line(name.trim_matches('"'), 100)));
    }
    let (_, rest) = message.split_once(" is forbidden: ")?;
    let of_policy = rest.starts_with("ValidatingAdmissionPolicy ") && rest.contains(" denied request: ");
    (of_policy || rest.starts_with("exceeded quota: ")).then(|| one_line(rest, 300))
}

/// Names the rule that has to be added, because adding it is what the reader has to do.
fn forbidden(asked: &ApiRequest, status: &ApiStatus) -> ApiError {
    let user = status.message.split_once("User \"").and_then(|(_, rest)| rest.split_once('"'));
    let user = user.map_or_else(|| "this user".to_owned(), |(user, _)| one_line(user, 200));
    let kind = if asked.namespace.is_some() { "Role" } else { "ClusterRole" };
    ApiError::Forbidden(format!(
        "{user} may not {asked}; a {kind} needs: apiGroups: [{:?}], resources: [{:?}], verbs: [{:?}]",
        asked.group, asked.resource, asked.verb
    ))
}

/// A failed `test` of a patch has neither causes nor a word of strict decoding.
fn names_fields(status: &ApiStatus) -> bool {
    !causes(status).is_empty() || status.message.contains("strict decoding error")
}

/// Which fields are wrong, as far as that can be said without their values.
fn complaint(status: &ApiStatus, code: u16) -> String {
    let unknown = strict(&status.message);
    if !unknown.is_empty() {
        return unknown.join(", ");
    }
    let fields: Vec<String> = causes(status)
        .iter()
        .take(5)
        .map(|c| match (one_line(&c.field, 120), one_line(&c.reason, 40)) {
            (field, reason) if field.is_empty() => reason,
            (field, reason) => format!("{field} ({reason})"),
        })
        .collect();
    let code_text = format!("status {code}");
    let why = reason(status, &code_text);
    if fields.is_empty() { why } else { format!("{why}: {}", fields.join(", ")) }
}

/// `unknown field "spec.x"` and `duplicate field "spec.x"` after the last "strict decoding error". The text before it is the
/// object itself, which must not be printed.
fn strict(message: &str) -> Vec<String> {
    let Some((_, list)) = message.rsplit_once("strict decoding error: ") else { return Vec::new() };
    let fields = list.split(", ").filter_map(|item| {
        let (what, path) = item.trim().split_once(" field \"")?;
        let path = path.strip_suffix('"')?;
        (is_path(path) && ["unknown", "duplicate"].contains(&what)).then(|| format!("{what} field {path}"))
    });
    fields.take(5).collect()
}

fn is_path(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "._-[]/".contains(c)) && text.len() <= 200
}

/// Which fields of an applied file the schema does not have. The API server answers 500 to them, as if it were its own trouble
/// (apimachinery, pkg/util/managedfields/internal/structuredmerge.go, v0.36); a line for each.
fn misfits(message: &str) -> Option<Vec<String>> {
    let (_, list) = message.strip_prefix("failed to create typed patch object (")?.split_once("): ")?;
    let fields = list.lines().filter_map(|line| {
        let (path, why) = line.trim().trim_start_matches('.').split_once(": ")?;
        let what = if why == "field not declared in schema" { "unknown field" } else { "not as the schema has it:" };
        is_path(path).then(|| format!("{what} {path}"))
    });
    let fields: Vec<String> = fields.take(5).collect();
    Some(if fields.is_empty() { vec!["a field is not as the schema has it".to_owned()] } else { fields })
}

/// A server's trouble: a webhook that could not be asked, by name and with why; else the reason and the server's own words.
fn trouble(asked: &ApiRequest, status: &ApiStatus) -> String {
    let webhook = status.message.split_once("failed calling webhook \"").and_then(|(_, rest)| rest.split_once('"'));
    if let Some((name, rest)) = webhook {
        // The last part is what the network said; before it stands an address.
        let why = rest.rsplit(": ").next().map(harmless).filter(|why| !why.is_empty());
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        return format!("{asked}: the webhook {} could not be asked{why}", one_line(name, 100));
    }
    match (reason(status, ""), harmless(&status.message)) {
        (reason, words) if reason.is_empty() && words.is_empty() => format!("{asked}: no reason given"),
        (reason, words) if words.is_empty() => format!("{asked}: {reason}"),
        (reason, words) if reason.is_empty() => format!("{asked}: {words}"),
        (reason, words) => format!("{asked}: {reason}: {words}"),
    }
}

/// The first words of a message, up to where a value could begin: at whatever is more than letters.
fn harmless(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let plain = |word: &&str| {
        let bare = word.trim_end_matches([':', ',', ';', '.']);
        !bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphabetic() || c == '.')
    };
    let words: Vec<&str> = first.split_whitespace().take_while(plain).collect();
    one_line(words.join(" ").trim_end_matches([':', ',', ';']), 160)
}

fn reason(status: &ApiStatus, otherwise: &str) -> String {
    let reason = one_line(&status.reason, 60);
    if reason.is_empty() { otherwise.to_owned() } else { reason }
}

/// The first line, without control characters (they could write anywhere on a terminal), at most `max` characters.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let first = text.trim().lines().next().unwrap_or_default();
    // Also those that turn the direction of a line or hide in it.
    let shown = |c: &char| {
        !c.is_control()
            && !matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let kept: Vec<char> = first.chars().filter(shown).collect();
    if kept.len() <= max {
        kept.into_iter().collect()
    } else {
        kept.into_iter().take(max).chain("...".chars()).collect()
    }
}
