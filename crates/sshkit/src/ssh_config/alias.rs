//! Names of sessions as hosts: `SESSION.CLUSTER.berth`.
//!
//! A name depends on the session's name alone, never on its id or on what else runs, so it stays the same when a
//! session is made anew. The last part is no domain of the internet, so no real host is ever shadowed.

use sha2::{Digest as _, Sha256};

/// The last part of every name.
pub const DOMAIN: &str = "berth";

/// Host names of servers that say nothing about which cluster it is.
const SAYS_NOTHING: &[&str] = &[
    "www",
    "api",
    "app",
    "backend",
    "backendai",
    "cloud",
    "cluster",
    "console",
    "manager",
    "portal",
    "webui",
];

/// The host name of a session: `train.demo.berth`.
pub fn alias(session: &str, cluster: &str) -> String {
    format!("{}.{cluster}.{DOMAIN}", session_part(session))
}

/// A host name of Berth's as its session part and its cluster label; none for anybody else's.
pub fn split(host: &str) -> Option<(&str, &str)> {
    let (rest, domain) = host.rsplit_once('.')?;
    let (session, cluster) = rest.rsplit_once('.')?;
    (domain.eq_ignore_ascii_case(DOMAIN) && !session.is_empty() && !cluster.is_empty())
        .then_some((session, cluster))
}

/// A session's name as the first part of its host name.
///
/// Most names come through as they are (servers allow letters, digits, `.`, `_` and `-`). `ssh` makes host names
/// lower case, so another spelling gets a few letters of a hash, by which `Train` and `train` are told apart.
pub fn session_part(name: &str) -> String {
    if is_part(name) {
        return name.to_owned();
    }
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .take(64)
        .collect();
    let mut plain = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    for (doubled, single) in [("--", "-"), ("..", ".")] {
        while plain.contains(doubled) {
            plain = plain.replace(doubled, single);
        }
    }
    let hash = hex::encode(&Sha256::digest(name.as_bytes())[..3]);
    if plain.is_empty() { format!("session-{hash}") } else { format!("{plain}-{hash}") }
}

/// True for text that can be a part of a host name as it is.
pub fn is_part(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=64).contains(&text.len())
        && text.chars().all(|c| plain(c) || "._-".contains(c))
        && text.starts_with(plain)
        && text.ends_with(plain)
        && !text.contains("..")
}

/// A short name for a cluster, from its address: `https://backend.seoul.example.com` is `seoul`.
///
/// Two clusters can get the same one; whoever keeps the names tells them apart.
pub fn cluster_label(address: &str) -> String {
    let host = url::Url::parse(address).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    let label = match host {
        Some(url::Host::Domain(domain)) => {
            let parts: Vec<&str> = domain.trim_end_matches('.').split('.').collect();
            // The last part is a country or `com`.
            let telling = &parts[..parts.len().saturating_sub(1).max(1)];
            let first = telling.iter().find(|part| !SAYS_NOTHING.contains(part)).or(telling.first());
            first.copied().unwrap_or_default().to_owned()
        }
        Some(url::Host::Ipv4(ip)) => ip.to_string().replace('.', "-"),
        Some(url::Host::Ipv6(ip)) => ip.to_string().replace("::", "-").replace(':', "-"),
        None => String::new(),
    };
    let label: String = label.to_lowercase().replace(['.', '_'], "-");
    let label = label.trim_matches('-');
    if is_part(label) { label.to_owned() } else { "cluster".to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["train", "llama-finetune", "a_b.c-1", "2026"] {
            assert_eq!(session_part(name), name);
        }
        assert_eq!(alias("train", "demo"), "train.demo.berth");
    }

    #[test]
    fn other_names_are_told_apart() {
        assert_eq!(session_part("Train"), "train-e99c90");
        assert_ne!(session_part("Train"), session_part("tRain"));
        assert!(session_part("학습").starts_with("session-"));
        assert!(is_part(&session_part("-oProxyCommand=evil\n")));
    }

    #[test]
    fn host_names_are_split_at_the_last_dots() {
        assert_eq!(split("my.model.demo.berth"), Some(("my.model", "demo")));
        assert_eq!(split("train.demo.BERTH"), Some(("train", "demo")));
        for other in ["demo.berth", "berth", "train.demo.example", ".demo.berth", "train..berth", ""] {
            assert_eq!(split(other), None, "{other}");
        }
    }

    #[test]
    fn clusters_are_called_by_the_telling_part_of_their_address() {
        for (address, label) in [
            ("https://seoul.example.com", "seoul"),
            ("https://backend.seoul.example.com:8443/", "seoul"),
            ("https://api.example.com", "example"),
            ("https://webui.com", "webui"),
            ("http://127.0.0.1:8090", "127-0-0-1"),
            ("http://[::1]:8090", "1"),
            ("https://GPU_LAB.univ.ac.kr", "gpu-lab"),
            ("not an address", "cluster"),
        ] {
            assert_eq!(cluster_label(address), label, "{address}");
        }
    }

    proptest! {
        #[test]
        fn every_name_becomes_a_part_that_finds_back(name in "\\PC{0,80}") {
            let part = session_part(&name);
            prop_assert!(is_part(&part), "{}", part);
            let host = alias(&name, "demo");
            prop_assert_eq!(split(&host), Some((part.as_str(), "demo")));
        }
    }
}
