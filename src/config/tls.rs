//! The settings of TLS: one cryptographic library for every connection, and which servers are trusted.

use std::sync::Arc;

use rustls::{
    ClientConfig, ConfigBuilder, Error, RootCertStore, WantsVerifier,
    crypto::{CryptoProvider, ring},
};
use rustls_platform_verifier::BuilderVerifierExt;

/// The library that encrypts and checks signatures.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Settings of a client that does not know yet which servers it trusts.
pub fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

/// Trusts the servers whose certificates the operating system trusts.
///
/// # Errors
/// When the system's certificates cannot be read.
pub fn trusting_the_system() -> Result<ClientConfig, Error> {
    Ok(builder()?.with_platform_verifier()?.with_no_client_auth())
}

/// Trusts no server: for clients that speak plain HTTP only.
pub fn trusting_none() -> Result<ClientConfig, Error> {
    let roots = RootCertStore::empty();
    Ok(builder()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
