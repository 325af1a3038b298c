//! One request, one attempt, one time limit; and one more within it, with newer credentials, where the first are not believed.
//!
//! Decides when an answer counts as none. Depends on kube's client for connection and credentials.

use super::Kube;
use super::failure::{self, ApiRequest};
use crate::adapter::clock::SystemClock;
use crate::model::api_error::ApiError;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use kube::client::{AuthError, Body};
use serde_json::Value;
use std::error::Error;
use std::ops::Deref;
use std::time::Duration;

/// The largest answer that is read: a list of some hundred Revisions has a megabyte.
const LARGEST: usize = 64 << 20;

/// A request to be sent.
pub(super) struct Call<'a> {
    pub(super) asked: ApiRequest,
    /// Path and query.
    pub(super) path: String,
    /// What is sent, and its type.
    pub(super) body: Option<(&'static str, &'a Value)>,
}

impl Kube {
    /// Sends it and reads the whole answer as JSON, within the time limit.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let bytes = self.answer(call, LARGEST).await?;
        let bytes = bytes.ok_or_else(|| ApiError::Unreachable(format!("{}: the answer has no end", call.asked)))?;
        // A page of some gateway is no answer of the API server.
        serde_json::from_slice(&bytes)
            .map_err(|_| ApiError::Unreachable(format!("{}: the answer is not JSON", call.asked)))
    }

    /// Sends it and reads the whole answer, within the time limit; none of one that has more bytes than that.
    pub(super) async fn answer(
        &self,
        call: &Call<'_>,
        largest: usize,
    ) -> Result<Option<impl Deref<Target = [u8]>>, ApiError> {
        self.within(&call.asked, async {
            let (code, headers, body) = self.send(call).await.map(Response::into_parts).map(parts)?;
            let bytes = match Limited::new(body, largest).collect().await {
                Ok(whole) => whole.to_bytes(),
                Err(error) if error.is::<LengthLimitError>() => return Ok(None),
                Err(error) => return Err(lost(&call.asked, error.as_ref())),
            };
            if !(200..300).contains(&code) {
                return Err(failure::of_answer(&call.asked, code, retry_after(&headers), &bytes));
            }
            Ok(Some(bytes))
        })
        .await
    }

    /// Sends it and returns the body of a success as it arrives; only its beginning is under the time limit.
    pub(super) async fn open(&self, call: &Call<'_>) -> Result<Body, ApiError> {
        self.within(&call.asked, async {
            let (code, headers, body) = self.send(call).await.map(Response::into_parts).map(parts)?;
            if (200..300).contains(&code) {
                return Ok(body);
            }
            let limited = Limited::new(body, LARGEST).collect().await;
            let bytes = limited.map_err(|e| lost(&call.asked, e.as_ref()))?.to_bytes();
            Err(failure::of_answer(&call.asked, code, retry_after(&headers), &bytes))
        })
        .await
    }

    async fn within<T>(
        &self,
        asked: &ApiRequest,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let limit = self.limit;
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(ApiError::Unreachable(format!("{asked}: {} did not answer within {limit:?}", self.server)))
        })
    }

    async fn send(&self, call: &Call<'_>) -> Result<Response<Body>, ApiError> {
        let (client, number) = self.session.client();
        let answer = self.send_by(&client, call).await?;
        // Who is not known has done nothing, so the same once more is no second write.
        if answer.status() == StatusCode::UNAUTHORIZED && self.session.renew(number).await {
            return self.send_by(&self.session.client().0, call).await;
        }
        Ok(answer)
    }

    async fn send_by(&self, client: &kube::Client, call: &Call<'_>) -> Result<Response<Body>, ApiError> {
        let method = match call.asked.verb {
            "create" => Method::POST,
            "patch" => Method::PATCH,
            "delete" => Method::DELETE,
            _ => Method::GET,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(&call.path)
            .header(ACCEPT, "application/json")
            // No decoder is built in: a compressed answer could not be read.
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("andante/", env!("CARGO_PKG_VERSION")));
        let mut bytes = Vec::new();
        if let Some((kind, value)) = call.body {
            request = request.header(CONTENT_TYPE, kind);
            bytes = value.to_string().into_bytes();
        }
        let unsendable = |_| ApiError::Invalid(format!("{}: the request cannot be written", call.asked));
        let request = request.body(Body::from(bytes)).map_err(unsendable)?;
        let answer = client.send(request).await.map_err(|e| lost(&call.asked, &e))?;
        if let Some(server) = date(answer.headers()) {
            SystemClock::align(server);
        }
        Ok(answer)
    }

    /// Sets the clock by the API server's, for who has asked it nothing yet. Any answer tells the time.
    pub async fn set_clock(&self) {
        let asked =
            ApiRequest { verb: "get", group: "".into(), resource: "version".into(), namespace: None, name: None };
        let _ = self.call(&Call { asked, path: "/version".into(), body: None }).await;
    }
}

/// The time at which an answer was made (RFC 9110, 6.6.1).
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn parts((head, body): (http::response::Parts, Body)) -> (u16, HeaderMap, Body) {
    (head.status.as_u16(), head.headers, body)
}

/// Seconds only, because the API server never sends the header's other form, a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// No answer: the innermost reason, which never holds what was sent.
pub(super) fn lost(asked: &ApiRequest, error: &(dyn Error + 'static)) -> ApiError {
    let mut innermost = error;
    loop {
        if innermost.is::<AuthError>() {
            // A credential plugin's output may hold a token.
            return ApiError::Unreachable(format!("{asked}: our credentials could not be renewed"));
        }
        match innermost.source() {
            Some(source) => innermost = source,
            None => break,
        }
    }
    let text = innermost.to_string();
    ApiError::Unreachable(format!("{asked}: {}", failure::one_line(without_links(&text), 200)))
}

/// The text up to the first link: libraries append where their manual explains an error, which tells nobody anything.
fn without_links(text: &str) -> &str {
    let end = text.find("https://docs.rs/").unwrap_or(text.len());
    text.get(..end).unwrap_or(text).trim_end_matches([':', ' '])
}

/// A value in a query, percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_librarys_link_to_its_manual_is_not_repeated() {
        let asked = ApiRequest {
            verb: "watch",
            group: "".into(),
            resource: "pods".into(),
            namespace: Some("demo".into()),
            name: None,
        };
        // As rustls words it.
        let error = std::io::Error::other(
            "peer closed connection without sending TLS close_notify: \
             https://docs.rs/rustls/latest/rustls/manual/_03_howto/index.html#unexpected-eof",
        );
        let said = lost(&asked, &error).to_string();
        assert!(said.ends_with("peer closed connection without sending TLS close_notify"), "{said}");
    }
}
