//! A self-signed certificate made at start, and the rustls configuration around it.
//! Knows nothing of sockets.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::Error;

/// What a TLS target needs: the server's side, and the certificate that a client has to trust.
pub struct Identity {
    /// For accepting connections.
    pub config: Arc<ServerConfig>,
    /// The certificate, PEM.
    pub cert_pem: String,
}

/// Makes a certificate for localhost and `host`.
pub fn self_signed(host: &str) -> Result<Identity, Error> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    if !names.iter().any(|name| name == host) {
        names.push(host.to_owned());
    }
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|cause| Error::Certificate(cause.to_string()))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
        })
        .map_err(|cause| Error::Certificate(cause.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity {
        config: Arc::new(config),
        cert_pem: made.cert.pem(),
    })
}
