//! The obstacles between this machine and a service, known by the types of errors.

use std::{error::Error, io};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::CertificateError;

use super::response::describe;

/// What keeps a request from its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The name of the host has no address here.
    Name,
    /// The certificate is out of date.
    Expired,
    /// The certificate is not trusted for another reason.
    Untrusted,
    /// What answers does not speak TLS.
    NoTls,
    /// The proxy does not let the request through.
    Proxy,
}

impl Obstacle {
    /// What an error shows, whose address was taken out: words of it would be taken for the client's.
    pub fn of(error: &reqwest::Error) -> Option<Self> {
        let mut cause = error.source();
        while let Some(error) = cause {
            if error.is::<NoAddress>() {
                return Some(Self::Name);
            }
            if let Some(error) = error.downcast_ref::<rustls::Error>() {
                return Self::of_tls(error);
            }
            // An error of the system hides the one that it was made of from those who ask for its source.
            let made_of = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            cause = match made_of {
                Some(error) => Some(error),
                None => error.source(),
            };
        }
        // The HTTP client keeps the type of this one to itself.
        let words = describe(error);
        let is_of_proxy = words.contains("tunnel") || words.contains("proxy");
        is_of_proxy.then_some(Self::Proxy)
    }

    fn of_tls(error: &rustls::Error) -> Option<Self> {
        match error {
            rustls::Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Some(Self::Expired),
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
                Some(Self::Untrusted)
            }
            rustls::Error::InvalidMessage(_) => Some(Self::NoTls),
            _ => None,
        }
    }

    /// Whether something else answers in the service's place.
    pub fn is_another(self) -> bool {
        matches!(self, Self::Expired | Self::Untrusted | Self::NoTls)
    }
}

/// Looks names up as the system does. An error of it is known by its type.
#[derive(Debug)]
pub struct SystemNames;

/// The system finds no address for a name.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoAddress(io::Error);

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is that of the request.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<_> = found.map_err(NoAddress)?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tls;
    use std::{
        io::{Read, Write},
        net::{Shutdown, TcpListener},
    };

    /// The obstacle in the way of a request to this address.
    async fn obstacle_to(url: &str) -> Option<Obstacle> {
        let client = reqwest::Client::builder().no_proxy();
        let client = client.tls_backend_preconfigured(tls::trusting_none().unwrap());
        let client = client.dns_resolver(SystemNames).build().unwrap();
        Obstacle::of(&client.get(url).send().await.unwrap_err())
    }

    #[tokio::test]
    async fn what_keeps_a_request_from_its_service_is_known_by_its_type() {
        let name = obstacle_to("http://no-such-host.invalid/").await;
        assert_eq!(name, Some(Obstacle::Name));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let plain = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept()?;
            let mut hello = [0; 1 << 14];
            let _ = stream.read(&mut hello)?;
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
            stream.shutdown(Shutdown::Write)?;
            stream.read_to_end(&mut Vec::new())
        });
        let without_tls = obstacle_to(&format!("https://127.0.0.1:{port}/")).await;
        assert_eq!(without_tls, Some(Obstacle::NoTls));
        // Whether the connection was closed or reset is not asked.
        let _ = plain.join().unwrap();
        // Nobody listens there any more.
        let refused = obstacle_to(&format!("http://127.0.0.1:{port}/")).await;
        assert_eq!(refused, None);
    }

    #[test]
    fn what_answers_in_the_services_place_is_told_from_an_outage() {
        let of_certificate = |error| Obstacle::of_tls(&rustls::Error::InvalidCertificate(error));
        for (obstacle, another) in [
            (of_certificate(CertificateError::UnknownIssuer), true),
            (of_certificate(CertificateError::Expired), true),
            (Some(Obstacle::NoTls), true),
            (Some(Obstacle::Name), false),
            (Some(Obstacle::Proxy), false),
            (Obstacle::of_tls(&rustls::Error::DecryptError), false),
        ] {
            assert_eq!(
                obstacle.is_some_and(Obstacle::is_another),
                another,
                "{obstacle:?}"
            );
        }
    }
}
