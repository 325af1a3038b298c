//! A list of requests: a line for each, `[METHOD] PATH`, and below it its headers, indented.
//!
//! Decides what a line means. A request of a list is one that somebody wrote down, so a method that may not be sent is an error.

use super::{Recorded, is_of_the_connection, push, request};
use crate::evidence::probe::HttpForm;

/// A request whose headers are being read: its line, counted from 1, its path and its form.
type PendingRequest = Option<(usize, String, HttpForm)>;

pub(super) fn read(text: &str, methods: &[String]) -> Result<Recorded, String> {
    let (mut recorded, mut open) = (Recorded::default(), PendingRequest::None);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let what = line.trim();
        if what.is_empty() || what.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let (name, value) = what.split_once(':').ok_or_else(|| {
                format!("line {number}: an indented line is a header, NAME: VALUE, of the request above it")
            })?;
            let (_, _, form) = open.as_mut().ok_or_else(|| format!("line {number}: a header before any request"))?;
            if is_of_the_connection(name.trim()) {
                return Err(format!("line {number}: header {} is set by whoever sends the request", name.trim()));
            }
            form.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            continue;
        }
        close(open.take(), &mut recorded)?;
        let (method, path) = what.split_once(char::is_whitespace).unwrap_or(("GET", what));
        // What is no method may be anything, a query with a secret in it too, so it is not said.
        if method.len() > 20 || !method.chars().all(|c| c.is_ascii_uppercase() || c == '-') {
            return Err(format!("line {number}: a line is a path, or a method in capitals and a path"));
        }
        if !methods.iter().any(|m| m == method) {
            let named = methods.join(",");
            return Err(format!(
                "line {number}: {method} is not sent, since it may change something; --replay-methods {named},{method} sends it"
            ));
        }
        let form = HttpForm { method: method.to_owned(), headers: Vec::new(), body: String::new() };
        open = Some((number, path.trim().to_owned(), form));
    }
    close(open, &mut recorded)?;
    Ok(recorded)
}

fn close(open: PendingRequest, recorded: &mut Recorded) -> Result<(), String> {
    let Some((number, path, form)) = open else { return Ok(()) };
    request(&path, form).and_then(|request| push(recorded, request)).map_err(|why| format!("line {number}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::replay::ReplayedRequest;

    fn of(text: &str) -> Result<Vec<ReplayedRequest>, String> {
        read(text, &["GET".to_owned(), "HEAD".to_owned()]).map(|recorded| recorded.requests)
    }

    #[test]
    fn a_line_is_a_request_and_what_is_indented_is_its_header() {
        let text = "# pages\n/\n\nHEAD   /a?b=c\n\tAccept: text/html\n  X-Test:  a: b \nGET /last";
        let wanted = |method: &str, path: &str, headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            request(path, HttpForm { method: method.to_owned(), headers, body: String::new() }).unwrap()
        };
        let headers = [("Accept", "text/html"), ("X-Test", "a: b")];
        assert_eq!(
            of(text),
            Ok(vec![wanted("GET", "/", &[]), wanted("HEAD", "/a?b=c", &headers), wanted("GET", "/last", &[])])
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, why) in [
            (
                "/\nPOST /buy",
                "line 2: POST is not sent, since it may change something; --replay-methods GET,HEAD,POST sends it",
            ),
            ("  Accept: x\n/", "line 1: a header before any request"),
            ("/\n  Accept", "line 2: an indented line is a header, NAME: VALUE, of the request above it"),
            ("/\n  Host: x", "line 2: header Host is set by whoever sends the request"),
            ("/\n  a b: x", "line 1: `a b` is not a header name"),
            ("/items?token=secret HTTP/1.1", "line 1: a line is a path, or a method in capitals and a path"),
            ("GET shop", "line 1: a path begins with `/` and has no spaces"),
            ("GET /a b", "line 1: a path begins with `/` and has no spaces"),
        ] {
            assert_eq!(of(text).unwrap_err(), why, "{text:?}");
        }
    }
}
