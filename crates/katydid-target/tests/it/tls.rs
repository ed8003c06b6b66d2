//! A real handshake that trusts only the certificate the target wrote.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use katydid_target::{Options, Target};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::Client;

#[test]
fn tls_serves_whoever_trusts_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cert.pem");
    let options = Options {
        tls: true,
        tls_cert_out: Some(path.clone()),
        ..Options::default()
    };
    let target = Target::spawn(&options).unwrap();
    assert!(target.url().starts_with("https://127.0.0.1:"));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        target.cert_pem().unwrap()
    );

    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&path).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(target.addr()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut client = Client::over(StreamOwned::new(session, socket));

    assert_eq!(client.get("/null").status, 200);
    assert_eq!(client.get("/bytes?n=3000000").body.len(), 3_000_000);
    assert_eq!(
        client.post("/echo", &vec![b'x'; 200_000]).json()["body_bytes"],
        200_000
    );
    assert_eq!(client.get("/delay?ms=2").status, 200);
    assert_eq!(client.get("/slow?bytes=3000&ms=1").body.len(), 3000);
    assert_eq!(client.get("/close").status, 200);
    // A clean end: close_notify, then FIN.
    client.rest().unwrap();
    assert_eq!(target.truth().total.served, 6);
}
