//! Random numbers: the run that Keras makes (`keras`), bits by counting (`counter`) for what
//! is drawn on a device, and named streams for all else (`streams`).

pub mod counter;
pub mod keras;
pub mod streams;
