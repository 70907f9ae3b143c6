// A dropout of the input of a dense layer, in the layer's own pass.

override has_dropout: bool;

// Element `at` of the input, or of its gradient, with the dropout.
fn with_dropout(v: f32, at: u32) -> f32 {
    if has_dropout {
        return dropped(v, at);
    }
    return v;
}
