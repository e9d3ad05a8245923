//! A Backend.AI cluster as a library: endpoint, sign-in, sessions, files, streams.
