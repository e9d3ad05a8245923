//! What is behind a session's app: a real SSH server for `sshd`, a short page for the others.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// Answers HTTP requests on a stream with a page that says where one is.
pub(super) async fn serve_page(mut stream: DuplexStream, session: &str, app: &str) {
    let page = format!(
        "<!doctype html>\n<title>{app} - {session}</title>\n<h1>{app}</h1>\n<p>This is the demo cluster: \
         session {session} offers SSH and SFTP for real, and this page for {app}.</p>\n"
    );
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    );
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") && head.len() < 16 * 1024 {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&chunk[..count]),
        }
    }
    // A reader that has left needs no page.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
