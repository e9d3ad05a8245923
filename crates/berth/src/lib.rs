//! The product: profiles, credentials, settings, connections, events. What the hosts call.
