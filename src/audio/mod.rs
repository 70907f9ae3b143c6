//! From sound to log-mel spectrograms.
