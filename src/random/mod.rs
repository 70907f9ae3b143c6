//! Random numbers: the run that Keras makes (`keras`), and named streams for all else (`streams`).

pub mod keras;
pub mod streams;
