//! Certificates: refused, trusted by an extra CA, accepted on request; for calls and for streams.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::any;
use backend_ai::{Client, Endpoint, Error, Network, StreamError, probe};
use common::{answer, logged_in, session};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A cluster behind a certificate that a private CA signed; the CA as PEM.
async fn cluster() -> (Endpoint, Vec<u8>) {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let router = Router::new()
        .route(
            "/func/",
            any(|| async { answer(200, json!({"version": "v7.20230615", "manager": "23.09.10"})) }),
        )
        .route("/server/login", any(|| async { logged_in("abc") }))
        .route(
            "/func/stream/session/{id}/tcpproxy",
            any(|ws: WebSocketUpgrade| async {
                ws.on_upgrade(|mut socket| async move {
                    while let Some(Ok(message)) = socket.recv().await {
                        if let Message::Binary(bytes) = message
                            && socket.send(Message::Binary(bytes)).await.is_err()
                        {
                            return;
                        }
                    }
                })
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
    let tls = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
    tokio::spawn(async move { axum::serve(tls, router).await.unwrap() });
    (endpoint, ca.pem().into_bytes())
}

#[tokio::test]
async fn an_unknown_authority_is_a_tls_error() {
    let (endpoint, _) = cluster().await;
    let error = probe(&endpoint, &Network::default()).await.unwrap_err();
    let Error::Tls { what } = &error else {
        panic!("{error:?}");
    };
    assert!(what.contains("UnknownIssuer"), "{what}");
}

#[tokio::test]
async fn the_extra_ca_is_trusted_by_calls_and_streams() {
    let (endpoint, ca) = cluster().await;
    let network = Network { extra_ca_pem: Some(ca), ..Network::default() };
    echoes(&endpoint, &network).await;
}

#[tokio::test]
async fn any_certificate_passes_when_asked_for() {
    let (endpoint, _) = cluster().await;
    let network = Network { accept_invalid_certificates: true, ..Network::default() };
    echoes(&endpoint, &network).await;
}

async fn echoes(endpoint: &Endpoint, network: &Network) {
    let server = probe(endpoint, network).await.unwrap();
    let client = Client::new(server, network).unwrap();
    client.sign_in(&common::password()).await.unwrap();
    let stream = client.open_stream(&session(), "sshd").await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i >> 5) as u8).collect();
    let data = sent.clone();
    let write = tokio::spawn(async move {
        writer.write_all(&data).await.unwrap();
        writer.flush().await.unwrap();
        writer
    });
    let mut got = vec![0; sent.len()];
    reader.read_exact(&mut got).await.unwrap();
    assert!(got == sent);
    write.await.unwrap();
}

#[tokio::test]
async fn a_stream_to_an_unknown_authority_is_a_tls_error() {
    let (endpoint, ca) = cluster().await;
    let trusting = Network { extra_ca_pem: Some(ca), ..Network::default() };
    let server = probe(&endpoint, &trusting).await.unwrap();
    let client = Client::new(server, &Network::default()).unwrap();
    let error = client.sign_in(&common::password()).await.unwrap_err();
    assert!(matches!(error, backend_ai::SignInError::Other(Error::Tls { .. })), "{error:?}");
    let error = client.open_stream(&session(), "sshd").await.unwrap_err();
    assert_eq!(error, StreamError::NotSignedIn);
}

#[tokio::test]
async fn a_ca_file_without_certificates_is_told() {
    let (endpoint, _) = cluster().await;
    for pem in [&b""[..], b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let network = Network { extra_ca_pem: Some(pem.to_vec()), ..Network::default() };
        let error = probe(&endpoint, &network).await.unwrap_err();
        assert!(matches!(error, Error::BadCertificate(_)), "{error:?}");
    }
}

#[tokio::test]
async fn plain_http_at_a_tls_address_is_no_certificate_trouble() {
    let stub = common::stub(|_| common::page()).await;
    let endpoint = Endpoint::parse(&format!("https://{}", stub.address)).unwrap();
    let error = probe(&endpoint, &Network::default()).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. } | Error::Unreachable { .. }), "{error:?}");
}
