//! The simulated Google sign-in: it checks the signature and the claims of an assertion and gives out a token.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::anyhow;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::Services;

const EMAIL: &str = "brandintel@sandbox.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";

/// The key of the simulated account. It is no secret: nothing but a sandbox accepts what it signs.
const KEY: &str = include_str!("sign_in.pem");

/// Seconds by which clocks may differ.
const LEEWAY: i64 = 60;

pub(super) struct SimulatedSignIn {
    token_uri: String,
    public_key: UnparsedPublicKey<Vec<u8>>,
    tokens: Mutex<Vec<String>>,
}

impl std::fmt::Debug for SimulatedSignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("token_uri", &self.token_uri)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct AssertionHeader {
    alg: String,
}

#[derive(Deserialize)]
struct AssertionClaims {
    iss: String,
    aud: String,
    scope: String,
    exp: i64,
}

impl SimulatedSignIn {
    pub(super) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let unreadable = || anyhow!("the sandbox's own key cannot be read");
        let key = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).map_err(|_| unreadable())?;
        let pair = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| unreadable())?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(Self {
            token_uri: format!("http://{address}/token"),
            public_key: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public),
            tokens: Mutex::default(),
        })
    }

    pub(super) fn account_file(&self) -> Value {
        json!({
            "type": "service_account",
            "project_id": "sandbox",
            "private_key_id": "sandbox",
            "private_key": KEY,
            "client_email": EMAIL,
            "client_id": "0",
            "token_uri": self.token_uri,
        })
    }

    pub(super) fn knows(&self, token: &str) -> bool {
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .any(|known| known == token)
    }

    fn check(&self, form: &[(String, String)]) -> Result<String, &'static str> {
        let field = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        if field("grant_type") != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
            return Err("Invalid grant_type");
        }
        let assertion = field("assertion").unwrap_or_default();
        let claims = self.verified(assertion).ok_or("Invalid JWT Signature.")?;
        if claims.scope != SCOPE {
            return Err("Invalid scope");
        }
        let token = format!("ya29.sandbox-{:016x}", fastrand::u64(..));
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(token.clone());
        Ok(token)
    }

    /// The claims of an assertion that the account has signed for this server, and that is not over.
    fn verified(&self, assertion: &str) -> Option<AssertionClaims> {
        let (message, signature) = assertion.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        let is_signed = self.public_key.verify(message.as_bytes(), &signature);
        is_signed.ok()?;
        let header: AssertionHeader = decoded(header)?;
        let claims: AssertionClaims = decoded(claims)?;
        let is_meant = header.alg == "RS256" && claims.iss == EMAIL && claims.aud == self.token_uri;
        let is_over = claims.exp + LEEWAY < Timestamp::now().as_second();
        (is_meant && !is_over).then_some(claims)
    }
}

/// A part of a JSON Web Token.
fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

pub(super) async fn token(State(services): State<Arc<Services>>, body: String) -> Response {
    services.pause(0.1).await;
    let form: Vec<(String, String)> = url::Url::parse(&format!("http://form/?{body}"))
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default();
    match services.sign_in.check(&form) {
        Ok(token) => {
            axum::Json(json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
                .into_response()
        }
        Err(why) => {
            let body = json!({"error": "invalid_grant", "error_description": why});
            (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
        }
    }
}
