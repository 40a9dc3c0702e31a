//! The simulated Google sign-in: it checks the signature and the claims of an assertion and gives out a token.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::anyhow;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;

const EMAIL: &str = "brandintel@sandbox.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";

pub(super) struct SignIn {
    token_uri: String,
    private_key: String,
    public_key: DecodingKey,
    tokens: Mutex<Vec<String>>,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("token_uri", &self.token_uri)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Claims {
    scope: String,
}

impl SignIn {
    /// Makes a key that exists as long as this process.
    pub(super) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| anyhow!("no key could be made for the sandbox"))?;
        let private: Pkcs8V1Der<'_> = pair
            .as_der()
            .map_err(|_| anyhow!("no key could be written for the sandbox"))?;
        Ok(Self {
            token_uri: format!("http://{address}/token"),
            private_key: pem::encode(&pem::Pem::new("PRIVATE KEY", private.as_ref())),
            public_key: DecodingKey::from_rsa_der(pair.public_key().as_ref()),
            tokens: Mutex::default(),
        })
    }

    pub(super) fn account_file(&self) -> Value {
        json!({
            "type": "service_account",
            "project_id": "sandbox",
            "private_key_id": "sandbox",
            "private_key": self.private_key,
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
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_audience(&[&self.token_uri]);
        rules.set_issuer(&[EMAIL]);
        rules.set_required_spec_claims(&["exp", "aud", "iss"]);
        let assertion = field("assertion").unwrap_or_default();
        let claims: Claims = jsonwebtoken::decode(assertion, &self.public_key, &rules)
            .map_err(|_| "Invalid JWT Signature.")?
            .claims;
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
