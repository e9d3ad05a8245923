//! Where a page may lead: new windows and links.

use url::{Origin, Url};

use crate::PROXY_HOST;

/// Where an address leads from the hosted page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Within the cluster's own origin: stays in the window.
    Inside,
    /// To one of the ports that are open: the system's browser shows the app.
    App(Url),
    /// To a program of this computer, at one of those ports.
    Program(Url),
    /// To a file on the cluster's storage, which has an address of its own: a download, if a person asked for it.
    File(Url),
    /// To another site: the system's browser, if a person asked for it.
    Outside(Url),
    /// Nowhere.
    Nowhere,
}

impl Link {
    /// Decides about an address. `ports` are those that lead to sessions of this account.
    pub fn read(url: &Url, home: &Origin, ports: &[u16]) -> Self {
        if url.host_str() == Some(PROXY_HOST) {
            return app(url, ports).map_or(Self::Nowhere, Self::App);
        }
        // `blob:` carries the origin it was made in: downloads of what the page has in memory.
        if url.origin() == *home && matches!(url.scheme(), "http" | "https" | "blob") {
            return Self::Inside;
        }
        match url.scheme() {
            _ if program(url, ports) => Self::Program(url.clone()),
            "http" | "https" if !has_credentials(url) && url.host_str().is_some() => {
                if file(url) {
                    Self::File(url.clone())
                } else {
                    Self::Outside(url.clone())
                }
            }
            _ => Self::Nowhere,
        }
    }
}

/// `https://local-proxy.invalid/redirect?port=N&redirect=/path` of an HTTP app.
fn app(url: &Url, ports: &[u16]) -> Option<Url> {
    if url.path() != "/redirect" || has_credentials(url) {
        return None;
    }
    let mut port = None;
    let mut path = None;
    for (key, value) in url.query_pairs() {
        let known = match &*key {
            "port" => &mut port,
            "redirect" => &mut path,
            _ => continue,
        };
        if known.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    let port: u16 = port?.parse().ok().filter(|port| ports.contains(port))?;
    let path = path.unwrap_or_else(|| "/".to_owned());
    if !path.starts_with('/') || path.chars().any(|c| c.is_control() || c == '\\') {
        return None;
    }
    let target = Url::parse(&format!("http://127.0.0.1:{port}{path}")).ok()?;
    (target.host_str() == Some("127.0.0.1") && target.port() == Some(port)).then_some(target)
}

/// `ssh://work@127.0.0.1:N` and the like, and the one form that VS Code has for such a place.
fn program(url: &Url, ports: &[u16]) -> bool {
    match url.scheme() {
        "ssh" | "sftp" | "vnc" | "rdp" => {
            url.host_str() == Some("127.0.0.1")
                && url.port().is_some_and(|port| ports.contains(&port))
                && matches!(url.username(), "" | "work")
                && url.password().is_none()
                && matches!(url.path(), "" | "/")
                && url.query().is_none()
        }
        "vscode" => ports.iter().any(|port| {
            url.as_str() == format!("vscode://vscode-remote/ssh-remote+work@127.0.0.1%3A{port}/home/work")
        }),
        _ => false,
    }
}

/// `…/download?token=…` of a storage proxy (26.9's WebUI leads there for files of vfolders). Where it really leads is the
/// server's affair; what comes is saved and never shown.
fn file(url: &Url) -> bool {
    url.path().ends_with("/download")
        && url.query_pairs().any(|(key, value)| key == "token" && !value.is_empty())
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "https://cluster.example.com:8443/";

    fn link(address: &str) -> Link {
        let home = Url::parse(HOME).unwrap().origin();
        Link::read(&Url::parse(address).unwrap(), &home, &[30722, 30723])
    }

    #[test]
    fn pages_of_the_cluster_stay_inside() {
        for address in [
            "https://cluster.example.com:8443/",
            "https://cluster.example.com:8443/job?x=1#y",
            "blob:https://cluster.example.com:8443/3f2a",
        ] {
            assert_eq!(link(address), Link::Inside, "{address}");
        }
    }

    #[test]
    fn files_of_the_storage_are_told_from_other_sites() {
        let file = "https://storage.example.com:6021/download?token=eyJ.x.y&archive=false";
        assert_eq!(link(file), Link::File(Url::parse(file).unwrap()));
        for site in [
            "https://docs.example.com/download",
            "https://docs.example.com/?token=x",
            "http://x.example/download?token=",
        ] {
            assert_eq!(link(site), Link::Outside(Url::parse(site).unwrap()), "{site}");
        }
        assert_eq!(link("https://u:p@storage.example.com/download?token=x"), Link::Nowhere);
        assert_eq!(link("file:///download?token=x"), Link::Nowhere);
    }

    #[test]
    fn apps_open_at_their_ports_only() {
        let app = |address: &str| match link(address) {
            Link::App(url) => url.to_string(),
            other => format!("{other:?}"),
        };
        let base = "https://local-proxy.invalid/redirect";
        assert_eq!(app(&format!("{base}?port=30722")), "http://127.0.0.1:30722/");
        assert_eq!(app(&format!("{base}?port=30723&redirect=/lab")), "http://127.0.0.1:30723/lab");
        assert_eq!(
            app(&format!("{base}?port=30723&redirect=/tree%3Ftoken%3Da%26b%3Dc")),
            "http://127.0.0.1:30723/tree?token=a&b=c"
        );
        for bad in [
            "?port=22",
            "?port=30724",
            "?port=30722@evil.example",
            "?port=30722&port=30723",
            "",
            "?redirect=/x",
            "?port=30722&redirect=https://evil.example/",
            "?port=30722&redirect=@evil.example/",
            "?port=30722&redirect=.evil.example/",
            "?port=30722&redirect=javascript:alert(1)",
            "?port=30722&redirect=%5C%5Cevil.example",
            "?port=30722&redirect=/a%0d%0ab",
        ] {
            let shown = app(&format!("{base}{bad}"));
            assert!(shown == "Nowhere", "{bad} leads to {shown}");
        }
        assert_eq!(link("https://local-proxy.invalid/other?port=30722"), Link::Nowhere);
        assert_eq!(link("https://u:p@local-proxy.invalid/redirect?port=30722"), Link::Nowhere);
    }

    #[test]
    fn programs_open_at_their_ports_only() {
        for address in [
            "ssh://127.0.0.1:30722",
            "sftp://work@127.0.0.1:30722",
            "vnc://127.0.0.1:30723/",
            "rdp://127.0.0.1:30723",
            "vscode://vscode-remote/ssh-remote+work@127.0.0.1%3A30722/home/work",
        ] {
            assert_eq!(link(address), Link::Program(Url::parse(address).unwrap()), "{address}");
        }
    }

    #[test]
    fn other_sites_are_outside_and_other_schemes_nowhere() {
        for address in [
            "https://webui.docs.backend.ai/en/",
            "http://cluster.example.com:8443/",
            "https://cluster.example.com/",
            "http://127.0.0.1:30722/",
        ] {
            assert_eq!(link(address), Link::Outside(Url::parse(address).unwrap()), "{address}");
        }
        for address in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "tauri://localhost/",
            "ipc://localhost/",
            "asset://localhost/x",
            "ssh://work@127.0.0.1:1",
            "ssh://work@evil.example:30722",
            "ssh://-oProxyCommand=id@127.0.0.1:30722",
            "ssh://work:x@127.0.0.1:30722",
            "ssh://work@127.0.0.1:30722/;id",
            "vscode://vscode-remote/ssh-remote+x",
            "vscode://vscode-remote/ssh-remote+work@127.0.0.1%3A30722/home/work/x",
            "vscode://evil.extension/run?x=1",
            "about:blank",
            "blob:https://evil.example/1",
            "https://user:pass@evil.example/",
        ] {
            assert_eq!(link(address), Link::Nowhere, "{address}");
        }
    }
}
