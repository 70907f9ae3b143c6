//! Sound of the samples that are shown: WAV files, and what the network makes of each.

use std::io;
use std::path::Path;

use rayon::prelude::*;

use super::{Clip, Listener, heatmap, spread};
use crate::audio::{FrontEnd, LogMel, wav};
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::explain::gallery::twelves;
use crate::explain::{
    ExplainOptions, ExplainedSample, Explainer, Explanation, Heard, LayerFacts, Recording,
};
use crate::files::{create_folder, write_atomic};
use crate::progress::Progress;
use crate::train::LoadedRun;

/// Within a run's folder of explanations.
pub const FOLDER: &str = "sound";

/// Samples whose sound is in memory at once.
const AT_ONCE: usize = 64;

/// Peak of the loudest of a sample's three recordings: −1 dB of full scale.
const PEAK: f32 = 0.891_251;

/// A clip, what its map keeps and the rest, and the samples that the front end makes of them.
struct Parts {
    clip: Clip,
    /// Sound in the order of [`NAMES`].
    sounds: [Vec<f32>; 3],
    /// `[3, n_mels, frames]`, scaled.
    x: Vec<f32>,
}

const NAMES: [&str; 3] = ["clip", "kept", "rest"];

/// Writes `sound/{part}-{index}-{clip,kept,rest}.wav` into `folder` for the samples that were
/// asked for (the twelve of each class, or those chosen), and tells them of it. The map is the Grad-CAM of the first layer that has both axes, else of the first.
/// One gain for a sample's three recordings brings the loudest to −1 dB of full scale, so that
/// they can be compared with each other; the network hears them as they are.
///
/// # Errors
/// If a song is gone or has changed, the device fails, or a file cannot be written.
pub fn write(
    listener: &Listener<'_>,
    opened: &LoadedRun,
    wanted: &ExplainOptions,
    explanation: &mut Explanation,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<()> {
    let both = |layer: &LayerFacts| layer.place.bands.count > 1 && layer.place.frames.count > 1;
    let Explanation { layers, parts, shown, .. } = explanation;
    let at = layers.iter().position(both).unwrap_or(0);
    let Some(layer) = layers.get(at) else { return Ok(()) };
    let of_part = parts.iter().find(|part| part.part == wanted.part);
    let asked = match (of_part, wanted.indices.is_empty()) {
        (Some(part), true) => twelves(part),
        _ => wanted.indices.clone(),
    };
    let mut shown: Vec<&mut ExplainedSample> = shown
        .iter_mut()
        .filter(|shown| shown.part == wanted.part && asked.contains(&shown.index))
        .collect();
    let LoadedRun { config, graph, saved, .. } = opened;
    let device = config.device_options();
    let mut explainer = Explainer::open(
        graph,
        &wanted.layers,
        config.batch_size.min(3 * AT_ONCE),
        config.device,
        device,
    )?;
    explainer.set_parameters(&saved.parameters)?;
    clear(&folder.join(FOLDER))?;
    for some in shown.chunks_mut(AT_ONCE) {
        let picks: Vec<_> = some.iter().map(|shown| (wanted.part, shown.index)).collect();
        let clips = listener.clips(&picks, progress)?;
        let map = |shown: &ExplainedSample| shown.maps.get(at).and_then(|of| of.grad_cam.values());
        let maps: Vec<Vec<f32>> = some.iter().map(|shown| map(shown).unwrap_or_default()).collect();
        let parts: Vec<Result<Parts>> = clips
            .into_par_iter()
            .zip(maps)
            .map_init(
                || LogMel::new(listener.front_end()),
                |log_mel, (clip, map)| match log_mel {
                    Ok(log_mel) => take_apart(listener, layer, clip, &map, log_mel),
                    Err(e) => Err(Error::FrontEnd {
                        name: listener.front_end().name.clone(),
                        problem: e.to_string(),
                    }),
                },
            )
            .collect();
        let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
        let x: Vec<f32> = parts.iter().flat_map(|parts| &parts.x).copied().collect();
        let probabilities = explainer.probabilities(&x)?;
        let each = probabilities.chunks_exact((probabilities.len() / some.len()).max(1));
        for ((shown, parts), probabilities) in some.iter_mut().zip(parts).zip(each) {
            let heard = record(shown, &parts, probabilities, listener.front_end(), layer);
            for (recording, sound) in
                [&heard.clip, &heard.kept, &heard.rest].iter().zip(&parts.sounds)
            {
                let gain = 10f32.powf(heard.gain_db / 20.0);
                let sound: Vec<f32> = sound.iter().map(|x| x * gain).collect();
                let bytes = wav(&sound, heard.sample_rate_hz);
                write_atomic(&folder.join(&recording.file), |to| {
                    to.write_all(&bytes.map_err(io::Error::other)?)
                })?;
            }
            shown.sound = Some(heard);
        }
    }
    Ok(())
}

/// Makes the folder, without the sound of an earlier explanation.
pub(in crate::explain) fn clear(folder: &Path) -> Result<()> {
    create_folder(folder)?;
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder, "read"))? {
        let path = entry.map_err(Error::io(folder, "read"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_own(&name) {
            std::fs::remove_file(&path).map_err(Error::io(&path, "remove"))?;
        }
    }
    Ok(())
}

/// `train-3-clip.wav` and the like.
fn is_own(name: &str) -> bool {
    let mut words = name.strip_suffix(".wav").unwrap_or_default().split('-');
    let parts = PartName::ALL.map(PartName::as_str);
    let [part, index, own] = [(); 3].map(|()| words.next().unwrap_or_default());
    parts.contains(&part)
        && index.parse::<usize>().is_ok()
        && NAMES.contains(&own)
        && words.next().is_none()
}

fn take_apart(
    listener: &Listener<'_>,
    layer: &LayerFacts,
    clip: Clip,
    map: &[f32],
    log_mel: &mut LogMel,
) -> Result<Parts> {
    let FrontEnd { n_mels, frames, .. } = *listener.front_end();
    let mask = spread(&heatmap(map), layer.place, [n_mels, frames]);
    let (kept, rest) = listener.masker().split(&clip, &mask)?;
    let sounds = [clip.samples.clone(), kept, rest];
    let mut x = Vec::with_capacity(3 * mask.len());
    for sound in &sounds {
        x.extend(clip.sample(sound, log_mel)?);
    }
    listener.scale().apply(&mut x);
    Ok(Parts { clip, sounds, x })
}

fn record(
    shown: &ExplainedSample,
    Parts { clip, sounds, .. }: &Parts,
    probabilities: &[f32],
    front_end: &FrontEnd,
    layer: &LayerFacts,
) -> Heard {
    let peak = sounds.iter().flatten().fold(0f32, |peak, x| peak.max(x.abs()));
    let gain_db = if peak > 0.0 { 20.0 * (PEAK / peak).log10() } else { 0.0 };
    let seconds = |sample: usize| sample as f64 / f64::from(front_end.sample_rate_hz);
    let classes = probabilities.len() / NAMES.len();
    let recording = |i: usize| Recording {
        file: format!("{FOLDER}/{}-{}-{}.wav", shown.part, shown.index, NAMES[i]),
        probabilities: probabilities.iter().skip(i * classes).take(classes).copied().collect(),
    };
    Heard {
        song: clip.song.clone(),
        start_seconds: seconds(clip.span.start),
        end_seconds: seconds(clip.span.end),
        sample_rate_hz: front_end.sample_rate_hz,
        layer: layer.name.clone(),
        gain_db,
        clip: recording(0),
        kept: recording(1),
        rest: recording(2),
    }
}

/// How many samples were heard, and the mean probability of the class that their maps speak for
/// in clip, kept part and rest; none where no sample was.
pub fn mean_probabilities(shown: &[ExplainedSample]) -> Option<(usize, [f64; 3])> {
    let of = |(shown, heard): (&ExplainedSample, &Heard)| {
        let own = |recording: &Recording| {
            let probability = recording.probabilities.get(shown.target as usize);
            probability.copied().map_or(0.0, f64::from)
        };
        [&heard.clip, &heard.kept, &heard.rest].map(own)
    };
    let heard = shown.iter().filter_map(|shown| Some((shown, shown.sound.as_ref()?)));
    let all: Vec<[f64; 3]> = heard.map(of).collect();
    let mean = |i: usize| all.iter().map(|each| each[i]).sum::<f64>() / all.len() as f64;
    (!all.is_empty()).then(|| (all.len(), [0, 1, 2].map(mean)))
}
