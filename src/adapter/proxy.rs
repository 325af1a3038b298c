//! Whether a server is reached through a proxy, and what the address of one is.
//!
//! Decides as Go's `net/http` does, so that what works for kubectl works here: kube 5.0.0 matches `NO_PROXY` against
//! the proxy's own address, and refuses values that others accept. Pure: the environment's values are arguments.

use reqwest::Url;
use std::net::IpAddr;

/// The address of a proxy, or what is wrong with it. It may hold a password, so it is never repeated.
pub(crate) fn address(named: &str) -> Result<Url, &'static str> {
    let address: Url = with_scheme(named).parse().map_err(|_| "it is not a URL")?;
    match address.scheme() {
        "http" | "https" => Ok(address),
        _ => Err("only http and https proxies are supported"),
    }
}

/// The same text with the scheme that it means: one without is plain HTTP, as in other tools.
pub(crate) fn with_scheme(named: &str) -> String {
    let named = named.trim();
    if named.contains("://") { named.to_owned() } else { format!("http://{named}") }
}

/// True if `NO_PROXY` says that `host` (a name, or an address with or without brackets) is reached directly.
pub(crate) fn is_direct(no_proxy: &str, host: &str, port: u16) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    // Go never asks a proxy for what is on this machine, whatever NO_PROXY says.
    if host == "localhost" || address.is_some_and(|a| a.is_loopback()) {
        return true;
    }
    let entries = no_proxy.split([',', ' ', '\t']).map(str::trim).filter(|e| !e.is_empty());
    entries.map(str::to_ascii_lowercase).any(|entry| {
        entry == "*"
            || match address {
                Some(address) => covers_address(&entry, address, port),
                None => covers_name(&entry, &host, port),
            }
    })
}

/// An address, an address with a port, or a CIDR block.
fn covers_address(entry: &str, address: IpAddr, port: u16) -> bool {
    if let Some((net, bits)) = entry.split_once('/') {
        return net.parse().is_ok_and(|net| bits.parse().is_ok_and(|bits| in_block(net, bits, address)));
    }
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse() == Ok(address) || entry.parse() == Ok(std::net::SocketAddr::new(address, port))
}

fn in_block(net: IpAddr, bits: u32, address: IpAddr) -> bool {
    match (net, address) {
        (IpAddr::V4(net), IpAddr::V4(address)) if bits <= 32 => {
            (net.to_bits() ^ address.to_bits()).checked_shr(32 - bits).unwrap_or_default() == 0
        }
        (IpAddr::V6(net), IpAddr::V6(address)) if bits <= 128 => {
            (net.to_bits() ^ address.to_bits()).checked_shr(128 - bits).unwrap_or_default() == 0
        }
        _ => false,
    }
}

/// `example.org` covers itself and what is below it; `.example.org` and `*.example.org` only what is below.
fn covers_name(entry: &str, host: &str, port: u16) -> bool {
    let entry = match entry.rsplit_once(':') {
        Some((name, wanted)) if wanted.parse() == Ok(port) => name,
        Some(_) => return false,
        None => entry,
    };
    let entry = entry.strip_prefix('*').unwrap_or(entry);
    match entry.strip_prefix('.') {
        Some("") | None if entry.is_empty() => false,
        Some(_) => host.ends_with(entry),
        None => host == entry || host.strip_suffix(entry).is_some_and(|rest| rest.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_what_is_wrong_is_said() {
        for (named, read) in [
            ("http://p.test:3128", Ok("http://p.test:3128/")),
            ("p.test:3128", Ok("http://p.test:3128/")),
            (" https://kim:s3cret@p.test\n", Ok("https://kim:s3cret@p.test/")),
            ("[::1]:3128", Ok("http://[::1]:3128/")),
            ("http://", Err("it is not a URL")),
            (":3128", Err("it is not a URL")),
            ("http://p.test:port", Err("it is not a URL")),
            ("http://p.test:99999", Err("it is not a URL")),
            ("http://kim:s3c/ret@p.test", Err("it is not a URL")),
            ("http://[::1", Err("it is not a URL")),
            ("two words", Err("it is not a URL")),
            ("socks5://kim:s3cret@p.test", Err("only http and https proxies are supported")),
        ] {
            assert_eq!(address(named).map(|url| url.to_string()), read.map(str::to_owned), "{named}");
        }
    }

    #[test]
    fn as_kubectl_does() {
        let cases = [
            ("", "api.example.org", false),
            ("*", "api.example.org", true),
            ("example.org", "api.example.org", true),
            ("example.org", "example.org", true),
            ("example.org", "badexample.org", false),
            (".example.org", "api.example.org", true),
            ("*.example.org", "API.example.org", true),
            (".example.org", "example.org", false),
            (".", "example.org", false),
            ("a.test, ,example.org,", "api.example.org", true),
            ("a.test example.org:6443", "api.example.org", true),
            ("example.org:443", "api.example.org", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:6443", "10.1.2.3", true),
            ("10.1.2.3:443", "10.1.2.3", false),
            ("2001:db8::/32", "[2001:db8::1]", true),
            ("[2001:db8::1]", "[2001:db8::1]", true),
            ("2001:db8::1", "[2001:db8::2]", false),
            ("10.1.2.3", "api.example.org", false),
            ("", "localhost", true),
            ("", "127.0.0.1", true),
            ("", "[::1]", true),
        ];
        for (no_proxy, host, direct) in cases {
            assert_eq!(is_direct(no_proxy, host, 6443), direct, "{no_proxy:?} {host}");
        }
    }
}
