//! The certificates that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, where TLS reads them: not on Windows, macOS, iOS and
//! Android, where the system alone decides.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::variable;

/// Whether the variables count on this system.
const COUNT: bool = cfg!(all(
    unix,
    not(target_vendor = "apple"),
    not(target_os = "android")
));

/// Everything that is wrong with the files that are named.
pub fn problems() -> Vec<anyhow::Error> {
    if !COUNT {
        return Vec::new();
    }
    let file = variable("SSL_CERT_FILE").and_then(|path| prove_file(Path::new(&path)).err());
    let is_enough = variable("SSL_CERT_FILE").is_some();
    let folders = variable("SSL_CERT_DIR");
    let folders = folders.and_then(|paths| prove_folders(&paths, is_enough).err());
    file.into_iter().chain(folders).collect()
}

/// The variables that are set and do not count on this system.
pub fn without_effect() -> Vec<&'static str> {
    let names = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
    let set = names.into_iter().filter(|name| variable(name).is_some());
    set.filter(|_| !COUNT).collect()
}

fn prove_file(path: &Path) -> anyhow::Result<()> {
    let name = || format!("SSL_CERT_FILE ({})", path.display());
    let remedy =
        "name the file of the root certificates in PEM, or leave it blank for those of the system";
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read: {remedy}", name()))?;
    ensure!(!bytes.is_empty(), "{} is empty: {remedy}", name());
    if has_certificate(&bytes) {
        return Ok(());
    }
    // An ASN.1 sequence whose length has two bytes, as every certificate has it.
    if bytes.starts_with(&[0x30, 0x82]) {
        bail!(
            "{} is a certificate in DER, and PEM is needed: openssl x509 -inform der -in {} -out ca.pem",
            name(),
            path.display()
        );
    }
    bail!("{} has no certificate in PEM: {remedy}", name())
}

/// `is_enough`: a file that is named too has certificates.
fn prove_folders(paths: &str, is_enough: bool) -> anyhow::Result<()> {
    let folders: Vec<PathBuf> = env::split_paths(paths)
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    for folder in &folders {
        let files = fs::read_dir(folder).with_context(|| {
            format!(
                "SSL_CERT_DIR ({}) cannot be read: name a folder of certificates in PEM, or leave it blank for those of the system",
                folder.display()
            )
        })?;
        let mut files = files.filter_map(|entry| fs::read(entry.ok()?.path()).ok());
        if files.any(|bytes| has_certificate(&bytes)) {
            return Ok(());
        }
    }
    ensure!(
        is_enough,
        "SSL_CERT_DIR ({paths}) has no certificate in PEM: name a folder of such files, or leave it blank for those of the system"
    );
    Ok(())
}

/// Whether TLS finds a certificate in them.
fn has_certificate(bytes: &[u8]) -> bool {
    let found = CertificateDer::pem_slice_iter(bytes).filter_map(Result::ok);
    let (usable, _) = RootCertStore::empty().add_parsable_certificates(found);
    usable > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_in_pem_is_named_with_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let said = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            prove_file(&path).map_err(|error| format!("{error:#}"))
        };
        let good = fs::read("tests/fixtures/tls/self_signed.pem").unwrap();
        said(&good).unwrap();
        let der = CertificateDer::from_pem_slice(&good).unwrap().to_vec();
        for (bytes, words) in [
            (&b""[..], "is empty"),
            (&der, "openssl x509 -inform der"),
            (
                b"-----BEGIN CERTIFICATE-----\nMIIB",
                "no certificate in PEM",
            ),
            (
                b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                "no certificate in PEM",
            ),
            (b"<html>", "no certificate in PEM"),
        ] {
            let said = said(bytes).unwrap_err();
            assert!(
                said.contains("SSL_CERT_FILE") && said.contains(words),
                "{said}"
            );
        }
        fs::remove_file(&path).unwrap();
        assert!(prove_file(&path).is_err());
        let place = folder.path().display().to_string();
        assert!(prove_folders(&place, false).is_err());
        fs::write(&path, good).unwrap();
        prove_folders(&place, false).unwrap();
        assert!(prove_folders(&format!("{place}/gone"), true).is_err());
    }
}
