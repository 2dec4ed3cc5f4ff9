//! The command line of Stele.

fn main() {}
