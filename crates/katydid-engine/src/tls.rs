//! rustls configurations by [`TlsMode`], made once each.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::http1::Origin;
use crate::message::TlsMode;

/// Configurations made so far.
#[derive(Debug, Default)]
pub(crate) struct TlsConfigs(HashMap<TlsMode, Result<Arc<ClientConfig>, String>>);

impl TlsConfigs {
    /// A connection to `origin`, ready to shake hands.
    pub fn connect(
        &mut self,
        mode: &TlsMode,
        origin: &Origin,
    ) -> Result<rustls::ClientConnection, String> {
        let config = self
            .0
            .entry(mode.clone())
            .or_insert_with(|| build(mode))
            .clone()?;
        let host = origin
            .host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
        rustls::ClientConnection::new(config, name).map_err(|error| error.to_string())
    }
}

fn build(mode: &TlsMode) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = match mode {
        TlsMode::Accept => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
            .with_no_client_auth(),
        TlsMode::Verify => builder
            .with_root_certificates(system_roots())
            .with_no_client_auth(),
        TlsMode::Roots(path) => builder
            .with_root_certificates(roots_of(path)?)
            .with_no_client_auth(),
    };
    // Users are strangers to each other: none resumes another's session, and each new connection costs the server a handshake.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store
}

fn roots_of(path: &str) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let unreadable = |error: rustls::pki_types::pem::Error| {
        format!("cannot read the certificates in {path}: {error}")
    };
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        store
            .add(certificate.map_err(unreadable)?)
            .map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(store)
}

/// Accepts any certificate, as Locust's `FastHttpUser` does by default; signatures are still checked.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
