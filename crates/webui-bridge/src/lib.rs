//! The local proxy that a Backend.AI WebUI expects of its desktop app, without a port that listens.
//!
//! A WebUI that believes it runs in its desktop app asks a "local proxy" for ports: `PUT conf`, `GET proxy/.../add`,
//! and so on, the same since 2019. Here those questions come as plain values ([`Call`]), are read strictly
//! ([`Ask::read`]), and are answered in the words that the page understands ([`Bridge::answer`]); what really opens
//! a port is the host's ([`Tunnels`]). The page is not trusted: it is whatever the cluster sends. Nothing here knows
//! a window, a file or the network, so all of it is tested as it is.

mod ask;
mod bridge;
mod link;
mod problem;
mod rate;
mod tunnels;

pub use ask::{Ask, Call, Open};
pub use bridge::{Answer, Bridge, MOST_OPEN};
pub use link::Link;
pub use problem::Problem;
pub use tunnels::{Opened, Tunnels};

/// The address that the page takes for its local proxy. The name is reserved (RFC 6761), so that a request which
/// is not caught on its way reaches nobody.
pub const PROXY: &str = "https://local-proxy.invalid/";

/// The host of [`PROXY`].
pub(crate) const PROXY_HOST: &str = "local-proxy.invalid";
