//! The same requests asked of both revisions, before anyone is moved: where users are few, nothing can be compared in time.
//!
//! Decides which requests a file names ([`list`], [`har`]) and what pairs of answers say ([`score`]). Sending is an adapter's
//! work, and the order of the two in a pair is [`crate::machine`]'s. Depends on answers and `serde_json`.

mod har;
mod list;
mod score;
mod sign;

pub use score::{ReplayRules, Score, ScoreVerdict};

use super::probe::{HttpForm, Probe};
use std::sync::Arc;

/// So many requests a file may name.
pub const MOST_REQUESTS: usize = 10_000;
/// So long a path with its query may be, in bytes.
const LONGEST_PATH: usize = 8192;
/// So many headers one request may have.
const MOST_HEADERS: usize = 100;
/// So long the body of a request may be, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// A request that both are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedRequest {
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Everything else.
    pub form: Arc<HttpForm>,
}

/// What a file names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The requests, in its order; at least one.
    pub requests: Vec<ReplayedRequest>,
    /// Requests of a HAR whose methods were not to be sent, or that were of other hosts.
    pub left_out: usize,
}

/// Reads a file: a HAR if it is a JSON object, else a list with a request a line. `methods` may be sent.
///
/// ```
/// let text = "# the shop's pages\nGET /items?page=2\n  Accept: application/json\n/health\n";
/// let recorded = andante::evidence::replay::read(text, &["GET".to_owned()])?;
/// assert_eq!(recorded.requests.len(), 2);
/// assert_eq!(recorded.requests[0].path, "/items?page=2");
/// assert_eq!(recorded.requests[0].form.headers[0], ("Accept".to_owned(), "application/json".to_owned()));
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// What is wrong, and where.
pub fn read(text: &str, methods: &[String]) -> Result<Recorded, String> {
    let text = text.trim_start_matches('\u{feff}');
    let recorded =
        if text.trim_start().starts_with('{') { har::read(text, methods) } else { list::read(text, methods) }?;
    if recorded.requests.is_empty() {
        let left = if recorded.left_out > 0 {
            format!(": all {} are of other hosts, or of methods that --replay-methods does not name", recorded.left_out)
        } else {
            String::new()
        };
        return Err(format!("it names no request{left}"));
    }
    Ok(recorded)
}

/// The request, unless something about it cannot be sent.
fn request(path: &str, form: HttpForm) -> Result<ReplayedRequest, String> {
    Probe::check_path(path)?;
    if path.len() > LONGEST_PATH {
        return Err(format!("a path of {} bytes: at most {LONGEST_PATH} are sent", path.len()));
    }
    if form.headers.len() > MOST_HEADERS {
        return Err(format!("{} headers: at most {MOST_HEADERS} of a request are sent", form.headers.len()));
    }
    if form.body.len() > LARGEST_BODY {
        return Err(format!("a body of {} bytes: at most {LARGEST_BODY} are sent", form.body.len()));
    }
    for (name, value) in &form.headers {
        Probe::check_header(name)?;
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(format!("the value of header {name} has control characters"));
        }
    }
    Ok(ReplayedRequest { path: path.to_owned(), form: Arc::new(form) })
}

/// One more request, unless there are too many.
fn push(recorded: &mut Recorded, request: ReplayedRequest) -> Result<(), String> {
    if recorded.requests.len() >= MOST_REQUESTS {
        return Err(format!("more than {MOST_REQUESTS} requests"));
    }
    recorded.requests.push(request);
    Ok(())
}

/// Headers that belong to the connection or to the address, so that they cannot be sent again.
fn is_of_the_connection(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // RFC 9110, section 7.6.1, and what the HTTP client writes itself.
    let own = ["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
    // HTTP/2's pseudo-headers stand in a HAR as `:authority` and so on.
    name.starts_with(':') || name.starts_with("proxy-") || own.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get() -> Vec<String> {
        vec!["GET".to_owned(), "HEAD".to_owned()]
    }

    #[test]
    fn a_file_without_a_request_is_refused() {
        assert_eq!(read("# nothing\n\n", &get()).unwrap_err(), "it names no request");
        let har = r#"{"log":{"entries":[{"request":{"method":"POST","url":"https://shop.example.com/buy"}}]}}"#;
        let why = "it names no request: all 1 are of other hosts, or of methods that --replay-methods does not name";
        assert_eq!(read(har, &get()).unwrap_err(), why);
    }

    #[test]
    fn too_much_is_refused() {
        let many = "/\n".repeat(MOST_REQUESTS + 1);
        assert_eq!(read(&many, &get()).unwrap_err(), "line 10001: more than 10000 requests");
        let headers = format!("/\n{}", "  a: b\n".repeat(MOST_HEADERS + 1));
        assert_eq!(read(&headers, &get()).unwrap_err(), "line 1: 101 headers: at most 100 of a request are sent");
    }
}
