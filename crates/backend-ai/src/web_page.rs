//! The WebUI that a webserver hands out, looked at before a window shows it.
//!
//! A web view tells little about why it shows nothing, and judges certificates by the system alone. So the page is
//! fetched once here, by the rules of the profile; what certificate it came with is told, too.

use reqwest::header::CONTENT_TYPE;
use reqwest::tls::TlsInfo;
use serde_json::json;

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::network::Network;
use crate::problem::text;
use crate::transport::{CALL_TIMEOUT, broken, read_body, timed_out};

/// Bound of the page, in bytes: about 10 kB on 23.09 and 26.9.
const PAGE_LIMIT: usize = 4 << 20;

/// What a webserver shows to a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebPage {
    /// The server's own certificate in DER, when it was judged good; `None` without TLS.
    pub certificate: Option<Vec<u8>>,
}

/// Fetches the page at an address, without credentials.
///
/// # Errors
/// [`Error::Unreachable`], [`Error::Tls`]; [`Error::BadAnswer`] when what is there is no web page.
pub async fn web_page(endpoint: &Endpoint, network: &Network) -> Result<WebPage, Error> {
    let http = network.http_with_certificate(endpoint)?;
    let look = async {
        let response = http.get(endpoint.join("/")).send().await.map_err(|e| broken(&e))?;
        let status = response.status();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !status.is_success() || !kind.is_some_and(|kind| kind.starts_with("text/html")) {
            let kind = kind.unwrap_or("no content type");
            return Err(Error::BadAnswer(format!("no web page but HTTP {} with {kind}", status.as_u16())));
        }
        let tls = response.extensions().get::<TlsInfo>();
        let certificate = tls.and_then(TlsInfo::peer_certificate).map(<[u8]>::to_vec);
        read_body(response, PAGE_LIMIT).await?;
        Ok(WebPage { certificate })
    };
    tokio::time::timeout(CALL_TIMEOUT, look).await.map_err(|_| timed_out())?
}

impl Client {
    /// The e-mail of who is signed in (protocol.md 2.2).
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], [`Error::BadAnswer`] where the server does not say.
    pub async fn email(&self) -> Result<String, Error> {
        let user = self.query("query { user { email } }", json!({}), "user").await;
        let user = user.map_err(|e| e.into_error(self))?;
        let email = text(Some(&user), "email").map(str::to_owned);
        email.ok_or_else(|| Error::BadAnswer("a user without an e-mail".to_owned()))
    }
}
