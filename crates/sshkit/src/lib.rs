//! What SSH programs need on this computer: keys, known_hosts, command lines, URLs.
