//! Ways out of problems with arrays, in numpy: lines that run as they are.

use super::DataProblem;
use crate::text::python;

/// The least finite value in place of what is not; numpy stops where none is, and the file stays.
const REPLACED: &str = "x = x.astype('float32'); ok = np.isfinite(x)\n  \
                        x[~ok] = x[ok].min()";

/// How to mend the array at `place`, a file or npz and key; nothing where there is no way in numpy.
pub(super) fn remedy(place: &str, problem: &DataProblem) -> String {
    let (said, mend) = match problem {
        DataProblem::Complex { labels: false, .. } => (
            "save decibels, for each part alike",
            "x = (20 * np.log10(np.maximum(np.abs(x), 1e-5))).astype('float32')",
        ),
        DataProblem::Complex { labels: true, .. } => {
            ("save whole numbers", "x = x.real.astype(int)")
        }
        DataProblem::Text { .. } => {
            ("if these are numbers, save them as such", "x = x.astype('float32')")
        }
        DataProblem::Pickled { shape, .. } if shape.is_empty() => return unpack(place),
        DataProblem::Pickled { labels: true, .. } => ("save text", "x = x.astype(str)"),
        DataProblem::Pickled { shape, .. } if shape.len() == 1 => (
            "cut the samples to one width, in all parts the same, and save numbers",
            "x = [np.asarray(s, 'float32') for s in x]; w = min(s.shape[1] for s in x)\n  \
             x = np.stack([s[:, :w] for s in x])",
        ),
        DataProblem::Pickled { .. } => ("save numbers", "x = x.astype('float32')"),
        DataProblem::Channels { first: true, .. } => {
            ("save their mean", "x = x[:, :3].mean(axis=1).astype('float32')")
        }
        DataProblem::Channels { first: false, .. } => {
            ("save their mean", "x = x[..., :3].mean(axis=-1).astype('float32')")
        }
        DataProblem::SampleShape { found } if found.len() == 4 => (
            "if the last axis is channels, save their mean",
            "x = x.mean(axis=-1).astype('float32')",
        ),
        // Whatever replaced them would lose them, and a scale must be one for all parts.
        DataProblem::NotFinite { beyond: true, .. } => {
            return "\n  help: some are finite in the file, but beyond the range of float32, 3.4e38: look where \
                    they come from; if they are powers, save decibels; else divide the values of all \
                    parts by one number"
                .into();
        }
        DataProblem::NotFinite { value, .. } if *value == f32::NEG_INFINITY => (
            "-inf is the logarithm of 0, as in silence: save the least finite value instead",
            REPLACED,
        ),
        DataProblem::NotFinite { .. } => {
            ("look where they come from; to save the least finite value instead", REPLACED)
        }
        _ => return String::new(),
    };
    let pickled = matches!(problem, DataProblem::Pickled { .. });
    let (load, save) = match place.rsplit_once(".npz:") {
        Some((stem, key)) => {
            let (file, key) = (python(&format!("{stem}.npz")), python(key));
            (
                format!("a = dict(np.load({file}{})); x = a[{key}]", objects(pickled)),
                format!("a[{key}] = x; np.savez_compressed({file}, **a)"),
            )
        }
        None => {
            let file = python(place);
            (format!("x = np.load({file}{})", objects(pickled)), format!("np.save({file}, x)"))
        }
    };
    format!(
        "\n  help: {said} (this replaces the file):\n  import numpy as np\n  {load}\n  {mend}\n  {save}"
    )
}

/// A dict of arrays as an npz.
fn unpack(place: &str) -> String {
    let npz = format!("{}.npz", place.strip_suffix(".npy").unwrap_or(place).replace(".npz:", "-"));
    format!(
        "\n  help: if it is a dict of arrays, save them as an .npz, and give --data with its path:\n  \
         import numpy as np\n  d = {}.item()\n  np.savez_compressed({}, **d)",
        match place.rsplit_once(".npz:") {
            Some((stem, key)) => format!(
                "np.load({}{})[{}]",
                python(&format!("{stem}.npz")),
                objects(true),
                python(key)
            ),
            None => format!("np.load({}{})", python(place), objects(true)),
        },
        python(&npz)
    )
}

/// Pickles run code when they are read.
fn objects(pickled: bool) -> &'static str {
    if pickled { ", allow_pickle=True" } else { "" }
}
