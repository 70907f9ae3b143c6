//! Loading, checking and scaling of data sets.

mod audit;
mod errors;
mod files;
mod folds;
mod labels;
mod names;
mod numpy;
mod scale;
mod types;
