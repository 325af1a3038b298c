//! What a registry asks for before it answers: the `WWW-Authenticate` header.
//!
//! Decides how its text is read. Pure.

use super::header;
use http::HeaderValue;

/// One way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// `bearer` or `basic`, in small letters.
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter's value.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The entries of its scope, which are separated by spaces: a token for each of them is wanted.
    pub(super) fn scopes(&self) -> Vec<&str> {
        self.parameter("scope").unwrap_or_default().split_ascii_whitespace().collect()
    }
}

/// How many challenges and parameters are read: the header is a stranger's, and has no bound of its own.
const MOST: usize = 32;

/// The challenges of all such headers, in order.
pub(super) fn parse<'a>(headers: impl IntoIterator<Item = &'a HeaderValue>) -> Vec<Challenge> {
    headers.into_iter().flat_map(|h| read(&header::text(h))).take(MOST).collect()
}

/// Challenges separated by commas, whose parameters are separated by commas too: a word with no `=` after it begins the
/// next challenge.
fn read(text: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = text;
    for _ in 0..MOST {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            break;
        }
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        let Some(value) = value else {
            found.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
            rest = after;
            continue;
        };
        let (value, after) = value_of(value);
        // A parameter without a challenge before it belongs to nothing.
        if let Some(challenge) = found.last_mut() {
            challenge.parameters.push((word.to_ascii_lowercase(), value));
        }
        rest = after;
    }
    found
}

/// A quoted text, or a word.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, after) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return (word.to_owned(), after);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            _ => value.push(c),
        }
    }
    (value, "")
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Vec<Challenge> {
        parse([&HeaderValue::from_str(text).unwrap()])
    }

    #[test]
    fn what_registries_send() {
        let hub = parsed(
            "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",\
             scope=\"repository:library/alpine:pull,push\",error=\"insufficient_scope\"",
        );
        assert_eq!((hub.len(), hub[0].scheme.as_str()), (1, "bearer"));
        assert_eq!(hub[0].parameter("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(hub[0].parameter("scope"), Some("repository:library/alpine:pull,push"));
        assert_eq!(hub[0].parameter("nothing"), None);
        let both = parsed("BASIC realm=\"a \\\"b\\\", c\" , Bearer Realm=x, service = y z");
        assert_eq!(both.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>(), ["basic", "bearer", "z"]);
        assert_eq!(both[0].parameter("realm"), Some("a \"b\", c"));
        assert_eq!((both[1].parameter("realm"), both[1].parameter("service")), (Some("x"), Some("y")));
        for odd in ["", ",,,", "=x", "realm=\"x\"", "Bearer realm=\"x", "\"", "Bearer =", "Bearer realm="] {
            assert!(parsed(odd).len() <= 1, "{odd}");
        }
    }

    #[test]
    fn bytes_beyond_ascii_are_text_like_any_other() {
        let bearer = "Bearer realm=\"https://auth.test/token\",service=\"\u{dc}ber\"";
        let latin = b"Basic realm=\"\xdcber\", Bearer realm=\"https://auth.test/token\"";
        for (bytes, schemes) in [(bearer.as_bytes(), vec!["bearer"]), (latin, vec!["basic", "bearer"])] {
            let read = parse([&HeaderValue::from_bytes(bytes).unwrap()]);
            assert_eq!(read.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>(), schemes);
            assert_eq!(read.last().unwrap().parameter("realm"), Some("https://auth.test/token"));
        }
        let read = parse([&HeaderValue::from_bytes(bearer.as_bytes()).unwrap()]);
        assert_eq!(read[0].parameter("service"), Some("\u{dc}ber"));
    }

    #[test]
    fn each_entry_of_a_scope_is_one() {
        let scopes = |text: &str| parsed(text)[0].scopes().into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            scopes("Bearer scope=\"repository:a:pull  repository:b:pull\""),
            ["repository:a:pull", "repository:b:pull"]
        );
        assert_eq!(scopes("Bearer scope=\"repository:a:pull,push\""), ["repository:a:pull,push"]);
        assert_eq!((scopes("Bearer scope=\" \""), scopes("Bearer realm=x")), (vec![], vec![]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                prop_assert!(parse([&value]).len() <= MOST);
            }
        }

        #[test]
        fn any_text_is_read(text in "[ -~]{0,200}") {
            prop_assert!(parsed(&text).len() <= MOST);
        }
    }
}
