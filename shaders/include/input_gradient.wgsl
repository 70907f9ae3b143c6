// Stores an element of the gradient of an input x.

// Whether x ends in a ReLU, whose derivative is applied: 0 unless x > 0.
override mask: bool;
// Whether another reader of x has written its gradient before.
override add: bool;

fn store_input_gradient(at: u32, gradient: f32) {
    var g = gradient;
    if mask {
        g = select(0.0, g, x[at] > 0.0);
    }
    if add {
        g += dx[at];
    }
    dx[at] = g;
}
