//! The sign-in to Google with a service account: a signed assertion is exchanged for a token (RFC 7523).

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reqwest::{Method, header::HeaderMap};
use ring::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    config::ServiceAccount,
    http::{
        advice,
        call::{Body, CallError, Request, Service, bearer},
        client::HttpClient,
        patience::CallPatience,
        rate_limiter::RateLimiter,
        response::{Reply, ServiceFailure, Verdict, usual_verdict},
    },
};

const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";

/// Tokens are renewed this long before they end.
const RENEW_BEFORE: i64 = 300;

/// A service account that is signed in when needed.
#[derive(Debug)]
pub struct SignIn {
    caller: HttpClient,
    service: Service,
    account: ServiceAccount,
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    headers: HeaderMap,
    renew_at: Timestamp,
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: SecretString,
    expires_in: Option<i64>,
}

impl SignIn {
    /// Nothing is sent until the first token is needed.
    pub fn new(caller: HttpClient, gate: Arc<RateLimiter>, account: ServiceAccount) -> Self {
        let credential = "GOOGLE_APPLICATION_CREDENTIALS: make a new key for the service account in the Google Cloud console, and check this machine's clock".into();
        Self {
            caller,
            service: Service {
                name: "Google sign-in",
                address: "GOOGLE_APPLICATION_CREDENTIALS (token_uri)",
                credential,
                account: "https://console.cloud.google.com".into(),
                gate,
                classify,
                own_words: |_| None,
            },
            account,
            token: Mutex::default(),
        }
    }

    /// The address that the sheet has to be shared with.
    pub fn email(&self) -> &str {
        &self.account.client_email
    }

    /// Headers with a valid token; one request renews it for all.
    pub async fn headers(&self) -> Result<HeaderMap, CallError> {
        let mut token = self.token.lock().await;
        if let Some(token) = token
            .as_ref()
            .filter(|token| Timestamp::now() < token.renew_at)
        {
            return Ok(token.headers.clone());
        }
        let fresh = self.fetch().await?;
        let headers = fresh.headers.clone();
        *token = Some(fresh);
        Ok(headers)
    }

    /// Forgets a token that the service did not accept.
    pub async fn forget(&self) {
        *self.token.lock().await = None;
    }

    async fn fetch(&self) -> Result<Token, CallError> {
        let now = Timestamp::now();
        let assertion = self.assertion(now)?;
        self.caller.secrets().add(&assertion.as_str().into());
        let request = Request {
            model: None,
            what: "token".into(),
            method: Method::POST,
            url: self.account.token_uri.clone(),
            headers: HeaderMap::new(),
            body: Body::Form(vec![
                (
                    "grant_type",
                    "urn:ietf:params:oauth:grant-type:jwt-bearer".into(),
                ),
                ("assertion", assertion),
            ]),
            timeout: crate::http::PREFLIGHT_TIMEOUT,
            patience: match self.service.gate.ever_succeeded() {
                // What a token is for is tried again later.
                true => CallPatience::AtMost(Duration::from_secs(4)),
                false => CallPatience::Start,
            },
            payer: String::new(),
            price: None,
        };
        let answer = self
            .caller
            .send(&self.service, &request, Timestamp::MIN)
            .await
            .map_err(|error| advice::of_sign_in(error, self.caller.clock().trouble()))?;
        let reply = TokenReply::deserialize(&answer.json)
            .map_err(|_| self.refused("the reply has no access_token"))?;
        self.caller.secrets().add(&reply.access_token);
        Ok(Token {
            headers: bearer(&reply.access_token)?,
            renew_at: later(
                now,
                (reply.expires_in.unwrap_or(3_600) - RENEW_BEFORE).max(30),
            ),
        })
    }

    fn assertion(&self, now: Timestamp) -> Result<String, CallError> {
        let key = rsa_key(self.account.private_key.expose_secret())
            .ok_or_else(|| self.refused("the private_key in the file is not a PEM key"))?;
        let mut header = json!({"typ": "JWT", "alg": "RS256"});
        if let Some(id) = &self.account.private_key_id {
            header["kid"] = id.as_str().into();
        }
        // Half a minute back, for clocks that differ.
        let issued = now.as_second() - 30;
        let claims = json!({
            "iss": self.account.client_email,
            "scope": SCOPE,
            "aud": self.account.token_uri,
            "iat": issued,
            "exp": issued + 3_600,
        });
        signed(&header, &claims, &key)
            .map_err(|_| self.refused("the private_key in the file cannot sign"))
    }

    fn refused(&self, message: &str) -> CallError {
        let refused = self
            .service
            .trouble(ServiceFailure::Refused, None, message.into());
        advice::of_sign_in(refused, None)
    }
}

/// The RSA key of a PEM file, as PKCS #8 or PKCS #1.
fn rsa_key(pem: &str) -> Option<RsaKeyPair> {
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return None,
    }
    .ok()
}

/// A JSON Web Token with a signature of RS256 (RFC 7515).
fn signed(header: &Value, claims: &Value, key: &RsaKeyPair) -> Result<String, Unspecified> {
    let encoded = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let [header, claims] = [header, claims].map(|part| encoded(part.to_string().as_bytes()));
    let message = format!("{header}.{claims}");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message.as_bytes(),
        &mut signature,
    )?;
    Ok(format!("{message}.{}", encoded(&signature)))
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

fn classify(reply: &Reply) -> Verdict {
    let kind = reply.json.as_ref().and_then(|json| json["error"].as_str());
    match (reply.status, kind) {
        (_, Some("internal_failure" | "server_error" | "temporarily_unavailable")) => {
            Verdict::Transient
        }
        (400 | 401, _) => Verdict::Run(ServiceFailure::Refused),
        _ => usual_verdict(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fixture was signed with `openssl dgst -sha256 -sign`.
    #[test]
    fn an_assertion_is_signed_as_openssl_signs_it() {
        let header = json!({"typ": "JWT", "alg": "RS256"});
        let claims = json!({"iss": "a@example.com"});
        let expected = include_str!("../../tests/fixtures/google/assertion.txt");
        for pem in [
            include_str!("../../tests/fixtures/google/stranger.pem"),
            include_str!("../../tests/fixtures/google/pkcs1.pem"),
        ] {
            let key = rsa_key(pem).unwrap();
            assert_eq!(signed(&header, &claims, &key).unwrap(), expected.trim());
        }
        let elliptic = include_str!("../../tests/fixtures/tls/key.pem");
        assert!(rsa_key(elliptic).is_none() && rsa_key("not a key").is_none());
    }
}
