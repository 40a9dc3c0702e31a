//! Where the shared store is, and how it is reached: by a URL as `psql` takes it, with TLS where the URL or the server
//! asks for it.

use std::{fmt, fs, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::SecretString;
use tokio_postgres::{Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection over which nothing comes for this long, although something was sent, is given up.
const SILENCE: Duration = Duration::from_secs(10);

/// The address of a shared store, with the password in it.
#[derive(Clone)]
pub struct Address {
    config: Config,
    /// How the server has to prove who it is.
    proof: Proof,
    shown: String,
    password: Option<SecretString>,
}

#[derive(Clone, Debug, PartialEq)]
enum Proof {
    /// Not at all: what is sent cannot be read by others, but the other side may be anybody.
    None,
    /// With a certificate that this system trusts.
    System,
    /// With a certificate that one in this file has signed.
    File(PathBuf),
}

/// Without the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "write it as postgres://user:password@host/database";
        // The text may hold a password: it is not repeated.
        let mut url = Url::parse(text).map_err(|_| format!("that is no URL: {EXAMPLE}"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(format!(
                "{}:// is no address of a shared store: {EXAMPLE}",
                url.scheme()
            ));
        }
        let (mode, certificate) = take_tls(&mut url);
        let mut config: Config = url
            .as_str()
            .parse()
            .map_err(|error| format!("{}: {EXAMPLE}", cause(&error)))?;
        let ssl_mode = match mode.as_deref() {
            None | Some("prefer" | "allow") => SslMode::Prefer,
            Some("disable") => SslMode::Disable,
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            Some(other) => {
                return Err(format!(
                    "sslmode={other} is none of disable, prefer, require, verify-full"
                ));
            }
        };
        // As for every program that speaks to PostgreSQL: the certificate counts where the URL says so.
        let proof = match (mode.as_deref(), certificate) {
            (_, Some(file)) => Proof::File(file.into()),
            (Some("verify-ca" | "verify-full"), None) => Proof::System,
            _ => Proof::None,
        };
        config
            .ssl_mode(ssl_mode)
            .application_name("brandintel")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE);
        let password = url.password().map(SecretString::from);
        // Fails only for URLs that have no host.
        let _ = url.set_password(None);
        url.set_query(None);
        Ok(Self {
            config,
            proof,
            shown: url.into(),
            password,
        })
    }
}

/// Takes what says how TLS is used out of a URL.
fn take_tls(url: &mut Url) -> (Option<String>, Option<String>) {
    let (mut mode, mut certificate) = (None, None);
    let mut rest = Vec::new();
    for (name, value) in url.query_pairs().into_owned() {
        match name.as_str() {
            "sslmode" => mode = Some(value),
            "sslrootcert" if value == "system" => mode = Some("verify-full".into()),
            "sslrootcert" => certificate = Some(value),
            _ => rest.push((name, value)),
        }
    }
    url.query_pairs_mut().clear().extend_pairs(rest);
    if url.query() == Some("") {
        url.set_query(None);
    }
    (mode, certificate)
}

/// The innermost reason of an error, which is what the driver hides behind «error connecting to server».
pub fn cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => cause(source),
        None => error.to_string(),
    }
}

impl Address {
    /// The password, which must not be shown.
    pub fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// What the driver needs to know.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How what is sent is kept from others, in words.
    pub fn secrecy(&self) -> &'static str {
        match (self.config.get_ssl_mode(), &self.proof) {
            (SslMode::Disable, _) => "not encrypted",
            (_, Proof::System | Proof::File(_)) => "encrypted, and the server proves who it is",
            (SslMode::Require, _) => "encrypted, but the server need not prove who it is",
            _ => "encrypted where the server can",
        }
    }

    /// What makes connections secret.
    pub fn tls(&self) -> anyhow::Result<MakeRustlsConnect> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let config = match &self.proof {
            Proof::System => builder
                .with_platform_verifier()
                .context("the certificates of the system cannot be used")?
                .with_no_client_auth(),
            Proof::File(file) => builder
                .with_root_certificates(roots(file)?)
                .with_no_client_auth(),
            Proof::None => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
                .with_no_client_auth(),
        };
        Ok(MakeRustlsConnect::new(config))
    }
}

fn roots(file: &PathBuf) -> anyhow::Result<RootCertStore> {
    let place = || {
        format!(
            "sslrootcert={}: no certificates can be read there",
            file.display()
        )
    };
    let pem = fs::read(file).with_context(place)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(
            certificate
                .map_err(|error| anyhow!("{error:?}"))
                .with_context(place)?,
        )?;
    }
    anyhow::ensure!(!roots.is_empty(), place());
    Ok(roots)
}

/// Takes every certificate, as `sslmode=require` and `prefer` mean it: what is sent is encrypted, to whomever.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let address: Address =
            "postgres://night:s3cr3tpassword@db.example.ir:5433/agency?sslmode=verify-full"
                .parse()
                .unwrap();
        let shown = format!("{address} {address:?}");
        assert!(!shown.contains("s3cr3t"), "{shown}");
        assert!(shown.contains("postgres://night@db.example.ir:5433/agency"));
        assert_eq!(address.proof, Proof::System);
        for wrong in [
            "s3cr3t",
            "mysql://u:s3cr3t@h/d",
            "postgres://u:s3cr3t@h/d?sslmode=maybe",
            "postgres://u:s3cr3t@h/d?colour=red",
            "postgres://u:s3cr3t@h:port/d",
        ] {
            let error = wrong.parse::<Address>().unwrap_err();
            assert!(!error.contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn a_certificate_counts_where_the_url_says_so() {
        let proof = |query: &str| {
            let url = format!("postgres://u@h/d?{query}");
            let address: Address = url.parse().unwrap();
            (address.proof.clone(), address.config.get_ssl_mode())
        };
        assert_eq!(proof("sslmode=disable"), (Proof::None, SslMode::Disable));
        assert_eq!(proof(""), (Proof::None, SslMode::Prefer));
        assert_eq!(proof("sslmode=require"), (Proof::None, SslMode::Require));
        assert_eq!(
            proof("sslmode=require&sslrootcert=own.pem"),
            (Proof::File("own.pem".into()), SslMode::Require)
        );
        assert_eq!(
            proof("sslrootcert=system"),
            (Proof::System, SslMode::Require)
        );
    }
}
