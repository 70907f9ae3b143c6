//! The command line: parse, run, print.

fn main() {}
