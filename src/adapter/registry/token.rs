//! Turns a registry's challenge into the authorization that it accepts: a password, or a token of the server that it names.
//!
//! Decides where credentials may be sent: to a token server over TLS; over plain HTTP only if the registry itself is
//! spoken to in that way, and the server is near or plain HTTP was allowed. Depends on the transport and the challenge.

use super::authorization::Authorization;
use super::challenge::Challenge;
use super::credentials::Credentials;
use super::failure::{self, RegistryError};
use super::transport::{Sent, Transport};
use crate::image::reference::{Domain, Reference};
use http::StatusCode;
use reqwest::Url;
use serde::Deserialize;

/// The largest answer of a token server that is read, in bytes.
const LARGEST: usize = 256 * 1024;

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// Meets the challenge that was answered to `url`.
pub(super) async fn authorize(
    transport: &Transport,
    url: &Url,
    wanted: &[Challenge],
    reference: &Reference,
    credentials: &Credentials,
    plain_http: bool,
) -> Result<Authorization, RegistryError> {
    if let Credentials::Bearer(token) = credentials {
        return Ok(Authorization(Some(format!("Bearer {token}"))));
    }
    let offered = |scheme: &str| wanted.iter().find(|c| c.scheme == scheme);
    if let Some(bearer) = offered("bearer") {
        let realm = realm(bearer, url, plain_http)?;
        return token(transport, realm, bearer, reference, credentials).await;
    }
    if offered("basic").is_some() {
        let basic = credentials.basic().map(|basic| Authorization(Some(basic)));
        return basic.ok_or_else(|| failure::without_password(credentials));
    }
    Err(RegistryError::Odd("it wants neither a token nor a password, but something that is not known here".into()))
}

fn realm(bearer: &Challenge, url: &Url, plain_http: bool) -> Result<Url, RegistryError> {
    let odd = |what: &str| RegistryError::Odd(format!("the token server that it names {what}"));
    let realm: Option<Url> = bearer.parameter("realm").and_then(|r| r.parse().ok());
    let realm = realm.filter(Url::has_host).ok_or_else(|| odd("is no address"))?;
    if !realm.username().is_empty() || realm.password().is_some() {
        return Err(odd("has credentials in its address"));
    }
    let near = realm.host_str().and_then(|h| h.parse().ok()).is_some_and(|d: Domain| d.is_near());
    match realm.scheme() {
        "https" => Ok(realm),
        "http" if url.scheme() == "http" && (plain_http || near) => Ok(realm),
        "http" => Err(odd("does not speak TLS: credentials are not sent to it")),
        _ => Err(odd("is not on the web")),
    }
}

async fn token(
    transport: &Transport,
    mut realm: Url,
    bearer: &Challenge,
    reference: &Reference,
    credentials: &Credentials,
) -> Result<Authorization, RegistryError> {
    // The right to pull and no more: nothing is ever pushed here.
    let own = format!("repository:{}:pull", reference.repository.path);
    let mut scopes = bearer.scopes();
    if scopes.is_empty() {
        scopes.push(&own);
    }
    let service = bearer.parameter("service");
    // Two protocols of the same server: an identity token is exchanged by POST (OAuth 2), a password sent along with a GET.
    let sent = if let Credentials::Identity(token) = credentials {
        let scope = scopes.join(" ");
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("client_id", "andante"),
            ("scope", scope.as_str()),
            ("refresh_token", token.as_str()),
        ];
        form.extend(service.map(|service| ("service", service)));
        Sent::Form(encoded(&form))
    } else {
        {
            let mut query = realm.query_pairs_mut();
            // In a query each entry is a parameter of its own, in a form they are one text.
            for scope in &scopes {
                query.append_pair("scope", scope);
            }
            if let Some(service) = service {
                query.append_pair("service", service);
            }
        }
        Sent::Nothing
    };
    let authorization = Authorization(credentials.basic());
    let answer = transport.token(realm, sent, &authorization, LARGEST).await.map_err(|e| match e {
        RegistryError::Unreachable(why) => RegistryError::Unreachable(format!("its token server: {why}")),
        RegistryError::Odd(why) => RegistryError::Odd(format!("its token server: {why}")),
        other => other,
    })?;
    if answer.status != StatusCode::OK {
        return Err(failure::of_token_server(answer.status, &answer.headers, &answer.body, credentials));
    }
    let odd = || RegistryError::Odd("its token server answered with no token".into());
    let told: Token = serde_json::from_slice(&answer.body).map_err(|_| odd())?;
    let token =
        [told.token, told.access_token].into_iter().flatten().find(|token| !token.is_empty()).ok_or_else(odd)?;
    // It becomes a header's value.
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(odd());
    }
    Ok(Authorization(Some(format!("Bearer {token}"))))
}

/// `application/x-www-form-urlencoded`.
fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://form").unwrap_or_else(|_| unreachable!("a fixed address"));
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}
