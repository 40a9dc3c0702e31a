//! The TLS settings of the shared store: how its server has to prove who it is, and what makes connections secret.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Context, anyhow};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};

use crate::config::{certificates, tls};

/// How the server has to prove who it is.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerProof {
    /// Not at all: what is sent cannot be read by others, but the other side may be anybody.
    None,
    /// With a certificate that this system trusts, for the host's name.
    System,
    /// With a certificate that is in this file, or that one there has signed.
    File {
        path: PathBuf,
        /// Whether it has to be for the host's name.
        for_name: bool,
    },
}

impl ServerProof {
    /// The settings of connections.
    pub fn config(&self) -> anyhow::Result<ClientConfig> {
        let known = tls::provider().signature_verification_algorithms;
        let held = match self {
            Self::System => {
                if let Some(problem) = certificates::problems().into_iter().next() {
                    return Err(problem);
                }
                return tls::trusting_the_system()
                    .context("the certificates of the system cannot be used");
            }
            Self::None => None,
            Self::File { path, for_name } => Some(Held::read(path, *for_name)?),
        };
        Ok(tls::builder()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { held, known }))
            .with_no_client_auth())
    }
}

/// The certificates of a file.
#[derive(Debug)]
struct Held {
    certificates: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    for_name: bool,
}

impl Held {
    fn read(path: &PathBuf, for_name: bool) -> anyhow::Result<Self> {
        let place = || {
            format!(
                "sslrootcert={}: no certificates can be read there",
                path.display()
            )
        };
        let pem = fs::read(path).with_context(place)?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| anyhow!("{error:?}"))
            .with_context(place)?;
        anyhow::ensure!(!certificates.is_empty(), place());
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).with_context(place)?;
        }
        Ok(Self {
            certificates,
            roots,
            for_name,
        })
    }
}

/// Looks at the server's certificate as `psql` does: `sslmode=require` and `prefer` take every one, `verify-ca` asks who
/// signed it, `verify-full` for the name too.
#[derive(Debug)]
struct Verifier {
    held: Option<Held>,
    known: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if let Some(held) = &self.held {
            let parsed = ParsedCertificate::try_from(certificate)?;
            // One that has signed itself is proof where it is known, and is usually made in a way that forbids it to serve.
            if !held.certificates.contains(certificate) {
                let (roots, known) = (&held.roots, self.known.all);
                verify_server_cert_signed_by_trust_anchor(&parsed, roots, between, now, known)?;
            }
            if held.for_name {
                verify_server_name(&parsed, name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.known.supported_schemes()
    }
}
