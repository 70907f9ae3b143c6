//! From a layer's map to a share of each band and frame, and of each bin of the FFT.

use crate::audio::FrontEnd;
use crate::audio::mel;
use crate::explain::{CellGrid, ReceptiveSpan};

/// A map's positive part over its maximum: 0 to 1, or 0 everywhere where nothing is positive.
pub fn heatmap(map: &[f32]) -> Vec<f32> {
    let most = map.iter().copied().fold(0.0, f32::max);
    let share = |value: &f32| if *value > 0.0 { value / most } else { 0.0 };
    map.iter().map(share).collect()
}

/// Resizes a heatmap `[h, w]`, whose cells lie at `place`, to `[bands, frames]`: bilinearly
/// between the cells' middles, level from the outer ones to their edges. Beyond, where no cell
/// stands for anything, it is 0.
pub fn spread(heatmap: &[f32], place: ReceptiveSpan, [bands, frames]: [usize; 2]) -> Vec<f32> {
    let columns: Vec<_> = (0..frames).map(|frame| between(place.frames, frame)).collect();
    let value = |row: usize, column: usize| {
        heatmap.get(row * place.frames.count + column).copied().unwrap_or(0.0)
    };
    let mut mask = Vec::with_capacity(bands * frames);
    for band in 0..bands {
        let row = between(place.bands, band);
        mask.extend(columns.iter().map(|column| {
            let (Some((row, down)), Some((column, right))) = (row, *column) else { return 0.0 };
            let across = |row: usize| {
                let (left, next) =
                    (value(row, column), value(row, column + usize::from(right > 0.0)));
                left + (next - left) * right
            };
            let upper = across(row);
            if down > 0.0 { upper + (across(row + 1) - upper) * down } else { upper }
        }));
    }
    mask
}

/// The cell whose middle lies before the middle of band or frame `at`, and how far on to the next.
fn between(cells: CellGrid, at: usize) -> Option<(usize, f32)> {
    let position = (at as f64 + 0.5 - cells.first) / cells.size;
    if !(0.0..cells.count as f64).contains(&position) {
        return None;
    }
    let last = cells.count as f64 - 1.0;
    let position = (position - 0.5).clamp(0.0, last);
    Some((position as usize, position.fract() as f32))
}

/// For each bin of the FFT the bands that it lies in, with weights that sum to 1.
#[derive(Debug, Clone)]
pub(super) struct Bins(Vec<Vec<(usize, f64)>>);

impl Bins {
    /// Weights are those of the mel filters; a bin outside of all of them takes the nearest band.
    pub(super) fn new(front_end: &FrontEnd) -> Self {
        let mut bins = vec![Vec::new(); front_end.n_fft / 2 + 1];
        for (band, filter) in mel::filters(front_end).iter().enumerate() {
            for (bin, weight) in bins.iter_mut().skip(filter.first_bin).zip(&filter.weights) {
                bin.push((band, *weight));
            }
        }
        let edges = mel::band_edges_hz(front_end);
        let hz_per_bin = f64::from(front_end.sample_rate_hz) / front_end.n_fft as f64;
        for (i, bin) in bins.iter_mut().enumerate() {
            let away = |band: &usize| (edges[band + 1] - i as f64 * hz_per_bin).abs();
            if bin.is_empty() {
                let nearest = (0..front_end.n_mels).min_by(|a, b| away(a).total_cmp(&away(b)));
                bin.extend(nearest.map(|band| (band, 1.0)));
            }
            let sum: f64 = bin.iter().map(|(_, weight)| weight).sum();
            bin.iter_mut().for_each(|(_, weight)| *weight /= sum);
        }
        Self(bins)
    }

    /// The share of each bin in frame `frame` of a mask `[bands, frames]`.
    pub(super) fn shares(
        &self,
        mask: &[f32],
        frames: usize,
        frame: usize,
    ) -> impl Iterator<Item = f64> {
        let of_band =
            move |(band, weight): &(usize, f64)| f64::from(mask[band * frames + frame]) * weight;
        self.0.iter().map(move |bin| bin.iter().map(of_band).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(first: f64, size: f64, count: usize) -> CellGrid {
        CellGrid { first, size, count }
    }

    #[test]
    fn a_heatmap_is_the_positive_part_over_the_maximum() {
        assert_eq!(heatmap(&[-1.0, 0.5, 2.0]), [0.0, 0.25, 1.0]);
        assert_eq!(heatmap(&[-1.0, 0.0, f32::NAN]), [0.0; 3]);
    }

    #[test]
    fn cells_are_joined_by_straight_lines_between_their_middles() {
        // Middles at 1, 3 and 5; bands' middles at 0.5, 1.5, …; one cell for all frames.
        let place = ReceptiveSpan { bands: cells(0.0, 2.0, 3), frames: cells(0.0, 4.0, 1) };
        let mask = spread(&[0.0, 1.0, 0.5], place, [7, 4]);
        let column: Vec<f32> = mask.chunks(4).map(|row| row[0]).collect();
        assert_eq!(column, [0.0, 0.25, 0.75, 0.875, 0.625, 0.5, 0.0], "band 6 has no cell");
        assert!(mask.chunks(4).all(|row| row.iter().all(|value| *value == row[0])));
    }

    #[test]
    fn a_map_of_one_cell_for_each_place_stays_as_it_is() {
        let place = ReceptiveSpan { bands: cells(1.0, 1.0, 2), frames: cells(0.0, 1.0, 3) };
        let mask = spread(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], place, [3, 3]);
        assert_eq!(mask, [0.0, 0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    }

    #[test]
    fn each_bin_has_the_mean_of_its_bands() {
        for front_end in [FrontEnd::bristol_80(), FrontEnd::librosa_2s()] {
            let bins = Bins::new(&front_end);
            let n = front_end.n_mels;
            let ones: Vec<f64> = bins.shares(&vec![1.0; n], 1, 0).collect();
            assert_eq!(ones.len(), front_end.n_fft / 2 + 1);
            assert!(ones.iter().all(|share| (share - 1.0).abs() < 1e-12));
            // A mask that rises with the bands rises with the bins.
            let rising: Vec<f32> = (0..n).map(|band| band as f32).collect();
            let shares: Vec<f64> = bins.shares(&rising, 1, 0).collect();
            assert!(shares.windows(2).all(|pair| pair[0] <= pair[1]), "{shares:?}");
            assert_eq!((shares[0], shares[shares.len() - 1]), (0.0, (n - 1) as f64));
        }
    }
}
