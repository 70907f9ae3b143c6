// Stages rows of an input x [n, h_in, w_in, c_in] of a convolution in workgroup memory. A kernel declares x, the array
// `staged` of vectors, and GROUP, the threads of its workgroups.

// x in a row, or 0 outside. A row before the first wraps to more than there are.
fn x_at(base: u32, row: u32, inside: bool) -> f32 {
    let ok = inside & (row < h_in);
    return select(0.0, x[select(0u, base + row * (w_in * c_in), ok)], ok);
}

fn keep_x(v: f32, row: u32, rows: u32, quads: u32, first: u32, lane: u32) {
    if row < rows {
        staged[first + row * quads][lane] = v;
    }
}

// Vectors from a channel to the next. An odd number: threads that stage neighbouring channels write to different banks.
fn plane_of(rows: u32, quads: u32) -> u32 {
    return (rows * quads) | 1u;
}

// Stages `chunk` channels from c on, of rows · quads vectors of four columns each, from row r and column s of the padded x:
// staged [chunk, plane_of(rows, quads)]. Neighbouring threads read neighbouring elements of x. A thread keeps its column
// and channel, so that it computes them once, and loads four rows before it stores the first, so that it waits once.
fn stage_x(n: u32, r: u32, s: u32, c: u32, chunk: u32, rows: u32, quads: u32, local: u32) {
    let width = 4u * quads * chunk;
    let across = min(width, GROUP);
    let down = GROUP / across;
    if local / across >= down {
        return;
    }
    for (var e = local % across; e < width; e += across) {
        let channel = e % chunk;
        let column = e / chunk;
        let from_column = s + column - pad_left;
        let inside = (from_column < w_in) & (c + channel < c_in);
        let base = (n * (h_in * w_in) + from_column) * c_in + c + channel;
        let first = channel * plane_of(rows, quads) + column / 4u;
        let lane = column % 4u;
        for (var row = local / across; row < rows; row += 4u * down) {
            let from_row = r + row - pad_top;
            let v0 = x_at(base, from_row, inside);
            let v1 = x_at(base, from_row + down, inside);
            let v2 = x_at(base, from_row + 2u * down, inside);
            let v3 = x_at(base, from_row + 3u * down, inside);
            keep_x(v0, row, rows, quads, first, lane);
            keep_x(v1, row + down, rows, quads, first, lane);
            keep_x(v2, row + 2u * down, rows, quads, first, lane);
            keep_x(v3, row + 3u * down, rows, quads, first, lane);
        }
    }
}
