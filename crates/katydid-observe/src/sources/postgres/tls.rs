//! TLS as libpq's `sslmode` means it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// What a server has to prove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// TLS where the server insists on it.
    Allow,
    /// TLS where the server has it.
    #[default]
    Prefer,
    /// TLS; whose certificate it is does not matter, unless authorities are named.
    Require,
    /// A certificate of a known authority.
    VerifyCa,
    /// The same, for this host.
    VerifyFull,
}

impl Mode {
    /// Reads `sslmode`.
    pub fn read(word: &str) -> Result<Self, String> {
        Ok(match word {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                return Err(format!(
                    "sslmode={word} is none of disable, allow, prefer, require, verify-ca, verify-full"
                ));
            }
        })
    }
}

/// How much of a certificate is looked at.
#[derive(Debug)]
enum Trust {
    Any,
    Authority(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

/// What rustls needs for it. `authorities`: the file of `sslrootcert`, or `system`.
pub fn config(mode: Mode, authorities: Option<&str>) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let own = own_authorities();
    let named = authorities.map(str::to_owned).or(own);
    // As libpq: with authorities at hand, `require` checks them.
    let checks_authority = mode == Mode::VerifyCa || (mode == Mode::Require && named.is_some());
    if mode == Mode::VerifyFull {
        let roots = roots(named.as_deref())?;
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    }
    let trust = if checks_authority {
        let roots = Arc::new(roots(named.as_deref())?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|error| error.to_string())?;
        Trust::Authority(verifier)
    } else {
        Trust::Any
    };
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { trust, provider }))
        .with_no_client_auth())
}

fn own_authorities() -> Option<String> {
    let home = std::env::var_os("HOME")?;
    let file = PathBuf::from(home).join(".postgresql/root.crt");
    file.is_file().then(|| file.display().to_string())
}

fn roots(named: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match named {
        Some(file) if file != "system" => {
            let found = CertificateDer::pem_file_iter(Path::new(file));
            let found = found.map_err(|error| format!("sslrootcert={file}: {error}"))?;
            roots.add_parsable_certificates(found.flatten());
            if roots.is_empty() {
                return Err(format!("sslrootcert={file} has no certificate in it"));
            }
        }
        _ => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
    }
    Ok(roots)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Trust::Authority(verifier) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        match verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // The name is looked at last, so all else was right.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
