//! The authorities that certificates of servers are checked against, unless others are named.

use rustls::RootCertStore;

/// Those of the system; of a system that has none, those that browsers know.
pub fn known() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
