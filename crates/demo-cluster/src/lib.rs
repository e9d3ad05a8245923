//! The embedded demo cluster: a stand-in for a Backend.AI server on loopback, with real SSH inside its sessions.
