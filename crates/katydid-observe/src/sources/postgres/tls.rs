//! TLS as libpq's `sslmode` means it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    server::ParsedCertificate,
};

use crate::sources::roots::known;

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
    Authority {
        verifier: Arc<WebPkiServerVerifier>,
        /// The authorities that were named; a certificate that signed itself is its own.
        named: Vec<CertificateDer<'static>>,
        checks_name: bool,
    },
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
    let checks_authority = matches!(mode, Mode::VerifyCa | Mode::VerifyFull)
        || (mode == Mode::Require && named.is_some());
    let trust = if checks_authority {
        let (roots, named) = roots(named.as_deref())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| error.to_string())?;
        Trust::Authority {
            verifier,
            named,
            checks_name: mode == Mode::VerifyFull,
        }
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

type Roots = (RootCertStore, Vec<CertificateDer<'static>>);

fn roots(named: Option<&str>) -> Result<Roots, String> {
    let Some(file) = named.filter(|file| *file != "system") else {
        return Ok((known(), Vec::new()));
    };
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(Path::new(file));
    let found = found.map_err(|error| format!("sslrootcert={file}: {error}"))?;
    let named: Vec<_> = found.flatten().collect();
    roots.add_parsable_certificates(named.iter().cloned());
    if roots.is_empty() {
        return Err(format!("sslrootcert={file} has no certificate in it"));
    }
    Ok((roots, named))
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
        let Trust::Authority {
            verifier,
            named,
            checks_name,
        } = &self.trust
        else {
            return Ok(ServerCertVerified::assertion());
        };
        if named.contains(end_entity) {
            if *checks_name {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // The name is looked at last, so all else was right.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !checks_name => Ok(ServerCertVerified::assertion()),
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
