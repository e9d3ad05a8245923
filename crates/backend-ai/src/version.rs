//! Versions: the manager's (what features it has) and the API's (what header to send).

use std::cmp::Ordering;
use std::fmt;

/// A manager's version, e.g. `23.09.10` or `24.09.0rc1`, comparable in release order.
///
/// Numbers that are missing or not understood count as 0, so every string gives a version; an
/// unreadable one is older than everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ManagerVersion {
    /// Year, two digits.
    pub year: u16,
    /// Month of the release line, 1-12.
    pub month: u16,
    /// Patch level.
    pub patch: u16,
    /// True for development, alpha, beta and release candidate versions.
    pub prerelease: bool,
}

impl ManagerVersion {
    /// A final release.
    pub const fn new(year: u16, month: u16, patch: u16) -> Self {
        Self { year, month, patch, prerelease: false }
    }

    /// Reads what the server says (protocol.md 1.1: PEP 440-like).
    pub fn parse(text: &str) -> Self {
        let text = text.trim().trim_start_matches('v');
        let mut parts = [0u16; 3];
        let mut prerelease = false;
        for (part, piece) in parts.iter_mut().zip(text.splitn(3, '.')) {
            let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            *part = piece[..digits].parse().unwrap_or(0);
            let rest = piece[digits..].trim_start_matches(['.', '-', '_']);
            if ["a", "b", "rc", "dev", "alpha", "beta"].iter().any(|tag| rest.starts_with(tag)) {
                prerelease = true;
            }
            if !rest.is_empty() {
                break;
            }
        }
        Self { year: parts[0], month: parts[1], patch: parts[2], prerelease }
    }
}

impl Ord for ManagerVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.year, self.month, self.patch, !self.prerelease).cmp(&(
            other.year,
            other.month,
            other.patch,
            !other.prerelease,
        ))
    }
}

impl PartialOrd for ManagerVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ManagerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}.{:02}.{}", self.year, self.month, self.patch)
    }
}

/// The newest API version this crate was made for (25.12 to 26.9).
const NEWEST: ApiVersion = ApiVersion { major: 9, date: 20_250_722 };

/// An API version such as `v7.20230615`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion {
    pub(crate) major: u16,
    date: u32,
}

impl ApiVersion {
    /// Reads `v7.20230615`; anything else is no API version.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (major, date) = text.strip_prefix('v')?.split_once('.')?;
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(major) || !digits(date) {
            return None;
        }
        Some(Self { major: major.parse().ok()?, date: date.parse().ok()? })
    }

    /// What `X-BackendAI-Version` says to a server that advertises this: its own version, unless that is newer
    /// than what this crate knows (protocol.md 1.1; a version not in the server's list is a 400).
    pub(crate) fn to_send(self) -> Self {
        self.min(NEWEST)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{:08}", self.major, self.date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manager_versions_are_ordered_as_released() {
        let order = [
            "22.09.23",
            "23.03.12",
            "23.09.10",
            "23.09.11",
            "24.03.6",
            "24.03.7",
            "24.09.0rc1",
            "24.09.0",
            "25.6.17",
            "25.15.12",
            "26.4.3",
            "26.4.10",
            "26.9.6",
        ];
        for pair in order.windows(2) {
            assert!(ManagerVersion::parse(pair[0]) < ManagerVersion::parse(pair[1]), "{pair:?}");
        }
        assert_eq!(ManagerVersion::parse("26.4.4"), ManagerVersion::new(26, 4, 4));
        assert_eq!(ManagerVersion::parse("26.4.4.post1"), ManagerVersion::new(26, 4, 4));
        assert!(ManagerVersion::parse("25.6.0.dev3").prerelease);
        assert_eq!(ManagerVersion::parse("nonsense"), ManagerVersion::new(0, 0, 0));
    }

    #[test]
    fn the_api_version_sent_is_never_newer_than_known() {
        let sent = |text: &str| ApiVersion::parse(text).map(|v| v.to_send().to_string());
        assert_eq!(sent("v6.20220615").as_deref(), Some("v6.20220615"));
        assert_eq!(sent("v9.20250722").as_deref(), Some("v9.20250722"));
        assert_eq!(sent("v10.20300101").as_deref(), Some("v9.20250722"));
        assert_eq!(sent("v9.20260101").as_deref(), Some("v9.20250722"));
        for wrong in ["", "1.2", "v", "v9", "v9.", "v.2", "v9.2x", "v+9.20250722"] {
            assert_eq!(sent(wrong), None, "{wrong}");
        }
    }
}
