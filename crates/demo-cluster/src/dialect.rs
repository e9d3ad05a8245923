//! Server lines the stand-in can speak like, and what differs between them.
//!
//! Everything a handler has to decide by version is a method here, with the place in
//! protocol.md it comes from, so that handlers ask a question instead of comparing versions.

use std::fmt;

/// A line of Backend.AI servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Dialect {
    /// 22.09: names match by prefix, download by GET, login failures with status 200.
    V22_09,
    /// 23.09 as seen on 23.09.10.
    V23_09,
    /// 24.03 from 24.03.7 on: download by POST.
    V24_03,
    /// 24.09: ISO dates in cookies, logins can be extended.
    V24_09,
    /// 25.15: API v9, streams by session name only.
    V25,
    /// 26.9 as seen on 26.9.6.
    #[default]
    V26_9,
}

/// Which verbs and parameter places a download takes (protocol.md 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DownloadRule {
    /// GET; query, or a JSON body where there is one. POST is 405.
    Get,
    /// POST; JSON body if present, else query. GET is 400 `deprecated`.
    PostEither,
    /// POST; query only, a JSON body is 400. GET is 405.
    PostQuery,
}

/// Format of the generated private key (protocol.md 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFormat {
    /// `BEGIN RSA PRIVATE KEY`.
    Pkcs1,
    /// `BEGIN OPENSSH PRIVATE KEY`.
    OpenSsh,
}

/// Session statuses every server line knows (protocol.md 2.1).
const COMMON_STATUSES: [&str; 10] = [
    "PENDING",
    "SCHEDULED",
    "PREPARING",
    "PULLING",
    "RUNNING",
    "RESTARTING",
    "TERMINATING",
    "TERMINATED",
    "ERROR",
    "CANCELLED",
];

impl Dialect {
    /// All lines, oldest first.
    pub fn all() -> [Dialect; 6] {
        [Self::V22_09, Self::V23_09, Self::V24_03, Self::V24_09, Self::V25, Self::V26_9]
    }

    /// The manager's version as `GET /` tells it.
    pub fn manager_version(self) -> &'static str {
        match self {
            Self::V22_09 => "22.09.23",
            Self::V23_09 => "23.09.10",
            Self::V24_03 => "24.03.11",
            Self::V24_09 => "24.09.14",
            Self::V25 => "25.15.12",
            Self::V26_9 => "26.9.6",
        }
    }

    /// The API version as `GET /` tells it (protocol.md 1.1).
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V22_09 => "v6.20220615",
            Self::V23_09 => "v7.20230615",
            Self::V24_03 => "v8.20240315",
            Self::V24_09 => "v8.20240915",
            Self::V25 | Self::V26_9 => "v9.20250722",
        }
    }

    /// The versions the server takes in `X-BackendAI-Version`: a fixed list (protocol.md 1.1).
    pub(crate) fn accepts_api_version(self, version: &str) -> bool {
        const KNOWN: [&str; 10] = [
            "v5.20191215",
            "v6.20200815",
            "v6.20210815",
            "v6.20220315",
            "v6.20220615",
            "v6.20230315",
            "v7.20230615",
            "v8.20240315",
            "v8.20240915",
            "v9.20250722",
        ];
        let Some(newest) = KNOWN.iter().position(|known| *known == self.api_version()) else { return false };
        let dropped = self == Self::V26_9 && version == "v6.20210815";
        !dropped && KNOWN.iter().take(newest + 1).any(|known| *known == version)
    }

    /// 26.4 and later answer a refused login with the manager's status, older ones with 200
    /// (protocol.md 1.2).
    pub(crate) fn login_failure_has_status(self) -> bool {
        self >= Self::V26_9
    }

    /// The end of a batch session's command comes with its exit code on 23.09.10, and with null on 26.9.6 (seen there).
    pub(crate) fn events_have_exit_codes(self) -> bool {
        self < Self::V26_9
    }

    /// OTP refusals carry a `type` of their own from 25.9 on, before only a text (protocol.md 1.2).
    pub(crate) fn otp_has_type(self) -> bool {
        self >= Self::V25
    }

    /// The concurrent-login cap and `force` exist from 26.4 on (protocol.md 1.2).
    pub(crate) fn has_login_cap(self) -> bool {
        self >= Self::V26_9
    }

    /// `Expires` of the login cookie is an ISO date, against the RFC (protocol.md 1.2).
    pub(crate) fn cookie_expires_iso(self) -> bool {
        self >= Self::V24_09
    }

    /// `POST /server/extend-login-session` exists (protocol.md 10).
    pub(crate) fn has_extend_login(self) -> bool {
        self >= Self::V24_09
    }

    /// A successful login always names its id in a header; older ones only when the id is new
    /// (protocol.md appendix A).
    pub(crate) fn always_tells_session_id(self) -> bool {
        self >= Self::V26_9
    }

    /// Old request schemas refuse any key they do not know (protocol.md 1.4).
    pub(crate) fn refuses_unknown_keys(self) -> bool {
        self < Self::V25
    }

    /// Problem bodies carry `error_code` (protocol.md 8).
    pub(crate) fn has_error_code(self) -> bool {
        self >= Self::V25
    }

    /// A request without a signature is 400 on old managers, 401 on new ones (appendix A, B).
    pub(crate) fn unsigned_is_bad_request(self) -> bool {
        self <= Self::V23_09
    }

    /// GraphQL answers carry `"errors": null` (seen on 26.9.6).
    pub(crate) fn gql_has_null_errors(self) -> bool {
        self >= Self::V26_9
    }

    /// Session names match by prefix (protocol.md 1.4).
    pub(crate) fn matches_name_prefix(self) -> bool {
        self == Self::V22_09
    }

    /// `/stream/session/...` takes names only (protocol.md appendix C, core issue 12279).
    pub(crate) fn streams_by_name_only(self) -> bool {
        self == Self::V25
    }

    /// The webserver sweeps its connections to the manager, those in use included (protocol.md 4.6).
    pub(crate) fn webserver_sweeps_its_pool(self) -> bool {
        self >= Self::V25
    }

    /// An unknown or foreign UUID is 403 instead of 404 (appendix B).
    pub(crate) fn foreign_uuid_is_forbidden(self) -> bool {
        self >= Self::V26_9
    }

    /// Opening an app of a session that is not running: 404, older ones 500 (protocol.md 4.4).
    pub(crate) fn not_running_is_not_found(self) -> bool {
        self >= Self::V26_9
    }

    /// The `port` parameter of tcpproxy is compared as text and never matches (appendix A).
    pub(crate) fn port_parameter_never_matches(self) -> bool {
        self <= Self::V23_09
    }

    /// How files are downloaded.
    pub(crate) fn download_rule(self) -> DownloadRule {
        match self {
            Self::V22_09 | Self::V23_09 => DownloadRule::Get,
            Self::V24_03 | Self::V24_09 | Self::V25 => DownloadRule::PostEither,
            Self::V26_9 => DownloadRule::PostQuery,
        }
    }

    /// Format of `id_container`.
    pub(crate) fn key_format(self) -> KeyFormat {
        if self >= Self::V26_9 { KeyFormat::OpenSsh } else { KeyFormat::Pkcs1 }
    }

    /// The agent makes the host key, once for a session; older ones make it in the container, at each start
    /// (protocol.md 5.4: from 26.3).
    pub(crate) fn host_key_outlives_restarts(self) -> bool {
        self >= Self::V26_9
    }

    /// What the session's sshd calls itself (protocol.md 5.3).
    pub(crate) fn sshd_version(self) -> &'static str {
        if self >= Self::V26_9 { "dropbear_2024.85" } else { "dropbear_2020.81" }
    }

    /// `GET /session/{id}/direct-access-info` is broken (protocol.md 7).
    pub(crate) fn direct_access_broken(self) -> bool {
        self == Self::V22_09
    }

    /// REST v2 exists (protocol.md 10).
    pub(crate) fn has_rest_v2(self) -> bool {
        self >= Self::V26_9
    }

    /// GraphQL fields of a session by the version they came with (protocol.md 2.1).
    pub(crate) fn knows_session_field(self, field: &str) -> bool {
        match field {
            "main_kernel_id" | "occupying_slots" | "vfolder_mounts" | "agent_ids" => self >= Self::V23_09,
            "requested_slots" => self >= Self::V24_03,
            "priority" => self >= Self::V24_09,
            _ => true,
        }
    }

    /// Status names the GraphQL API accepts; an unknown one fails the query (protocol.md 2.1).
    pub(crate) fn knows_status(self, status: &str) -> bool {
        COMMON_STATUSES.contains(&status)
            || match status {
                "BUILDING" | "RESIZING" | "SUSPENDED" => self == Self::V22_09,
                "RUNNING_DEGRADED" => self >= Self::V23_09,
                "PREPARED" | "CREATING" => self >= Self::V25,
                "DEPRIORITIZING" | "RESERVED" | "PREEMPTED" | "RESCHEDULING" => self >= Self::V26_9,
                _ => false,
            }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.manager_version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_older_api_versions_are_accepted() {
        assert!(Dialect::V23_09.accepts_api_version("v7.20230615"));
        assert!(Dialect::V23_09.accepts_api_version("v6.20220615"));
        assert!(!Dialect::V23_09.accepts_api_version("v9.20250722"));
        assert!(!Dialect::V26_9.accepts_api_version("v6.20210815"));
        assert!(!Dialect::V26_9.accepts_api_version("v99.20990101"));
        assert!(Dialect::all().iter().all(|dialect| dialect.accepts_api_version(dialect.api_version())));
    }

    #[test]
    fn statuses_follow_the_line() {
        assert!(Dialect::V22_09.knows_status("RESIZING") && !Dialect::V23_09.knows_status("RESIZING"));
        assert!(!Dialect::V24_09.knows_status("PREPARED") && Dialect::V25.knows_status("PREPARED"));
        assert!(!Dialect::V26_9.knows_status("running"));
    }
}
