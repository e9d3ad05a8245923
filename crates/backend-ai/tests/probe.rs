//! What answers at an address.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use axum::response::Response;
use backend_ai::{AccessMode, Endpoint, Error, ManagerVersion, Network, probe};
use common::{answer, endless, not_found, page, raw, stub};
use serde_json::json;

async fn found(
    of: impl Fn(&str) -> Response + Clone + Send + Sync + 'static,
) -> Result<backend_ai::Server, Error> {
    let stub = stub(move |seen| of(&seen.path)).await;
    probe(&stub.endpoint(), &Network::default()).await
}

#[tokio::test]
async fn a_webserver_is_found_before_a_manager() {
    let server = found(|path| match path {
        "/func/" => answer(200, json!({"version": "v7.20230615", "manager": "23.09.10"})),
        _ => page(),
    })
    .await
    .unwrap();
    assert_eq!(server.mode, AccessMode::Session);
    assert_eq!(server.manager(), ManagerVersion::new(23, 9, 10));
    assert_eq!(server.api_version, "v7.20230615");
}

#[tokio::test]
async fn a_manager_is_found_at_the_root() {
    let server = found(|path| match path {
        "/" => answer(200, json!({"version": "v9.20250722", "manager": "26.9.6"})),
        _ => answer(404, json!({"type": "x/url-not-found", "title": "Unknown URL path."})),
    })
    .await
    .unwrap();
    assert_eq!((server.mode, server.manager_version.as_str()), (AccessMode::Api, "26.9.6"));
}

#[tokio::test]
async fn a_200_alone_is_no_server() {
    assert_eq!(found(|_| page()).await, Err(Error::NotBackendAi));
    assert_eq!(found(|_| not_found()).await, Err(Error::NotBackendAi));
    assert_eq!(found(|_| endless()).await, Err(Error::NotBackendAi));
    for body in [json!({"version": "1.2"}), json!({"version": 9}), json!([]), json!({"manager": "26.9.6"})] {
        assert_eq!(found(move |_| answer(200, body.clone())).await, Err(Error::NotBackendAi));
    }
    assert_eq!(
        found(|_| raw(200, "application/octet-stream", vec![0xffu8; 1000])).await,
        Err(Error::NotBackendAi)
    );
    assert_eq!(found(|_| raw(502, "text/html", "<h1>502</h1>")).await, Err(Error::Gateway));
}

#[tokio::test]
async fn a_path_prefix_is_kept() {
    let stub = stub(|seen| match seen.path.as_str() {
        "/backend/func/" => answer(200, json!({"version": "v6.20220615", "manager": "22.09.23"})),
        _ => not_found(),
    })
    .await;
    let endpoint = Endpoint::parse(&format!("{}/backend/", stub.endpoint())).unwrap();
    assert!(probe(&endpoint, &Network::default()).await.is_ok());
    assert_eq!(probe(&stub.endpoint(), &Network::default()).await, Err(Error::NotBackendAi));
}

#[tokio::test]
async fn a_redirect_to_another_host_is_named_and_not_followed() {
    let other = stub(|_| answer(200, json!({"version": "v7.20230615", "manager": "23.09.10"}))).await;
    let to = format!("http://{}/func/", other.address);
    let location = to.clone();
    let result = found(move |_| {
        let mut response = raw(302, "text/plain", "");
        response.headers_mut().insert("location", location.parse().unwrap());
        response
    })
    .await;
    assert_eq!(result, Err(Error::Redirected { to }));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = Endpoint::parse(&address.to_string()).unwrap();
    let error = probe(&endpoint, &Network::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_of_another_protocol_is_unreachable_in_words() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt;
            let _ = stream.write_all(b"SSH-2.0-dropbear_2020.81\r\n").await;
        }
    });
    let endpoint = Endpoint::parse(&address.to_string()).unwrap();
    let error = probe(&endpoint, &Network::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}
