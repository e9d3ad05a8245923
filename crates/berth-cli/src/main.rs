//! The program `berth`.

fn main() {}
