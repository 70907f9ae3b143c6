//! Sentences made from measured figures; each states the figures that it rests on.

use crate::data::PartName;
use crate::explain::{
    Class, ExplainedPart, ExplainedSample, Explanation, LayerFacts, MapOf, SignedMap,
};
use crate::metrics::mean_and_deviation;
use crate::text::thousands;
use crate::train::results::PartMetrics;

/// `training`, `validation`, `test`.
pub(super) fn part_word(part: &str) -> &str {
    match part {
        "train" => "training",
        "val" => "validation",
        other => other,
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `1 sample`, `3,360 samples`.
pub(super) fn counted(n: usize, word: &str) -> String {
    format!("{} {word}{}", thousands(n as u64), if n == 1 { "" } else { "s" })
}

fn correct(rows: &[Vec<u64>]) -> u64 {
    rows.iter().enumerate().map(|(i, row)| row[i]).sum()
}

/// What a part's figures are, by sample and by song.
pub(super) fn accuracy(part: PartName, figures: &PartMetrics) -> String {
    let word = part_word(part.as_str());
    let mut text = format!(
        "{word} accuracy is {:.2} % ({} of {} samples are right) at a loss of {:.4}",
        100.0 * figures.accuracy,
        thousands(correct(&figures.confusion)),
        thousands(figures.samples),
        figures.loss
    );
    if let (Some(share), Some(songs), Some((low, high))) =
        (figures.song_accuracy, figures.songs, figures.song_interval_95)
    {
        text.push_str(&format!(
            "; of {} songs, judged by the mean probability of their samples, {:.2} % are right \
             (95 % interval {:.1} to {:.1})",
            thousands(songs),
            100.0 * share,
            100.0 * low,
            100.0 * high
        ));
    }
    text.push('.');
    capital(&text)
}

/// The class that is found best, the one that is found worst, and the commonest mistake.
/// `unit` is `sample` or `song`, `part` as in file names.
pub(super) fn confusions(
    part: &str,
    unit: &str,
    rows: &[Vec<u64>],
    classes: &[String],
) -> Vec<String> {
    let share = |i: usize, j: usize| {
        let all: u64 = rows[i].iter().sum();
        (all > 0).then(|| rows[i][j] as f64 / all as f64)
    };
    let found: Vec<(usize, f64)> =
        (0..classes.len()).filter_map(|i| share(i, i).map(|share| (i, share))).collect();
    let told = |(i, share): (usize, f64)| {
        let all: u64 = rows[i].iter().sum();
        format!("{} ({} of {})", classes[i], percent(share), counted(all as usize, unit))
    };
    let word = part_word(part);
    let mut sentences = Vec::new();
    let best = found.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
    let worst = found.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a });
    if let (Some(best), Some(worst)) = (best, worst) {
        sentences.push(match best.1 > worst.1 {
            true => format!(
                "Of the {word} {unit}s, {} is found most often and {} least.",
                told(best),
                told(worst)
            ),
            false => format!(
                "All classes of the {word} {unit}s are found equally often: {}.",
                percent(best.1)
            ),
        });
    }
    let wrong = (0..classes.len())
        .flat_map(|i| (0..classes.len()).map(move |j| (i, j)))
        .filter(|(i, j)| i != j && rows[*i][*j] > 0)
        .reduce(|a, b| if rows[b.0][b.1] > rows[a.0][a.1] { b } else { a });
    sentences.push(match wrong {
        Some((i, j)) => format!(
            "The commonest mistake is {} taken for {}: {}, {} of the class.",
            classes[i],
            classes[j],
            counted(rows[i][j] as usize, unit),
            percent(share(i, j).unwrap_or(f64::NAN))
        ),
        None => format!("No {word} {unit} is wrong."),
    });
    sentences
}

/// How many are right and wrong in a part, and how sure the network was where it was wrong.
pub(super) fn right_and_wrong(part: &ExplainedPart) -> Vec<String> {
    let right: usize = part.classes.iter().map(|class| class.right.len()).sum();
    let wrong: usize = part.classes.iter().map(|class| class.wrong.len()).sum();
    let word = part_word(&part.part);
    let share = |n: usize| percent(n as f64 / (right + wrong).max(1) as f64);
    let mut sentences = vec![format!(
        "Of {}, {} ({}) are predicted rightly and {} ({}) wrongly.",
        counted(right + wrong, &format!("{word} sample")),
        thousands(right as u64),
        share(right),
        thousands(wrong as u64),
        share(wrong)
    )];
    let of_class = |class: &Class| {
        format!(
            "{} of {} ({})",
            class.wrong.len(),
            class.wrong.len() + class.right.len(),
            class.name
        )
    };
    if wrong > 0 {
        let counts: Vec<String> = part.classes.iter().map(of_class).collect();
        sentences.push(format!("By true class, wrong are {}.", counts.join(", ")));
        let sure: Vec<f64> = part
            .classes
            .iter()
            .flat_map(|class| class.wrong.iter().map(|w| f64::from(w.probability)))
            .collect();
        let more = sure.iter().filter(|p| **p > 0.9).count();
        if let (Some(mean), _) = mean_and_deviation(&sure) {
            sentences.push(format!(
                "Where it is wrong, the network gives the wrong class a mean probability of \
                 {mean:.2}; {more} of these {wrong} mistakes are made with more than 0.9."
            ));
        }
    }
    sentences
}

/// How many of the maps that are shown are empty, by layer.
pub(super) fn empty_maps(found: &Explanation, shown: &[&ExplainedSample]) -> Vec<String> {
    let of_layer = |(i, layer): (usize, &LayerFacts)| {
        let [h, w, c] = layer.shape;
        let empty = |of: fn(&MapOf) -> &SignedMap| {
            shown.iter().filter(|shown| of(&shown.maps[i]).is_empty()).count()
        };
        format!(
            "{} has {} × {} cells (bands × frames) of {c} channels; of {} shown here {} of \
             Grad-CAM and {} of HiResCAM have no positive value, so that nothing is coloured.",
            layer.name,
            h,
            w,
            counted(shown.len(), "map"),
            empty(|map| &map.grad_cam),
            empty(|map| &map.hires_cam),
        )
    };
    found.layers.iter().enumerate().map(of_layer).collect()
}

/// The first letter large.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Wrong;

    fn names() -> Vec<String> {
        ["classical", "disco", "metal"].map(String::from).into()
    }

    #[test]
    fn best_worst_and_commonest_are_those_of_the_matrix() {
        let rows = [vec![9, 1, 0], vec![2, 6, 2], vec![0, 3, 2]];
        let text = confusions("train", "sample", &rows, &names()).join(" ");
        for part in [
            "classical (90.0 % of 10 samples) is found most often",
            "metal (40.0 % of 5 samples) least",
            "metal taken for disco: 3 samples, 60.0 % of the class",
            "training samples",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn without_mistakes_none_is_told_and_empty_rows_are_left_out() {
        let rows = [vec![4, 0, 0], vec![0, 0, 0], vec![0, 0, 1]];
        let text = confusions("test", "song", &rows, &names()).join(" ");
        assert!(text.contains("No test song is wrong.") && text.contains("equally often: 100.0 %"));
        assert!(!text.contains("disco"), "{text}");
    }

    #[test]
    fn mistakes_are_counted_with_how_sure_they_were() {
        let wrong = |index, probability| Wrong { index, song: None, predicted: 1, probability };
        let class =
            |name: &str, right: Vec<usize>, wrong| Class { name: name.into(), right, wrong };
        let classes = vec![
            class("classical", vec![0, 1, 2], vec![wrong(3, 0.95), wrong(4, 0.55)]),
            class("disco", vec![5], Vec::new()),
        ];
        let part = ExplainedPart { part: "train".into(), classes };
        let text = right_and_wrong(&part).join(" ");
        for part in [
            "Of 6 training samples, 4 (66.7 %) are predicted rightly and 2 (33.3 %) wrongly",
            "2 of 5 (classical), 0 of 1 (disco)",
            "mean probability of 0.75; 1 of these 2 mistakes",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let all_right = ExplainedPart {
            part: "val".into(),
            classes: vec![class("disco", vec![5], Vec::new())],
        };
        assert_eq!(right_and_wrong(&all_right).len(), 1);
    }
}
