//! Pictures and text from plain values; computes nothing.
