//! Pure functions of labels and probabilities.
