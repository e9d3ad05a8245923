//! Listing sessions and their apps on servers of different lines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use axum::Router;
use backend_ai::{AccessMode, Error, SessionScope};
use common::{Seen, UUID, answer, endless, not_found, page, problem, raw, session, signed_in};
use serde_json::{Value, json};

use AccessMode::{Api, Session};

fn item(number: usize) -> Value {
    json!({
        "session_id": format!("0b7d2a51-3b43-4d51-9b0b-{number:012}"), "name": format!("s{number}"),
        "type": "INTERACTIVE", "status": "RUNNING", "status_info": null,
        "created_at": "2025-03-01T09:00:00.5+09:00", "terminated_at": null,
        "image": "cr.backend.ai/stable/python:3.9", "scaling_group": "default", "group_name": "lab",
        "cluster_size": 1, "access_key": "AKIAUSER",
        "service_ports": json!([{"name": "sshd", "protocol": "tcp", "container_ports": [2200]}]).to_string(),
        "occupied_slots": "{\"cpu\": \"2\", \"mem\": \"1073741824\"}",
    })
}

fn list(items: &[Value], total: usize) -> Value {
    json!({"data": {"compute_session_list": {"items": items, "total_count": total}}, "errors": null})
}

fn query_error(message: &str) -> Value {
    json!({"data": null, "errors": [{"message": message}]})
}

fn queries(seen: &[Seen]) -> Vec<Value> {
    seen.iter().filter(|seen| seen.path.ends_with("/admin/gql")).map(Seen::json).collect()
}

#[tokio::test]
async fn pages_are_read_until_the_total() {
    let all: Vec<Value> = (0..250).map(item).collect();
    let (stub, client) = signed_in(Session, "23.09.10", Router::new(), move |seen| {
        let offset = seen.json()["variables"]["offset"].as_u64().unwrap() as usize;
        let end = (offset + 100).min(all.len());
        answer(200, list(&all[offset..end], all.len()))
    })
    .await;
    let sessions = client.sessions(SessionScope::Live).await.unwrap();
    assert_eq!(sessions.len(), 250);
    let first = &sessions[0];
    assert_eq!((first.name.as_str(), first.status.as_str()), ("s0", "RUNNING"));
    assert_eq!(first.created_at.as_deref(), Some("2025-03-01T00:00:00.5Z"));
    assert_eq!(first.apps[0].ports, [2200]);
    assert_eq!(first.project.as_deref(), Some("lab"));
    let asked = queries(&stub.seen());
    assert_eq!(asked.len(), 3);
    for query in &asked {
        assert_eq!(query["variables"]["ak"], "AKIAUSER", "only the own sessions");
        assert_eq!(query["variables"]["limit"], 100);
        assert_eq!(query.as_object().unwrap().len(), 2, "22.09 takes no other keys");
    }
    assert!(stub.lines().contains(&"POST /func/admin/gql".to_owned()));
}

#[tokio::test]
async fn an_older_server_is_asked_in_plainer_forms_and_that_is_remembered() {
    // Knows neither the filter nor the newer fields.
    let (stub, client) = signed_in(Api, "22.09.23", Router::new(), |seen| {
        let query = seen.json()["query"].as_str().unwrap().to_owned();
        if query.contains("$filter") {
            answer(200, query_error("Unknown argument \"filter\""))
        } else if query.contains("occupied_slots") {
            problem(400, "graphql-error", "GraphQL-generated error.", Some("Cannot query field"))
        } else {
            let mut one = item(1);
            one["access_key"] = json!("AKIAIOSFODNN7EXAMPLE");
            answer(200, list(&[one], 1))
        }
    })
    .await;
    assert_eq!(client.sessions(SessionScope::Live).await.unwrap().len(), 1);
    let first = queries(&stub.seen()).len();
    assert_eq!(first, 4);
    assert_eq!(client.sessions(SessionScope::All).await.unwrap().len(), 1);
    let asked = queries(&stub.seen());
    assert_eq!(asked.len(), first + 1);
    assert!(asked[first]["variables"]["status"].as_str().unwrap().contains("TERMINATED"));
    let live = asked[first - 1]["variables"]["status"].as_str().unwrap();
    assert!(live.contains("PENDING") && !live.contains("TERMINATED"), "{live}");
    assert!(stub.lines().contains(&"POST /admin/gql".to_owned()));
}

#[tokio::test]
async fn live_means_live_whatever_the_server_sends() {
    let mut ended = item(1);
    ended["status"] = json!("TERMINATED");
    let mut foreign = item(2);
    foreign["access_key"] = json!("AKIASOMEBODY");
    let mut future = item(3);
    future["status"] = json!("RESCHEDULING");
    let items = [ended, foreign, future];
    let (_, client) =
        signed_in(Session, "26.8.0", Router::new(), move |_| answer(200, list(&items, 3))).await;
    let names = |sessions: Vec<backend_ai::Session>| -> Vec<String> {
        sessions.into_iter().map(|s| s.name).collect()
    };
    assert_eq!(names(client.sessions(SessionScope::Live).await.unwrap()), ["s3"]);
    assert_eq!(names(client.sessions(SessionScope::All).await.unwrap()), ["s1", "s3"]);
}

#[tokio::test]
async fn an_expired_login_is_seen_in_every_dress() {
    let behind_router = json!({"errors": [{"message": "Unexpected empty \"data\" and \"errors\" fields",
        "extensions": {"code": "DOWNSTREAM", "response": {"status": 401, "body": {}}}}]});
    for (status, body) in [
        (200, behind_router),
        (401, json!({"type": "https://api.backend.ai/probs/auth-failed", "title": "Unauthorized access"})),
    ] {
        let (_, client) =
            signed_in(Session, "26.9.6", Router::new(), move |_| answer(status, body.clone())).await;
        assert_eq!(client.sessions(SessionScope::Live).await, Err(Error::NotSignedIn));
        assert_eq!(client.session(UUID).await, Err(Error::NotSignedIn));
    }
}

#[tokio::test]
async fn a_router_that_is_down_is_gone_around() {
    let (stub, client) = signed_in(Session, "26.9.6", Router::new(), |seen| {
        if seen.path != "/func/v2/sessions/my/search" {
            return raw(502, "text/html", "bad gateway");
        }
        let first = seen.json()["offset"] == 0;
        let id = if first { "a" } else { "b" };
        answer(
            200,
            json!({"items": [{"id": id, "metadata": {"name": id, "session_type": "interactive"},
            "lifecycle": {"status": "RUNNING", "created_at": "2025-01-01T00:00:00Z"}}],
            "total_count": 2, "has_next_page": first, "has_previous_page": !first}),
        )
    })
    .await;
    let sessions = client.sessions(SessionScope::Live).await.unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].session_type, "INTERACTIVE");
    assert_eq!(stub.seen().len(), 4);

    let (_, old) =
        signed_in(Session, "25.15.12", Router::new(), |_| raw(502, "text/html", "bad gateway")).await;
    assert_eq!(old.sessions(SessionScope::Live).await, Err(Error::Gateway));
}

#[tokio::test]
async fn answers_that_are_none_are_told() {
    for (number, expected) in [(0, "page"), (1, "shape"), (2, "items"), (3, "id")] {
        let (_, client) = signed_in(Session, "23.09.10", Router::new(), move |_| match number {
            0 => page(),
            1 => answer(200, json!({"hello": "world"})),
            2 => answer(200, json!({"data": {"compute_session_list": null}})),
            _ => answer(200, list(&[json!({"name": "no id"})], 1)),
        })
        .await;
        let error = client.sessions(SessionScope::Live).await.unwrap_err();
        assert!(matches!(error, Error::BadAnswer(_)), "{expected}: {error:?}");
    }
    let (_, client) = signed_in(Session, "23.09.10", Router::new(), |_| endless()).await;
    assert!(matches!(client.sessions(SessionScope::Live).await, Err(Error::TooLarge { .. })));
    let (stub, client) = signed_in(Session, "23.09.10", Router::new(), |_| {
        problem(429, "rate-limit-exceeded", "Slow down", None)
    })
    .await;
    assert_eq!(client.sessions(SessionScope::Live).await, Err(Error::RateLimited));
    assert_eq!(stub.seen().len(), 2, "a rate limit is no reason to ask again");
}

#[tokio::test]
async fn a_query_error_is_told_in_the_first_words() {
    let (_, client) = signed_in(Session, "23.09.10", Router::new(), |seen| {
        let filter = seen.json()["query"].as_str().unwrap().contains("$filter");
        answer(200, query_error(if filter { "the database is away" } else { "something else" }))
    })
    .await;
    let error = client.sessions(SessionScope::Live).await.unwrap_err();
    let expected = Error::Server { status: 200, title: "the database is away".to_owned(), msg: None };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn one_session_is_found_or_not() {
    let (stub, client) = signed_in(Session, "23.09.10", Router::new(), |seen| {
        match seen.json()["variables"]["id"].as_str().unwrap() {
            UUID => answer(200, json!({"data": {"compute_session": item(7)}})),
            "null" => answer(200, json!({"data": {"compute_session": null}})),
            _ => answer(200, query_error("No such session.")),
        }
    })
    .await;
    assert_eq!(client.session(UUID).await.unwrap().name, "s7");
    for id in ["null", "other"] {
        assert_eq!(client.session(id).await, Err(Error::NotFound(format!("session {id}"))));
    }
    assert_eq!(stub.seen().len(), 4);
}

#[tokio::test]
async fn apps_are_asked_by_id() {
    let (stub, client) = signed_in(Session, "23.09.10", Router::new(), |seen| {
        match seen.path.as_str() {
            path if path.contains(UUID) => answer(
                200,
                json!([{"name": "sshd", "protocol": "tcp", "ports": [2200]}, {"name": "ttyd", "protocol": "http", "ports": [7681]}]),
            ),
            _ => problem(404, "object-not-found", "No such session.", None),
        }
    })
    .await;
    let apps = client.apps(&session()).await.unwrap();
    assert_eq!(apps.len(), 2);
    assert_eq!((apps[0].name.as_str(), &apps[0].ports[..]), ("sshd", &[2200][..]));
    assert_eq!(stub.lines()[1], format!("GET /func/stream/session/{UUID}/apps"));

    let mut gone = session();
    gone.id = UUID.replace('0', "1");
    assert!(matches!(client.apps(&gone).await, Err(Error::NotFound(_))));
    assert!(
        !stub.lines().iter().any(|line| line.contains("lab1")),
        "this line takes ids, and a name could be another session's"
    );
    for id in ["", "..", "../folders", "a/b", "a?b"] {
        gone.id = id.to_owned();
        assert!(matches!(client.apps(&gone).await, Err(Error::NotFound(_))), "{id}");
    }
}

#[tokio::test]
async fn servers_that_take_only_names_get_the_name_of_the_right_session() {
    for (name, live, expected) in [("lab1", true, true), ("renamed", true, false), ("lab1", false, false)] {
        let (_, client) = signed_in(Session, "26.4.3", Router::new(), move |seen| match seen.path.as_str() {
            "/func/stream/session/lab1/apps" => {
                answer(200, json!([{"name": "sshd", "protocol": "tcp", "ports": [2200]}]))
            }
            "/func/admin/gql" => {
                let mut one = item(1);
                one["session_id"] = json!(UUID);
                one["name"] = json!(name);
                one["status"] = json!(if live { "RUNNING" } else { "TERMINATED" });
                answer(200, json!({"data": {"compute_session": one}}))
            }
            _ => problem(404, "object-not-found", "No such session.", None),
        })
        .await;
        assert_eq!(client.apps(&session()).await.is_ok(), expected, "{name} {live}");
    }
}

#[tokio::test]
async fn without_a_login_nothing_is_sent() {
    let stub = common::stub(|_| not_found()).await;
    let client = stub.client(Session, "23.09.10");
    assert_eq!(client.sessions(SessionScope::Live).await, Err(Error::NotSignedIn));
    assert_eq!(client.apps(&session()).await, Err(Error::NotSignedIn));
    assert_eq!(client.download_file(&session(), "x").await, Err(Error::NotSignedIn));
    client.sign_out().await.unwrap();
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn the_newest_hundred_take_one_call() {
    let all: Vec<Value> = (0..100).map(item).collect();
    let (stub, client) =
        signed_in(Session, "23.09.10", Router::new(), move |_| answer(200, list(&all, 5000))).await;
    assert_eq!(client.sessions(SessionScope::Recent).await.unwrap().len(), 100);
    assert_eq!(queries(&stub.seen()).len(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_dies_is_no_failure_of_a_question() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Answers one request per connection and hangs up on the second without a word.
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                    stream.read_buf(&mut request).await.unwrap();
                }
                let answer =
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]";
                stream.write_all(answer).await.unwrap();
                let _ = stream.read_u8().await;
            });
        }
    });
    let server = backend_ai::Server {
        endpoint: backend_ai::Endpoint::parse(&address.to_string()).unwrap(),
        mode: Api,
        manager_version: "23.09.10".to_owned(),
        api_version: "v7.20230615".to_owned(),
    };
    let client = backend_ai::Client::new(server, &backend_ai::Network::default()).unwrap();
    client.sign_in(&common::keypair()).await.unwrap();
    for _ in 0..5 {
        assert_eq!(client.apps(&session()).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn the_container_is_told_by_one_plain_question() {
    let id = "9c1f".repeat(16);
    for (told, container) in [(json!(id), Some(id.clone())), (json!("None"), None), (json!(null), None)] {
        let (stub, client) = signed_in(Session, "22.09.23", Router::new(), move |_| {
            answer(200, json!({"status": "RUNNING", "containerId": told}))
        })
        .await;
        assert_eq!(client.container_id(UUID).await.unwrap(), container);
        let asked = stub.seen().pop().unwrap();
        assert_eq!(asked.line(), format!("GET /func/session/{UUID}"));
        assert!(asked.query.is_empty() && asked.body.is_empty(), "22.09 takes no keys that it does not know");
    }
    let gone = |_: &Seen| problem(404, "object-not-found", "E00002: No such session.", None);
    let (_, client) = signed_in(Session, "22.09.23", Router::new(), gone).await;
    assert!(matches!(client.container_id(UUID).await, Err(Error::NotFound(_))));
}
