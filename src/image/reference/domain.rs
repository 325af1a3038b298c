//! Host and port of a registry.
//!
//! Decides which texts are a host, and with which hosts plain HTTP may be spoken. Depends on names.

use crate::model::name::name_type;
use std::net::IpAddr;

name_type! {
    /// Host and optional port of a registry, as written: a name, an IPv4 address, or an IPv6 address in brackets.
    Domain, "registry host",
    "dotted names of letters, digits and inner `-`, or an IPv6 address in `[]`, then perhaps `:` and a port's digits",
    is_domain
}

impl Domain {
    /// The host without its port; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        split_port(self.as_str()).0
    }

    /// True for hosts with which plain HTTP may be spoken unasked: `localhost` itself, and addresses of the loopback,
    /// private and link-local ranges. A name that merely resolves to such an address does not count, because whoever can
    /// answer for the name could choose the address.
    pub fn is_near(&self) -> bool {
        let host = self.host().to_ascii_lowercase();
        // The name itself and none below it: a pod's resolver may send `x.localhost` elsewhere.
        if host == "localhost" {
            return true;
        }
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(IpAddr::V4(a)) => a.is_loopback() || a.is_private() || a.is_link_local(),
            Ok(IpAddr::V6(a)) => a.is_loopback() || a.is_unique_local() || a.is_unicast_link_local(),
            Err(_) => false,
        }
    }
}

fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        // The last colon of an address in brackets is inside them.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    }
}

fn is_domain(text: &str) -> bool {
    let (host, port) = split_port(text);
    port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit())) && is_host(host)
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|a| !a.is_empty() && a.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')),
        None => host.split('.').all(is_component),
    }
}

fn is_component(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_what_is_near_and_cannot_be_spoofed() {
        for (domain, near) in [
            ("localhost", true),
            ("LocalHost:5000", true),
            ("registry.localhost:5000", false),
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("10.1.2.3", true),
            ("172.16.0.1:80", true),
            ("172.32.0.1:80", false),
            ("192.168.1.1", true),
            ("169.254.1.1", true),
            ("[::1]:5000", true),
            ("[fd00::1]", true),
            ("[fe80::1]:5000", true),
            ("[2001:db8::1]", false),
            ("8.8.8.8:5000", false),
            ("localhost.example.com", false),
            ("registry.svc.cluster.local", false),
            ("127.0.0.1.example.com", false),
        ] {
            assert_eq!(domain.parse::<Domain>().unwrap().is_near(), near, "{domain}");
        }
    }

    #[test]
    fn the_host_is_what_stands_before_the_port() {
        for (domain, host) in
            [("a.b:1", "a.b"), ("[::1]:5000", "[::1]"), ("[::1]", "[::1]"), ("localhost", "localhost")]
        {
            assert_eq!(domain.parse::<Domain>().unwrap().host(), host);
        }
    }
}
