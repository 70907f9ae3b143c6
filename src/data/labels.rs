//! Labels and song ids from arrays of any number type.

use super::npy::{Npy, Number};
use crate::error::{DataProblem, Result};

/// More classes than this are taken for a mistake, such as song ids given as labels.
pub(super) const MOST_CLASSES: usize = 1_000;

/// Labels of one part.
pub(super) struct Labels {
    /// `[n]`.
    pub(super) y: Vec<u32>,
    /// The number of one-hot columns; none for plain labels.
    pub(super) width: Option<usize>,
}

/// Reads labels of shape `[n]`, `[n, 1]` or one-hot `[n, classes]`. `samples` is the name of the
/// array of samples and their number; `classes` the number of classes and where it was given, if it
/// is already known.
pub(super) fn read(
    npy: Npy<'_>,
    samples: (&str, usize),
    classes: Option<&(usize, String)>,
) -> Result<Labels> {
    let place = npy.place.clone();
    let problem = |problem| Err(crate::Error::data(&*place, problem));
    let width = check_shape(&npy, samples)?;
    if let (Some(found), Some((expected, by))) = (width, classes)
        && found != *expected
    {
        return problem(DataProblem::OneHotWidth { expected: *expected, by: by.clone(), found });
    }

    let numbers = npy.into_numbers()?;
    let y = match width {
        None => {
            let most = classes.map_or(MOST_CLASSES, |(classes, _)| *classes);
            let label =
                |(index, number): (usize, &Number)| {
                    let label = number.whole().and_then(|label| u32::try_from(label).ok());
                    label.filter(|&label| (label as usize) < most).ok_or_else(|| {
                        DataProblem::Label { index, value: number.to_string(), classes: most }
                    })
                };
            numbers.iter().enumerate().map(label).collect::<Result<Vec<_>, _>>()
        }
        Some(width) => numbers.chunks_exact(width).enumerate().map(from_one_hot).collect(),
    };
    match y {
        Ok(y) => Ok(Labels { y, width }),
        Err(found) => problem(found),
    }
}

/// Reads song ids of shape `[n]` or `[n, 1]`.
pub(super) fn read_songs(npy: Npy<'_>, samples: (&str, usize)) -> Result<Vec<i64>> {
    let place = npy.place.clone();
    check_song_shape(&npy, samples)?;
    let id = |(index, number): (usize, Number)| {
        number.whole().ok_or_else(|| {
            crate::Error::data(&*place, DataProblem::SongId { index, value: number.to_string() })
        })
    };
    npy.into_numbers()?.into_iter().enumerate().map(id).collect()
}

/// The number of one-hot columns, none for plain labels; fails unless there is one label for each
/// sample.
pub(super) fn check_shape(npy: &Npy<'_>, samples: (&str, usize)) -> Result<Option<usize>> {
    let (n, width) = match npy.shape.as_slice() {
        &[n] | &[n, 1] => (n, None),
        &[n, width @ 2..=MOST_CLASSES] => (n, Some(width)),
        found => return Err(npy.problem(DataProblem::LabelShape { found: found.to_vec() })),
    };
    check_count(npy, samples, n)?;
    Ok(width)
}

/// Fails unless there is one song id for each sample.
pub(super) fn check_song_shape(npy: &Npy<'_>, samples: (&str, usize)) -> Result<()> {
    let (&[n] | &[n, 1]) = npy.shape.as_slice() else {
        let found = npy.shape.clone();
        return Err(npy.problem(DataProblem::SongShape { found }));
    };
    check_count(npy, samples, n)
}

fn check_count(npy: &Npy<'_>, (samples, expected): (&str, usize), found: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(npy.problem(DataProblem::Count { samples: samples.to_owned(), expected, found }))
}

fn from_one_hot((row, values): (usize, &[Number])) -> Result<u32, DataProblem> {
    let (mut ones, mut others, mut label) = (0, 0, 0);
    for (class, value) in (0..).zip(values) {
        match value.whole() {
            Some(0) => {}
            Some(1) => {
                ones += 1;
                label = class;
            }
            _ => others += 1,
        }
    }
    if (ones, others) == (1, 0) {
        Ok(label)
    } else {
        Err(DataProblem::OneHot { row, ones, others })
    }
}
