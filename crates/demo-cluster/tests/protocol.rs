//! The API of both servers in every dialect, by plain HTTP and WebSocket clients.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use demo_cluster::{
    ADMIN_USER, DEMO_USER, Dialect, Fault, LoginRefusal, OTHER_USER, OTP_CODE, OTP_USER, Options,
};
use reqwest::Method;
use serde_json::{Value, json};
use support::*;

fn speaking(dialect: Dialect) -> Options {
    Options { dialect, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_servers_tell_their_versions() {
    for dialect in Dialect::all() {
        let cluster = start(speaking(dialect)).await;
        let expected = json!({"version": dialect.api_version(), "manager": dialect.manager_version()});
        for url in [format!("{}/func/", cluster.webserver_url()), format!("{}/", cluster.manager_url())] {
            assert_eq!(answer(http().get(url)).await, (200, expected.clone()));
        }
        let (status, ping) = answer(http().get(format!("{}/func/ping", cluster.webserver_url()))).await;
        assert_eq!((status, &ping["details"]), (200, &json!("Success")));
        // Everything unknown is the WebUI's page.
        for path in ["/func", "/nothing/here", "/"] {
            let (status, page) = answer(http().get(format!("{}{path}", cluster.webserver_url()))).await;
            assert!(status == 200 && page.as_str().unwrap().contains("not a product server"));
        }
        let (_, config) = answer(http().get(format!("{}/config.toml", cluster.webserver_url()))).await;
        assert!(config.as_str().unwrap().contains("connectionMode = \"SESSION\""));
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_and_their_cookie() {
    for dialect in Dialect::all() {
        let cluster = start(speaking(dialect)).await;
        let account = cluster.account();
        let good = json!({"username": DEMO_USER, "password": account.password});
        let response = try_login(&cluster, &good).await;
        assert_eq!(response.status(), 200);
        assert!(response.headers().contains_key("x-backendai-sessionid"));
        let header = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert_eq!(header.contains(" GMT;"), dialect < Dialect::V24_09, "{header}");
        assert!(header.contains("Max-Age=604800"));
        let cookie = cookie_of(&response).unwrap();
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["data"]["access_key"], json!(account.access_key));

        let check = |cookie: String| {
            let request = http().post(format!("{}/server/login-check", cluster.webserver_url()));
            answer(request.header("Cookie", cookie))
        };
        let (status, body) = check(cookie.clone()).await;
        assert_eq!(
            (status, &body["authenticated"], &body["data"]["role"]),
            (200, &json!(true), &json!("user"))
        );
        let (status, body) = check("AIOHTTP_SESSION=nonsense".into()).await;
        assert_eq!((status, &body["authenticated"], &body["data"]), (200, &json!(false), &Value::Null));

        let login = http().post(format!("{}/server/login", cluster.webserver_url())).json(&good);
        let (status, body) = answer(login.header("Cookie", &cookie)).await;
        assert!(status == 400 && body["title"].as_str().unwrap().contains("already logged in"), "{body}");
        for missing in [json!({"username": DEMO_USER}), json!({"password": "x"}), json!([])] {
            assert_eq!(try_login(&cluster, &missing).await.status(), 400);
        }

        let extend = http().post(format!("{}/server/extend-login-session", cluster.webserver_url()));
        let (status, _) = answer(extend.header("Cookie", &cookie)).await;
        assert_eq!(status, if dialect < Dialect::V24_09 { 404 } else { 200 });
        let logout = http().post(format!("{}/server/logout", cluster.webserver_url()));
        assert_eq!(answer(logout.header("Cookie", &cookie)).await.0, 200);
        let (_, body) = check(cookie).await;
        assert_eq!(body["authenticated"], false);
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_login_sets_a_cookie_that_a_later_one_may_use() {
    let cluster = start(speaking(Dialect::V23_09)).await;
    let refused = http().get(format!("{}/func/auth/role", cluster.webserver_url())).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let cookie = cookie_of(&refused).unwrap();
    let body: Value = refused.json().await.unwrap();
    assert!(body["title"] == "Unauthorized access" && body.get("msg").is_none());
    let body = json!({"username": DEMO_USER, "password": cluster.account().password});
    let login = http().post(format!("{}/server/login", cluster.webserver_url())).json(&body);
    let response = login.header("Cookie", &cookie).send().await.unwrap();
    // The id is not new, so 23.09 does not tell it in a header.
    assert!(!response.headers().contains_key("x-backendai-sessionid"));
    assert_eq!(cookie_of(&response).unwrap(), cookie);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_logins_name_their_reason() {
    for dialect in [Dialect::V23_09, Dialect::V25, Dialect::V26_9] {
        let cluster = start(speaking(dialect)).await;
        let new = dialect == Dialect::V26_9;
        let typed = dialect >= Dialect::V25;
        let password = cluster.account().password;
        let refusal = async |body: Value| {
            let response = try_login(&cluster, &body).await;
            let status = response.status().as_u16();
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["authenticated"], false, "{body}");
            let kind = body["data"]["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            (status, kind, body["data"]["details"].as_str().unwrap().to_owned())
        };
        let of = |status: u16| if new { status } else { 200 };
        let (status, kind, details) = refusal(json!({"username": DEMO_USER, "password": "wrong"})).await;
        assert_eq!(
            (status, kind.as_str(), details.as_str()),
            (of(401), "auth-failed", "User credential mismatch.")
        );
        let (status, _, details) = refusal(json!({"username": "nobody@x", "password": "x"})).await;
        assert_eq!((status, details.as_str()), (of(401), "User credential mismatch."));

        let control = cluster.control();
        let own = json!({"username": DEMO_USER, "password": password});
        for (reason, status, kind, text) in [
            (LoginRefusal::EmailNotVerified, 401, "auth-failed", "needs email verification"),
            (LoginRefusal::NoKeypair, 401, "auth-failed", "No API keypairs"),
            (LoginRefusal::PasswordExpired, 401, "password-expired", "Password expired on "),
            (LoginRefusal::Plugin("not today".into()), 400, "rejected-by-hook", "not today"),
        ] {
            control.refuse_login(DEMO_USER, Some(reason)).unwrap();
            let (got, got_kind, details) = refusal(own.clone()).await;
            assert!((got, got_kind.as_str()) == (of(status), kind) && details.contains(text), "{details}");
        }
        control.refuse_login(DEMO_USER, Some(LoginRefusal::OtpEnrolment)).unwrap();
        let (status, kind, _) = refusal(own.clone()).await;
        assert_eq!(
            (status, kind.as_str()),
            (200, if typed { "require-totp-registration" } else { "rejected-by-hook" })
        );
        control.refuse_login(DEMO_USER, Some(LoginRefusal::TooManyLogins)).unwrap();
        if new {
            let (status, kind, _) = refusal(own.clone()).await;
            assert_eq!((status, kind.as_str()), (409, "active-login-session-exists"));
            let forced = json!({"username": DEMO_USER, "password": password, "force": true});
            assert_eq!(try_login(&cluster, &forced).await.status(), 200);
        }
        control.refuse_login(DEMO_USER, None).unwrap();

        let otp = cluster.accounts().into_iter().find(|account| account.email == OTP_USER).unwrap();
        let with = |code: Option<&str>| {
            let mut body = json!({"username": OTP_USER, "password": otp.password});
            if let Some(code) = code {
                body["otp"] = json!(code);
            }
            body
        };
        let (status, kind, details) = refusal(with(None)).await;
        assert_eq!(status, 200);
        if typed {
            assert_eq!(kind, "require-totp-authentication");
        } else {
            assert_eq!(details, "OTP not provided");
        }
        let (status, _, details) = refusal(with(Some("000000"))).await;
        assert_eq!((status, details.as_str()), (of(400), "Invalid TOTP code provided"));
        let body: Value = try_login(&cluster, &with(Some(OTP_CODE))).await.json().await.unwrap();
        assert_eq!(body["authenticated"], true);
        control.require_otp(DEMO_USER, Some("777777")).unwrap();
        assert_ne!(refusal(own.clone()).await.1, "auth-failed");
        control.require_otp(DEMO_USER, None).unwrap();
        assert_eq!(control.require_otp("nobody", None).unwrap_err().kind, "user");
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_changed_as_each_server_says_it() {
    for dialect in [Dialect::V23_09, Dialect::V26_9] {
        let cluster = start(speaking(dialect)).await;
        let failed = if dialect == Dialect::V26_9 { 401 } else { 200 };
        let old = cluster.account().password;
        cluster.control().refuse_login(DEMO_USER, Some(LoginRefusal::PasswordExpired)).unwrap();
        let change = async |current: &str, new: &str| {
            let body = json!({"username": DEMO_USER, "current_password": current, "new_password": new});
            let url = format!("{}/server/update-password-no-auth", cluster.webserver_url());
            let response = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
            let status = response.status().as_u16();
            let body: Value = response.json().await.unwrap();
            let details = body["data"]["details"].as_str().map(str::to_owned);
            (status, details, body["password_changed_at"].is_string())
        };
        let refused = |text: &str| (failed, Some(text.to_owned()), false);
        assert_eq!(change("wrong", "winter 2026").await, refused("User credential mismatch."));
        let same = "Cannot update to the same password as an existing password.";
        assert_eq!(change(&old, &old).await, refused(same));
        assert_eq!(change(&old, "winter 2026").await, (200, None, true));
        let login = async |password: &str| {
            let response = try_login(&cluster, &json!({"username": DEMO_USER, "password": password})).await;
            response.json::<Value>().await.unwrap()["authenticated"] == true
        };
        assert!(!login(&old).await && login("winter 2026").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_failures_block_an_account() {
    let cluster = start(Options::default()).await;
    let wrong = json!({"username": DEMO_USER, "password": "wrong"});
    let right = json!({"username": DEMO_USER, "password": cluster.account().password});
    for _ in 0..10 {
        assert_eq!(try_login(&cluster, &wrong).await.status(), 401);
    }
    let response = try_login(&cluster, &right).await;
    assert_eq!(response.status(), 429);
    let body: Value = response.json().await.unwrap();
    assert!(body["type"].as_str().unwrap().ends_with("/too-many-requests"));
    cluster.control().unlock_account(DEMO_USER).unwrap();
    assert_eq!(try_login(&cluster, &right).await.status(), 200);
    cluster.control().lock_account(DEMO_USER).unwrap();
    assert_eq!(try_login(&cluster, &right).await.status(), 429);
    cluster.stop().await;
}

const LIST: &str = "query($limit:Int!,$offset:Int!,$ak:String,$status:String,$filter:String,$order:String){
    compute_session_list(limit:$limit,offset:$offset,access_key:$ak,status:$status,filter:$filter,order:$order){
    items{id session_id name type status status_info created_at terminated_at image scaling_group group_name
    access_key user_email cluster_size service_ports occupied_slots} total_count}}";

fn names(body: &Value) -> Vec<&str> {
    let items = body["data"]["compute_session_list"]["items"].as_array();
    items.unwrap_or_else(|| panic!("{body}")).iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_as_clients_ask() {
    for dialect in Dialect::all() {
        let cluster = start(speaking(dialect)).await;
        let login = login(&cluster).await;
        let page = |limit: u32, offset: u32| json!({"limit": limit, "offset": offset});
        let all = login.gql(LIST, page(100, 0)).await;
        assert_eq!(all.get("errors").is_some(), dialect == Dialect::V26_9);
        assert_eq!(all["data"]["compute_session_list"]["total_count"], 9);
        // Newest first, and only one's own.
        assert_eq!(names(&all)[0], "tf-migration");
        assert!(!names(&all).contains(&"speech-align"));
        let mut paged = Vec::new();
        for offset in [0, 4, 8] {
            let part = login.gql(LIST, page(4, offset)).await;
            paged.extend(names(&part).into_iter().map(str::to_owned));
        }
        assert_eq!(paged, names(&all));

        let item = |name: &str| {
            let items = all["data"]["compute_session_list"]["items"].as_array().unwrap();
            items.iter().find(|item| item["name"] == name).unwrap().clone()
        };
        let running = item("llama-finetune");
        let ports: Value = serde_json::from_str(running["service_ports"].as_str().unwrap()).unwrap();
        assert_eq!(ports[0]["name"], "sshd");
        let slots: Value = serde_json::from_str(running["occupied_slots"].as_str().unwrap()).unwrap();
        assert_eq!((&slots["cpu"], &slots["cuda.device"]), (&json!("16"), &json!("4")));
        assert!(
            running["created_at"].as_str().unwrap().ends_with("+00:00") && running["type"] == "INTERACTIVE"
        );
        assert_eq!(running["id"], running["session_id"]);
        let pending = item("eval-sweep");
        assert_eq!((&pending["service_ports"], &pending["status"]), (&Value::Null, &json!("PENDING")));
        assert!(pending["status_info"].is_string());

        let only = |key: &str, value: &str| json!({"limit": 100, "offset": 0, key: value});
        let running = login.gql(LIST, only("status", "RUNNING,PENDING")).await;
        assert_eq!(names(&running).len(), 5);
        let live =
            login.gql(LIST, only("filter", "status != \"TERMINATED\" & status != \"CANCELLED\"")).await;
        assert_eq!(names(&live).len(), 6);
        let named = login.gql(LIST, only("filter", "name ilike \"%TRAIN%\"")).await;
        assert_eq!(names(&named), ["vision-train"]);
        let sorted = login.gql(LIST, only("order", "+name")).await;
        assert!(names(&sorted).is_sorted());
        let inline = login
            .gql("query { compute_session_list(limit:10, offset:0, status:\"RUNNING\") { items { id } total_count } }", json!({}))
            .await;
        assert_eq!(inline["data"]["compute_session_list"]["total_count"], 4);
        let one = login
            .gql("query($i:UUID!){compute_session(id:$i){name status}}", json!({"i": pending["id"]}))
            .await;
        assert_eq!(one["data"]["compute_session"], json!({"name": "eval-sweep", "status": "PENDING"}));

        for (query, variables) in [
            (LIST, only("status", "RUNNING,NOT_A_STATUS")),
            (LIST, only("filter", "status !=")),
            (LIST, page(101, 0)),
            ("{ compute_session_list(limit:1, offset:0) { items { no_such_field } } }", json!({})),
            ("{ no_such_query { id } }", json!({})),
            ("{ broken", json!({})),
        ] {
            let body = login.gql(query, variables).await;
            assert!(body["errors"][0]["message"].is_string() && body["data"].is_null(), "{body}");
        }
        let unknown = |status: &str| login.gql(LIST, only("status", status));
        assert_eq!(unknown("PREPARED").await["data"].is_null(), dialect < Dialect::V25);
        assert_eq!(unknown("RUNNING_DEGRADED").await["data"].is_null(), dialect < Dialect::V23_09);
        let priority =
            login.gql("{compute_session_list(limit:1,offset:0){items{priority}}}", json!({})).await;
        assert_eq!(priority["data"].is_null(), dialect < Dialect::V24_09);
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_everybody_unless_they_name_a_key() {
    let cluster = start(Options::default()).await;
    let admin = login_as(&cluster, ADMIN_USER).await;
    let everybody = admin.gql(LIST, json!({"limit": 100, "offset": 0})).await;
    assert!(names(&everybody).contains(&"speech-align") && names(&everybody).contains(&"data-prep"));
    let account = cluster.accounts().into_iter().find(|account| account.email == ADMIN_USER).unwrap();
    let own = admin.gql(LIST, json!({"limit": 100, "offset": 0, "ak": account.access_key})).await;
    assert!(names(&own).is_empty());
    // Seen, but not to be used.
    assert_eq!(admin.get("/func/session/data-prep").await.0, 404);
    let user = login(&cluster).await;
    let colleague = cluster.accounts().into_iter().find(|account| account.email == OTHER_USER).unwrap();
    let asked = user.gql(LIST, json!({"limit": 100, "offset": 0, "ak": colleague.access_key})).await;
    assert!(!names(&asked).contains(&"speech-align"));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_found_by_name_and_id_as_the_line_does_it() {
    for dialect in Dialect::all() {
        let cluster = start(speaking(dialect)).await;
        let login = login(&cluster).await;
        let own = session(&cluster, "data-prep");
        let foreign = session(&cluster, "speech-align");
        let foreign_status = if dialect == Dialect::V26_9 { 403 } else { 404 };
        for reference in [own.name.as_str(), own.id.as_str()] {
            let (status, info) = login.get(&format!("/func/session/{reference}")).await;
            assert_eq!((status, &info["status"]), (200, &json!("RUNNING")));
        }
        assert_eq!(login.get(&format!("/func/session/{}", foreign.id)).await.0, foreign_status);
        assert_eq!(login.get("/func/session/speech-align").await.0, 404);
        assert_eq!(login.get("/func/session/tokenizer-test").await.0, 404);
        assert_eq!(login.get("/func/session/tokenizer-test/logs").await.0, 200);
        let prefix = login.get("/func/session/data-p").await.0;
        assert_eq!(prefix, if dialect == Dialect::V22_09 { 200 } else { 404 });

        let apps = async |reference: &str| login.get(&format!("/func/stream/session/{reference}/apps")).await;
        let (status, list) = apps("data-prep").await;
        assert_eq!((status, &list[0]["name"], &list[0]["ports"]), (200, &json!("sshd"), &json!([2200])));
        assert_eq!(apps(&own.id).await.0, if dialect == Dialect::V25 { 404 } else { 200 });
        assert_eq!(apps("eval-sweep").await, (200, json!([])));
        assert_eq!(apps("nothing").await.0, 404);
        let (_, matches) = login.get("/func/session/_/match?id=tok").await;
        assert_eq!(matches["matches"][0]["status"], "TERMINATED");

        let (status, body) = login.get("/func/session/_/match?id=tok&surprise=1").await;
        assert_eq!(status, if dialect < Dialect::V25 { 400 } else { 200 }, "{body}");
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_take_the_verb_and_place_of_the_line() {
    for dialect in Dialect::all() {
        let cluster = start(speaking(dialect)).await;
        let login = login(&cluster).await;
        let key = session(&cluster, "data-prep").key.unwrap();
        let begin = if dialect == Dialect::V26_9 { "-----BEGIN OPENSSH" } else { "-----BEGIN RSA" };
        assert!(key.starts_with(begin));
        let path = "/func/session/data-prep/download_single";
        let query = format!("{path}?file=id_container");
        let body = json!({"file": "id_container"});
        let outcomes = [
            answer(login.request(Method::GET, &query)).await,
            answer(login.request(Method::GET, path).json(&body)).await,
            answer(login.request(Method::POST, &query)).await,
            answer(login.request(Method::POST, path).json(&body)).await,
            answer(login.request(Method::POST, &query).json(&body)).await,
        ];
        let expected = match dialect {
            Dialect::V22_09 | Dialect::V23_09 => [200, 200, 405, 405, 405],
            Dialect::V24_03 | Dialect::V24_09 | Dialect::V25 => [400, 400, 200, 200, 200],
            _ => [405, 405, 200, 400, 400],
        };
        for ((status, got), expected) in outcomes.iter().zip(expected) {
            assert_eq!(*status, expected, "{dialect} {got}");
            assert!(expected != 200 || got == &json!(key));
        }

        let method = if dialect <= Dialect::V23_09 { Method::GET } else { Method::POST };
        let download = login.request(method.clone(), "/func/session/data-prep/download?files=id_container");
        let response = download.send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("multipart/mixed; boundary="));
        let bytes = response.bytes().await.unwrap();
        let start = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let mut archive = tar::Archive::new(&bytes[start..]);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str().unwrap(), "id_container");
        assert_eq!((entry.header().mode().unwrap(), entry.header().uid().unwrap()), (0o600, 1000));
        let mut content = String::new();
        std::io::Read::read_to_string(&mut entry, &mut content).unwrap();
        assert_eq!(content, key);

        cluster.control().remove_id_container("data-prep").unwrap();
        for file in ["id_container", "/etc/passwd", "../../../etc/passwd", "data"] {
            let (status, body) = answer(login.request(method.clone(), &format!("{path}?file={file}"))).await;
            assert_eq!(status, 500, "{body}");
            assert!(body["agent-details"]["exception"].is_string());
        }
        let (status, _) =
            answer(login.request(method, "/func/session/eval-sweep/download_single?file=x")).await;
        assert_eq!(status, 400);
        let (_, listing) = login.get("/func/session/data-prep/files?path=.").await;
        let files: Value = serde_json::from_str(listing["files"].as_str().unwrap()).unwrap();
        assert!(files.as_array().unwrap().iter().any(|file| file["filename"] == "train.py"));
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_streams_are_told_apart_only_at_the_manager() {
    for dialect in Dialect::all() {
        let cluster = start(speaking(dialect)).await;
        let login = login(&cluster).await;
        let own = session(&cluster, "data-prep").id;
        let foreign = session(&cluster, "speech-align").id;
        let by_id = if dialect == Dialect::V25 { 404 } else { 101 };
        let forbidden = if dialect == Dialect::V26_9 { 403 } else { 404 };
        let port = if dialect <= Dialect::V23_09 { 400 } else { 101 };
        let pending = if dialect == Dialect::V26_9 { 404 } else { 500 };
        for (target, expected) in [
            ("data-prep/tcpproxy?app=sshd".to_owned(), 101),
            ("data-prep/httpproxy?app=sshd".to_owned(), 101),
            (format!("{own}/tcpproxy?app=sshd"), by_id),
            (format!("{foreign}/tcpproxy?app=sshd"), forbidden),
            ("speech-align/tcpproxy?app=sshd".to_owned(), 404),
            ("nothing/tcpproxy?app=sshd".to_owned(), 404),
            ("data-prep/tcpproxy?app=nothing".to_owned(), 404),
            ("data-prep/tcpproxy".to_owned(), 400),
            ("data-prep/tcpproxy?app=sshd&port=2200".to_owned(), port),
            ("data-prep/tcpproxy?app=sshd&port=80".to_owned(), 400),
            ("eval-sweep/tcpproxy?app=sshd".to_owned(), pending),
            ("tokenizer-test/tcpproxy?app=sshd".to_owned(), 404),
        ] {
            assert_eq!(refusal(manager_stream(&cluster, &target).await), expected, "{dialect} {target}");
            let expected = if expected == 101 { 101 } else { 502 };
            assert_eq!(refusal(login.stream(&target).await), expected, "{dialect} {target}");
        }
        cluster.control().expire_logins();
        assert_eq!(refusal(login.stream("data-prep/tcpproxy?app=sshd").await), 401);
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manager_wants_every_request_signed() {
    for dialect in [Dialect::V23_09, Dialect::V26_9] {
        let cluster = start(speaking(dialect)).await;
        let ask = async |headers: Vec<(&'static str, String)>| {
            let mut request = http().get(format!("{}/auth/role", cluster.manager_url()));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            answer(request).await
        };
        let good = || sign(&cluster, "GET", "/auth/role", "application/octet-stream");
        assert_eq!(ask(good()).await.1["global_role"], "user");
        assert_eq!(ask(Vec::new()).await.0, if dialect == Dialect::V23_09 { 400 } else { 401 });
        let account = cluster.account();
        let (status, body) = ask(sign_with(
            &cluster,
            &account.access_key,
            "wrong",
            "GET",
            "/auth/role",
            "application/octet-stream",
        ))
        .await;
        assert_eq!((status, &body["msg"]), (401, &json!("Signature mismatch")));
        let (status, body) =
            ask(sign_with(&cluster, "AKIANOBODY", "wrong", "GET", "/auth/role", "application/octet-stream"))
                .await;
        assert!(status == 401 && body["msg"].as_str().unwrap().contains("not found"));
        assert_eq!(ask(sign(&cluster, "GET", "/auth/other", "application/octet-stream")).await.0, 401);
        assert_eq!(ask(sign(&cluster, "GET", "/auth/role", "text/plain")).await.0, 401);

        cluster.control().shift_clock(1_000);
        let (status, body) = ask(good()).await;
        assert_eq!((status, &body["msg"]), (400, &json!("Date/time sync error")));
        cluster.control().shift_clock(-800);
        assert_eq!(ask(good()).await.0, 200);
        cluster.control().shift_clock(0);

        let mut other_version = good();
        other_version[1].1 = "v99.20990101".into();
        assert_ne!(ask(other_version).await.0, 200);
        let body = json!({"type": "keypair", "domain": "default", "username": DEMO_USER, "password": account.password});
        let (status, keys) =
            answer(http().post(format!("{}/auth/authorize", cluster.manager_url())).json(&body)).await;
        assert_eq!((status, &keys["data"]["secret_key"]), (200, &json!(account.secret_key)));
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_outside_the_list_are_refused() {
    let cluster = start(speaking(Dialect::V23_09)).await;
    let login = login(&cluster).await;
    let with = |version: &str| {
        answer(
            login.request(Method::GET, "/func/auth/role").header("X-BackendAI-Version", version.to_owned()),
        )
    };
    assert_eq!(with("v7.20230615").await.0, 200);
    assert_eq!(with("v6.20220615").await.0, 200);
    let (status, body) = with("v9.20250722").await;
    assert_eq!((status, &body["msg"]), (400, &json!("Unsupported API version.")));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_federation_router_hides_an_expired_login_in_a_200() {
    let cluster = start(Options { federation_router: true, ..Options::default() }).await;
    let login = login(&cluster).await;
    let good = login.gql("{ user { email } }", json!({})).await;
    assert_eq!(good, json!({"data": {"user": {"email": DEMO_USER}}}));
    let bad = login.gql("{ nope }", json!({})).await;
    assert!(bad.get("data").is_none() && bad["errors"][0]["extensions"]["code"].is_string());
    cluster.control().expire_logins();
    let expired = login.gql("{ user { email } }", json!({})).await;
    assert_eq!(expired["errors"][0]["extensions"]["response"]["status"], 401);
    assert_eq!(login.get("/func/auth/role").await.0, 401);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_are_told_and_kept() {
    let cluster = start(Options::default()).await;
    let login = login(&cluster).await;
    let response = login.request(Method::GET, "/func/auth/role").send().await.unwrap();
    assert_eq!(response.headers()["x-ratelimit-limit"], "30000");
    assert_eq!(response.headers()["x-ratelimit-remaining"], "29999");
    cluster.control().limit_requests(Some(1));
    let (status, body) = login.get("/func/auth/role").await;
    assert!(status == 429 && body["type"].as_str().unwrap().ends_with("/rate-limit-exceeded"));
    cluster.control().limit_requests(None);
    assert_eq!(login.get("/func/auth/role").await.0, 200);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_and_the_request_log() {
    let cluster = start(Options::default()).await;
    let login = login(&cluster).await;
    let control = cluster.control();
    for (fault, status, text) in [
        (Fault::GarbageJson, 200, "{\"version\""),
        (Fault::Html, 200, "It works!"),
        (Fault::Empty, 200, ""),
        (Fault::Status(503), 503, "maintenance"),
        (Fault::Status(429), 429, "rate-limit"),
        (Fault::Redirect("https://elsewhere.invalid/".into()), 302, ""),
    ] {
        control.fail("/auth/role", fault);
        let response = login.request(Method::GET, "/func/auth/role").send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert!(response.text().await.unwrap().contains(text));
        assert_eq!(login.get("/func/auth/ssh-keypair").await.0, 200);
    }
    control.fail("/func/auth", Fault::EndlessBody);
    let mut response = login.request(Method::GET, "/func/auth/role").send().await.unwrap();
    for _ in 0..50 {
        assert!(!within(response.chunk()).await.unwrap().unwrap().is_empty());
    }
    drop(response);
    control.fail("/func/auth", Fault::Hang);
    let hanging = tokio::spawn(login.request(Method::GET, "/func/auth/role").send());
    control.clear_faults();
    assert_eq!(login.get("/func/auth/role").await.0, 200);
    let log = control.requests();
    let last = log.last().unwrap();
    assert_eq!((last.method.as_str(), last.path.as_str(), last.webserver), ("GET", "/func/auth/role", true));
    assert!(log.iter().any(|request| request.path == "/server/login" && request.method == "POST"));
    within(cluster.stop()).await;
    // A stopped cluster leaves nobody hanging.
    let _ = within(hanging).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_key_opens_the_sessions_to_come() {
    let cluster = start(speaking(Dialect::V23_09)).await;
    let login = login(&cluster).await;
    assert_eq!(login.get("/func/auth/ssh-keypair").await.1, json!({"ssh_public_key": null}));
    let (status, keys) = answer(login.request(Method::PATCH, "/func/auth/ssh-keypair")).await;
    assert_eq!(status, 200);
    assert!(keys["ssh_private_key"].as_str().unwrap().starts_with("-----BEGIN RSA"));
    assert_eq!(login.get("/func/auth/ssh-keypair").await.1["ssh_public_key"], keys["ssh_public_key"]);
    cluster.control().start_session("eval-sweep").unwrap();
    let started = session(&cluster, "eval-sweep");
    assert_eq!(
        (started.status.as_str(), started.key.as_deref()),
        ("RUNNING", keys["ssh_private_key"].as_str())
    );
    let bridge = bridge(&cluster, "eval-sweep").await;
    let mut command = bridge.ssh();
    command.arg("echo hello");
    assert_eq!(run(command).await.success().out, "hello\n");
    let mismatch = json!({"pubkey": "ssh-rsa AAAA", "privkey": keys["ssh_private_key"]});
    let (status, body) = answer(login.request(Method::POST, "/func/auth/ssh-keypair").json(&mismatch)).await;
    assert!(status == 400 && body["type"].as_str().unwrap().ends_with("/ssh-keypair-mismatch"));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_the_api_answers_too() {
    let cluster = start(Options::default()).await;
    let login = login(&cluster).await;
    for path in [
        "/func/folders",
        "/func/folders/_/hosts",
        "/func/manager/announcement",
        "/func/config/resource-slots",
        "/func/resource/presets",
        "/func/scaling-groups?group=default",
        "/func/scaling-groups/default/wsproxy-version?group=default",
        "/func/session/data-prep/direct-access-info",
    ] {
        let (status, body) = login.get(path).await;
        assert!(status == 200 && !body.is_string(), "{path} {body}");
    }
    assert_eq!(login.get("/func/no/such/thing").await.0, 404);
    assert_eq!(answer(login.request(Method::PUT, "/func/session/data-prep")).await.0, 405);
    let folder = login.request(Method::POST, "/func/folders").json(&json!({"name": ".ssh"}));
    let (status, body) = answer(folder).await;
    assert!(status == 400 && body["msg"].as_str().unwrap().contains("reserved for internal operations"));
    let start = login.request(Method::POST, "/func/session/data-prep/start-service");
    assert_eq!(answer(start.json(&json!({"app": "sshd"}))).await.0, 503);
    let search =
        login.request(Method::POST, "/func/v2/sessions/my/search").json(&json!({"limit": 2, "offset": 0}));
    let (status, body) = answer(search).await;
    assert_eq!((status, body["items"].as_array().unwrap().len(), &body["total_count"]), (200, 2, &json!(9)));
    let rename =
        login.request(Method::POST, "/func/session/data-prep/rename").json(&json!({"name": "data-clean"}));
    assert_eq!(answer(rename).await.0, 204);
    assert_eq!(login.get("/func/session/data-clean").await.0, 200);

    // Twenty files of almost 1 MiB are one upload; one of 1 MiB is too much.
    let part = |size: usize, name: String| reqwest::multipart::Part::bytes(noise(size)).file_name(name);
    let mut form = reqwest::multipart::Form::new();
    for index in 0..20 {
        form = form.part("src", part(1_048_575, format!("many/{index}")));
    }
    let upload = || login.request(Method::POST, "/func/session/data-clean/upload");
    assert_eq!(answer(upload().multipart(form)).await.0, 204);
    assert!(
        std::fs::read(session(&cluster, "data-clean").home.unwrap().join("many/19")).unwrap()
            == noise(1_048_575)
    );
    for (size, name) in [(1_048_576, "big"), (1, "../out"), (1, "/etc/out")] {
        let form = reqwest::multipart::Form::new().part("src", part(size, name.to_owned()));
        assert!(answer(upload().multipart(form)).await.0 >= 400, "{name}");
    }

    // An app that is not sshd answers HTTP.
    use futures_util::SinkExt as _;
    let mut stream = login.stream("data-clean/tcpproxy?app=jupyter").await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    stream.send(tokio_tungstenite::tungstenite::Message::binary(request)).await.unwrap();
    assert!(data(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    cluster.stop().await;
}
