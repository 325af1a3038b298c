//! Requests that a browser recorded: an HTTP Archive (HAR 1.2), the file that its network panel saves.
//!
//! Decides what of an entry is sent again: method, path and query, headers that are not of the connection, a body that is text.
//! The host is not: both revisions are asked at their own addresses. A page holds requests of every kind, so those of other
//! methods are left out and counted.

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
    let archive: HarFile = serde_json::from_str(text).map_err(|e| format!("it is no HTTP Archive (HAR): {e}"))?;
    let mut recorded = Recorded::default();
    for (index, HarEntry { request: sent }) in archive.log.entries.into_iter().enumerate() {
        if !methods.contains(&sent.method) {
            recorded.left_out += 1;
            continue;
        }
        let place = |why: String| format!("log.entries[{index}]: {why}");
        let path = path_of(&sent.url).map_err(place)?.to_owned();
        let headers = sent.headers.into_iter().filter(|h| !is_of_the_connection(&h.name));
        let form = HttpForm {
            method: sent.method,
            headers: headers.map(|h| (h.name, h.value)).collect(),
            body: sent.post_data.map_or_else(String::new, |posted| posted.text),
        };
        request(&path, form).and_then(|request| push(&mut recorded, request)).map_err(place)?;
    }
    Ok(recorded)
}

/// Path and query of an absolute URL.
fn path_of(url: &str) -> Result<&str, String> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| "its url has no scheme".to_owned())?;
    if !matches!(scheme, "http" | "https") {
        return Err(format!("its url is of {scheme}://, and http or https can be sent"));
    }
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let host = rest.find(['/', '?']).unwrap_or(rest.len());
    Ok(match rest.get(host..) {
        Some(path) if path.starts_with('/') => path,
        Some("") | None => "/",
        Some(_) => return Err("its url has a query without a path".to_owned()),
    })
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
        {"request":{"method":"GET","url":"http://shop.example.com"}}]}}"#;

    #[test]
    fn entries_are_asked_again_without_what_is_of_the_connection() {
        let recorded = read(HAR, &["GET".to_owned()]).unwrap();
        let paths: Vec<&str> = recorded.requests.iter().map(|r| r.path.as_str()).collect();
        assert_eq!((paths, recorded.left_out), (vec!["/items?page=2", "/"], 1));
        assert_eq!(recorded.requests[0].form.headers, [("Accept".to_owned(), "text/html".to_owned())]);
        let with_posts = read(HAR, &["GET".to_owned(), "POST".to_owned()]).unwrap();
        assert_eq!((with_posts.requests[1].form.body.as_str(), with_posts.left_out), ("{\"id\":1}", 0));
    }

    #[test]
    fn what_is_no_archive_is_said() {
        let why = |text: &str| read(text, &["GET".to_owned()]).unwrap_err();
        assert!(why("{}").starts_with("it is no HTTP Archive (HAR): missing field `log`"), "{}", why("{}"));
        let of =
            |url: &str| why(&format!(r#"{{"log":{{"entries":[{{"request":{{"method":"GET","url":"{url}"}}}}]}}}}"#));
        assert_eq!(of("wss://x/y"), "log.entries[0]: its url is of wss://, and http or https can be sent");
        assert_eq!(of("/y"), "log.entries[0]: its url has no scheme");
        assert_eq!(of("http://x?y"), "log.entries[0]: its url has a query without a path");
    }
}
