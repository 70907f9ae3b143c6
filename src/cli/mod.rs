//! The command line, one file per subcommand: arguments to plain calls, no logic.
#![allow(clippy::print_stdout, reason = "printing is what the command line is for")]

pub mod demo;
