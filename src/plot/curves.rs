//! Loss and accuracy against epoch.

use super::axis;
use super::drawing::{Anchor, Drawing, Look, Point, Shape};
use super::font;
use super::frame::{Frame, legend, line_look, sheet};
use super::style::{Colour, NOTE as SMALL, TICK};

/// The figures of one epoch. What is not finite is left out of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochRow {
    /// Counts from 1.
    pub epoch: u32,
    /// Running mean over the epoch's batches, cross-entropy + L2 penalty (if any), in nats.
    pub train_loss: f64,
    /// Running mean over the epoch's batches, 0 to 1.
    pub train_accuracy: f64,
    /// After the epoch, cross-entropy + L2 penalty (if any), in nats.
    pub val_loss: f64,
    /// After the epoch, 0 to 1.
    pub val_accuracy: f64,
}

/// Training and validation of one quantity.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    /// Of the y axis.
    pub name: &'a str,
    /// For those who hear the drawing instead.
    pub label: &'a str,
    /// Training and validation, by epoch from 1.
    pub rows: &'a [[f64; 2]],
    /// Behind the point, in what is read out.
    pub digits: usize,
    /// After a value: ` %`.
    pub unit: &'a str,
    /// The epoch to mark, from 1.
    pub best: Option<usize>,
}

const SIZE: (f64, f64) = (440.0, 310.0);
/// With more epochs than this, dots would run together.
const MOST_DOTS: usize = 40;
const NOTE: &str = "Training values are running means over each epoch while the weights change; \
                    validation is measured after the epoch. In early epochs the validation loss \
                    may therefore be below the training loss, and the accuracy above.";

/// Training and validation against epoch, with the last values at the lines' ends. Each epoch has
/// an invisible strip over the whole height (`data-epoch`), whose `data-say` a script may read
/// out. What is not finite is left out.
pub fn curve(panel: &Panel<'_>) -> Drawing {
    let Panel { name, label, rows, digits, unit, best } = panel;
    let last = rows.len().max(1);
    let found = axis::range(rows.iter().flatten().copied());
    let air = 0.03 * (last as f64 - 1.0).max(1.0);
    let frame = Frame {
        from: (60.0, 46.0),
        to: (SIZE.0 - 56.0, SIZE.1 - 48.0),
        x: (1.0 - air, last as f64 + air),
        y: found.unwrap_or((0.0, 1.0)),
    };
    let mut drawing = Drawing::new(SIZE, "curve", label);
    drawing.put(
        legend(&[("training", line_look(0)), ("validation", line_look(1))], SIZE.0),
        (0.0, 0.0),
    );
    let ticks = if found.is_some() { frame.values() } else { Vec::new() };
    frame.grid(&mut drawing, &ticks);
    frame.left_axis(&mut drawing, &ticks, name, 58.0);
    frame.bottom_axis(&mut drawing, &axis::epochs(last as u32), "epoch");
    frame.axes(&mut drawing);
    if found.is_none() {
        let look = (TICK, Colour::Faint);
        drawing.text(frame.middle(), Anchor::Middle, "no finite values", look);
    }
    let said = |value: f64| format!("{}{unit}", axis::number(value, *digits));
    let best = best.filter(|best| {
        let row = best.checked_sub(1).and_then(|i| rows.get(i));
        row.is_some_and(|row| row[1].is_finite())
    });
    if let Some(best) = best {
        let (x, value) = (frame.x(best as f64), rows[best - 1][1]);
        let look = Look { dash: &[2.0, 4.0], ..Look::stroke(Colour::Faint, 1.0) };
        drawing.line(&[(x, frame.from.1), (x, frame.to.1)], look);
        let text = format!("epoch {best}: {}", said(value));
        let half = font::width(&text, SMALL) / 2.0;
        let at = (x.clamp(frame.from.0 + half, frame.to.0 - half), frame.from.1 - 9.0);
        drawing.text(at, Anchor::Middle, &text, (SMALL, Colour::Faint));
    }
    let mut ends: Vec<(f64, f64, usize)> = Vec::new();
    for i in [0, 1] {
        let points: Vec<Point> =
            rows.iter().enumerate().map(|(k, row)| ((k + 1) as f64, row[i])).collect();
        frame.curve(&mut drawing, &points, line_look(i));
        if let Some(end) = points.iter().rfind(|point| point.1.is_finite()) {
            ends.push((frame.y(end.1).clamp(frame.from.1, frame.to.1), end.1, i));
        }
        let dots = frame.places(&points).into_iter().enumerate();
        for (k, at) in dots.filter(|_| i == 1 && rows.len() <= MOST_DOTS) {
            let radius = if Some(k + 1) == best { 5.0 } else { 3.0 };
            drawing.add(Shape::Circle(at, radius), Look::fill(Colour::Series(i)));
        }
    }
    end_values(&mut drawing, &frame, ends, said);
    drawing.add(Shape::Guide, Look::default());
    let heard = |value: f64| match value.is_finite() {
        true => format!("{value:.digits$}{unit}"),
        false => "not finite".to_owned(),
    };
    for (epoch, row) in (1..).zip(rows.iter()) {
        let [training, validation] = row.map(heard);
        let mark = if Some(epoch) == best { " (lowest validation loss)" } else { "" };
        let said = format!("epoch {epoch}: training {training}, validation {validation}{mark}");
        let x = epoch as f64;
        frame.strip(&mut drawing, epoch, (x - 0.5, x, x + 0.5), &said);
    }
    drawing
}

/// The last values, beside the ends of their lines and never on each other.
fn end_values(
    drawing: &mut Drawing,
    frame: &Frame,
    mut ends: Vec<(f64, f64, usize)>,
    said: impl Fn(f64) -> String,
) {
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let [above, below] = &mut ends[..] {
        let missing = (15.0 - (below.0 - above.0)).max(0.0) / 2.0;
        above.0 -= missing;
        below.0 += missing;
    }
    for (y, value, i) in ends {
        let look = (SMALL, Colour::Series(i));
        let room = (SIZE.0 - frame.to.0 - 6.0, false);
        drawing.fitted((frame.to.0 + 5.0, y), Anchor::Start, &said(value), look, room);
    }
}

/// Loss and accuracy side by side under a title, which should say which model and which data.
/// `best_epoch` is the epoch to mark: that of the lowest validation loss.
pub fn curves(history: &[EpochRow], best_epoch: Option<u32>, title: &str) -> Drawing {
    let last = history.iter().map(|row| row.epoch as usize).max().unwrap_or(0);
    let rows = |of: fn(&EpochRow) -> [f64; 2]| {
        let mut rows = vec![[f64::NAN; 2]; last];
        for row in history {
            if let Some(to) = (row.epoch as usize).checked_sub(1).and_then(|i| rows.get_mut(i)) {
                *to = of(row);
            }
        }
        rows
    };
    let loss = rows(|row| [row.train_loss, row.val_loss]);
    let accuracy = rows(|row| [row.train_accuracy, row.val_accuracy].map(|v| 100.0 * v));
    let panel = |name: &str, rows: &[[f64; 2]], digits: usize, unit: &str| {
        let best = best_epoch.map(|best| best as usize);
        curve(&Panel { name, label: name, rows, digits, unit, best })
    };
    let panels = vec![
        panel("loss (incl. any L2 penalty)", &loss, 3, ""),
        panel("accuracy (%)", &accuracy, 1, " %"),
    ];
    let marked =
        best_epoch.map(|best| format!("Dotted line: epoch {best}, the lowest validation loss."));
    sheet(title, vec![panels], &[marked.unwrap_or_default(), NOTE.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: &[[f64; 2]], best: Option<usize>) -> String {
        let label = "loss of \"<b>\"";
        curve(&Panel { name: "loss", label, rows, digits: 2, unit: "", best }).svg()
    }

    #[test]
    fn each_epoch_can_be_read_out_and_labels_are_escaped() {
        let svg = drawn(&[[2.0, 1.5], [1.0, 1.25], [0.5, 1.75]], Some(2));
        assert_eq!(svg.matches("data-epoch=").count(), 3);
        let say = "epoch 2: training 1.00, validation 1.25 (lowest validation loss)";
        assert!(svg.contains(say), "{svg}");
        assert!(svg.contains("loss of &quot;&lt;b&gt;&quot;") && !svg.contains("<b>"));
    }

    /// The lower a value, the larger its y; an epoch to the right has the larger x.
    #[test]
    fn lines_go_through_their_values() {
        let svg = drawn(&[[2.0, 1.0], [1.0, 1.0]], None);
        let line =
            svg.split("<path d=\"M").find(|path| path.contains("stroke-width=\"2\"")).unwrap();
        let line: Vec<f64> =
            line.split('"').next().unwrap().split([' ', 'L']).map(|n| n.parse().unwrap()).collect();
        assert!(line[0] < line[2] && line[1] < line[3], "{line:?}");
        assert!(!svg.contains("epoch 1: 1.00</text>"));
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let svg = drawn(&[[f64::NAN, f64::INFINITY]], None);
        assert!(svg.contains("no finite values") && !svg.contains("MNaN"), "{svg}");
        let one = drawn(&[[1.0, f64::NAN]], None);
        assert_eq!(one.matches("<circle").count(), 1);
        let say = "epoch 1: training not finite, validation not finite";
        assert!(svg.contains(say) && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn only_an_epoch_that_there_is_is_marked() {
        let rows = [[2.0, 1.0], [1.0, 1.5]];
        assert!(drawn(&rows, Some(1)).contains("epoch 1: 1.00</text>"));
        for best in [0, 3] {
            assert_eq!(drawn(&rows, Some(best)), drawn(&rows, None));
        }
    }
}
