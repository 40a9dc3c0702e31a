//! The address of the shared store, and how it is reached: by a URL as `psql` takes it, with TLS where the URL or the
//! server asks for it.

use std::{fmt, str::FromStr, time::Duration};

use secrecy::SecretString;
use tokio_postgres::{Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::{Url, form_urlencoded};

use super::tls::ServerProof;

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection over which nothing comes for this long, although something was sent, is given up.
const SILENCE: Duration = Duration::from_secs(10);

const EXAMPLE: &str = "write it as postgres://user:password@host/database";
const SIGNS: &str =
    "in user and password, write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F, % as %25";

/// The address of a shared store, with the password in it.
#[derive(Clone)]
pub struct Address {
    config: Config,
    /// How the server has to prove who it is.
    proof: ServerProof,
    shown: String,
    password: Option<SecretString>,
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
        // The text may hold a password: it is not repeated.
        let mut url =
            Url::parse(text).map_err(|_| format!("that is no URL: {EXAMPLE}; {SIGNS}"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(format!(
                "{}:// is no address of a shared store: {EXAMPLE}",
                url.scheme()
            ));
        }
        // A password with such a sign in it ends too early, and its rest would be shown as the database.
        let database = url.path().trim_start_matches('/');
        let misplaced = database.contains(['/', '@', ':'])
            || url.query().is_some_and(|query| query.contains('@'))
            || url.fragment().is_some();
        if misplaced {
            return Err(format!("that has a sign in the wrong place: {SIGNS}"));
        }
        let (mode, certificate) = take_tls(&mut url);
        let mut config: Config = url
            .as_str()
            .parse()
            .map_err(|error| format!("{}: {EXAMPLE}", cause(&error)))?;
        let mode = match (mode.as_deref(), &certificate) {
            // Whoever names a certificate wants it looked at.
            (None, Some(_)) => "verify-full",
            (mode, _) => mode.unwrap_or("prefer"),
        };
        let ssl_mode = match mode {
            "prefer" | "allow" => SslMode::Prefer,
            "disable" => SslMode::Disable,
            "require" | "verify-ca" | "verify-full" => SslMode::Require,
            other => {
                return Err(format!(
                    "sslmode={other} is none of disable, prefer, require, verify-ca, verify-full"
                ));
            }
        };
        // As for every program that speaks to PostgreSQL: the certificate counts where the URL says so.
        let proof = match certificate {
            Some(file) if file != "system" => ServerProof::File {
                path: file.into(),
                for_name: mode == "verify-full",
            },
            None if !mode.starts_with("verify") => ServerProof::None,
            _ => ServerProof::System,
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

/// Takes what says how TLS is used out of a URL. The rest is left as it was written: the driver reads it as `psql` does.
fn take_tls(url: &mut Url) -> (Option<String>, Option<String>) {
    let (mut mode, mut certificate) = (None, None);
    let mut rest = Vec::new();
    for part in url.query().unwrap_or_default().split('&') {
        let pair = form_urlencoded::parse(part.as_bytes()).next();
        let (name, value) = pair.unwrap_or_default();
        match &*name {
            "sslmode" => mode = Some(value.into_owned()),
            "sslrootcert" => certificate = Some(value.into_owned()),
            "" => {}
            _ => rest.push(part),
        }
    }
    let rest = rest.join("&");
    url.set_query(Some(rest.as_str()).filter(|rest| !rest.is_empty()));
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
            (SslMode::Require, ServerProof::System | ServerProof::File { .. }) => {
                "encrypted, and the server proves who it is"
            }
            (SslMode::Require, _) => "encrypted, but the server need not prove who it is",
            _ => "encrypted where the server can",
        }
    }

    /// What makes connections secret.
    pub fn tls(&self) -> anyhow::Result<MakeRustlsConnect> {
        Ok(MakeRustlsConnect::new(self.proof.config()?))
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
        assert_eq!(address.proof, ServerProof::System);
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
        assert_eq!(
            proof("sslmode=disable"),
            (ServerProof::None, SslMode::Disable)
        );
        assert_eq!(proof(""), (ServerProof::None, SslMode::Prefer));
        assert_eq!(
            proof("sslmode=require"),
            (ServerProof::None, SslMode::Require)
        );
        let own = |for_name| ServerProof::File {
            path: "own.pem".into(),
            for_name,
        };
        for (query, for_name) in [
            ("sslmode=require&sslrootcert=own.pem", false),
            ("sslmode=verify-ca&sslrootcert=own.pem", false),
            ("sslmode=verify-full&sslrootcert=own.pem", true),
            ("sslrootcert=own.pem", true),
        ] {
            assert_eq!(proof(query), (own(for_name), SslMode::Require), "{query}");
        }
        assert_eq!(
            proof("sslrootcert=system"),
            (ServerProof::System, SslMode::Require)
        );
    }

    #[test]
    fn other_parameters_are_the_drivers() {
        let url = "postgres://u@h/d?options=-c%20work_mem%3D8MB&sslmode=disable&connect_timeout=9";
        let address: Address = url.parse().unwrap();
        assert_eq!(address.config.get_options(), Some("-c work_mem=8MB"));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn signs_in_a_password_are_written_with_percent_signs() {
        let url = "postgres://u:a%40b%3A%2F%23%3F%25@h/d";
        let address: Address = url.parse().unwrap();
        assert_eq!(address.config.get_password(), Some(&b"a@b:/#?%"[..]));
        // The last @ counts, as everywhere.
        let address: Address = "postgres://u:a@b@h/d".parse().unwrap();
        assert_eq!(address.config.get_password(), Some(&b"a@b"[..]));
        for wrong in [
            "12#34", "12/34", "a/b", "a#b", "12?34", "a?b", "1/2@3", "12/3:4",
        ] {
            let url = format!("postgres://u:{wrong}@h/d");
            let error = url.parse::<Address>().unwrap_err();
            assert!(error.contains("%2F"), "{wrong}: {error}");
            assert!(!error.contains(wrong), "{wrong}: {error}");
        }
    }
}
