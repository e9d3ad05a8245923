//! Which OpenSSH it is.

/// The first version that knows every word of Berth's file (`accept-new`, 2017).
pub const OLDEST_OPENSSH: (u32, u32) = (7, 6);

/// The version in what `ssh -V` says: `OpenSSH_9.2p1 Debian-2, …`, `OpenSSH_for_Windows_8.1p1, …`. None for another
/// program.
pub fn openssh_version(said: &str) -> Option<(u32, u32)> {
    let rest = said.trim_start().strip_prefix("OpenSSH_")?;
    let rest = rest.strip_prefix("for_Windows_").unwrap_or(rest);
    let (major, rest) = rest.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (said, version) in [
            ("OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026", Some((9, 2))),
            ("OpenSSH_for_Windows_8.1p1, LibreSSL 3.0.2", Some((8, 1))),
            ("OpenSSH_10.0p2, LibreSSL 3.3.6", Some((10, 0))),
            ("OpenSSH_7.4p1, OpenSSL 1.0.2k-fips", Some((7, 4))),
            ("Dropbear v2024.85", None),
            ("", None),
        ] {
            assert_eq!(openssh_version(said), version, "{said}");
        }
        assert!(openssh_version("OpenSSH_7.4p1").unwrap() < OLDEST_OPENSSH);
    }
}
