//! Requests that a browser recorded: an HTTP Archive (HAR 1.2), the file that its network panel saves.
//!
//! Decides what of an entry is sent again: method, path and query, headers that are not of the connection, a body that is text.
//! The host is not: both revisions are asked at their own addresses. A page holds requests of every kind, so those of other
//! methods, and of other hosts than the first one's, are left out and counted.

use super::{Recorded, is_of_the_connection, push, request};
use crate::evidence::probe::HttpForm;
use serde::Deserialize;

#[derive(Deserialize)]
struct HarFile {
    log: HarLog,
}

#[derive(Deserialize)]
struct HarLog {
    entries: Vec<HarEntry>,
}

#[derive(Deserialize)]
struct HarEntry {
    request: HarRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<HarHeader>,
    post_data: Option<HarBody>,
}

#[derive(Deserialize)]
struct HarHeader {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct HarBody {
    #[serde(default)]
    text: String,
}

pub(super) fn read(text: &str, methods: &[String]) -> Result<Recorded, String> {
    // Values are not repeated: a HAR holds the cookies of whoever recorded it.
    let archive: HarFile = serde_json::from_str(text).map_err(|e| {
        format!("it is no HTTP Archive (HAR): line {}, column {} is not as it should be", e.line(), e.column())
    })?;
    let mut recorded = Recorded::default();
    let mut host = None::<String>;
    for (index, HarEntry { request: sent }) in archive.log.entries.into_iter().enumerate() {
        let place = |why: String| format!("log.entries[{index}]: {why}");
        // A page asks other sites, too, with cookies and tokens that are nobody's here.
        let found =
            place_of(&sent.url).map_err(place)?.filter(|(of, _)| host.get_or_insert_with(|| (*of).to_owned()) == of);
        let Some((_, path)) = found.filter(|_| methods.contains(&sent.method)) else {
            recorded.left_out += 1;
            continue;
        };
        let headers = sent.headers.into_iter().filter(|h| !is_of_the_connection(&h.name));
        let form = HttpForm {
            method: sent.method,
            headers: headers.map(|h| (h.name, h.value)).collect(),
            body: sent.post_data.map_or_else(String::new, |posted| posted.text),
        };
        request(path, form).and_then(|request| push(&mut recorded, request)).map_err(place)?;
    }
    Ok(recorded)
}

/// Host, and path with query, of an absolute URL; none if it is not of HTTP.
fn place_of(url: &str) -> Result<Option<(&str, &str)>, String> {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else { return Ok(None) };
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    match path {
        "" => Ok(Some((host, "/"))),
        path if path.starts_with('/') => Ok(Some((host, path))),
        _ => Err("its url has a query without a path".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAR: &str = r#"{"log":{"version":"1.2","entries":[
        {"request":{"method":"GET","url":"https://shop.example.com/items?page=2#top","headers":[
            {"name":":authority","value":"shop.example.com"},{"name":"Host","value":"shop.example.com"},
            {"name":"Accept","value":"text/html"}]},"response":{"status":200}},
        {"request":{"method":"POST","url":"https://shop.example.com/buy","headers":[],
            "postData":{"mimeType":"application/json","text":"{\"id\":1}"}}},
        {"request":{"method":"GET","url":"https://stats.example.com/hit","headers":[{"name":"Cookie","value":"theirs"}]}},
        {"request":{"method":"GET","url":"data:image/png;base64,AAAA"}},
        {"request":{"method":"GET","url":"http://shop.example.com"}}]}}"#;

    #[test]
    fn entries_are_asked_again_without_what_is_of_the_connection() {
        let recorded = read(HAR, &["GET".to_owned()]).unwrap();
        let paths: Vec<&str> = recorded.requests.iter().map(|r| r.path.as_str()).collect();
        assert_eq!((paths, recorded.left_out), (vec!["/items?page=2", "/"], 3));
        assert_eq!(recorded.requests[0].form.headers, [("Accept".to_owned(), "text/html".to_owned())]);
        let with_posts = read(HAR, &["GET".to_owned(), "POST".to_owned()]).unwrap();
        assert_eq!((with_posts.requests[1].form.body.as_str(), with_posts.left_out), ("{\"id\":1}", 2));
    }

    #[test]
    fn what_is_no_archive_is_said_without_its_content() {
        let why = |text: &str| read(text, &["GET".to_owned()]).unwrap_err();
        assert_eq!(why("{}"), "it is no HTTP Archive (HAR): line 1, column 2 is not as it should be");
        let of = |request: &str| why(&format!(r#"{{"log":{{"entries":[{{"request":{request}}}]}}}}"#));
        assert!(!of(r#"{"method":"GET","url":"http://x/","postData":"password=hunter2"}"#).contains("hunter2"));
        let bare = of(r#"{"method":"GET","url":"http://x?y"}"#);
        assert_eq!(bare, "log.entries[0]: its url has a query without a path");
    }
}
