//! What a drawing says, and whether it fits on its sheet.

use genre_gpu::plot::Drawing;

/// Its lines of text, in order.
pub(crate) fn texts(drawing: &Drawing) -> Vec<String> {
    let svg = drawing.svg();
    let text = |rest: &str| rest.split_once("</text>").map(|(text, _)| text.to_owned());
    svg.split("<text").skip(1).filter_map(|mark| text(mark.split_once('>')?.1)).collect()
}

/// Something is drawn, and nothing in the outermost pixels, which would mean that it is cut off.
pub(crate) fn assert_whole(drawing: &Drawing, what: &str) {
    let pixels = drawing.pixels().unwrap();
    let (width, height) = pixels.dimensions();
    assert!(pixels.pixels().any(|p| p.0.iter().all(|&v| v < 80)), "{what}: nothing drawn");
    for (x, y, pixel) in pixels.enumerate_pixels() {
        if x < 4 || y < 4 || x + 4 >= width || y + 4 >= height {
            assert_eq!(pixel.0, [255; 3], "{what}: ink at {x}, {y} of {width} x {height}");
        }
    }
    // Apart from the pictures in it.
    let svg = drawing.svg();
    let rest =
        svg.split(";base64,").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest));
    let lost = rest
        .filter(|part| part.contains("\"NaN") || part.contains(" NaN") || part.contains("inf\""));
    assert_eq!(lost.count(), 0, "{what}: no number: {svg:.400}");
}
