//! A page that runs trained models on sound in a browser, and trains one there: `genre-gpu web`.
//!
//! ```text
//! check.rs     the self-test of the kernels
//! models.rs    what of a run goes into the page
//! training.rs  the demo songs to train on, and how
//! store.rs     what both share: shaders, recordings, floats
//! pack.rs      data inside the page
//! script.rs    the modules of web/ as one script
//! ```
//!
//! The page is one file: it opens from a disk, asks no server for anything, and its policy of contents
//! forbids it to. `web/player.html` is its text, `web/*.js` what it does.

mod check;
mod models;
mod pack;
mod script;
mod store;
mod training;

use std::io;
use std::path::Path;

use askama::Template;
use serde::Serialize;

use crate::audio::{FrontEndSpec, wav};
use crate::demo::{self, Genre, Recipe};
use crate::error::{Error, Result};
use crate::models::Model;
use crate::plot::ColourMap;
use crate::predict::SoundRule;
use crate::progress::Progress;
use crate::text::policy_hash;
use crate::train::run_folder::RunFolder;
use crate::train::{ModelFacts, SavedModel, titled};
use models::ModelText;
use pack::Pack;
pub(crate) use pack::packed;
use store::Store;

/// Seconds of each of the two built-in clips.
const CLIP_SECONDS: usize = 4;
/// Their genres.
const CLIPS: [Genre; 2] = [Genre::Classical, Genre::Metal];
/// Colours of a map.
const COLOURS: usize = 256;

/// How much is in the page beside the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Two clips, the songs to train on, and the self-test.
    Whole,
    /// Nothing: a player for sound that the visitor has.
    Player,
}

#[derive(Serialize)]
struct Data<'a> {
    version: &'static str,
    kernels: &'a std::collections::BTreeMap<&'static str, crate::gpu::KernelText>,
    recordings: &'a [store::RecordingText],
    models: &'a [ModelText],
    clips: &'a [ClipText],
    colours: Colours,
    training: Option<training::TrainingText>,
    /// Whether the self-test is in the page.
    checks: bool,
}

#[derive(Serialize)]
struct ClipText {
    title: String,
    genre: &'static str,
    /// The element that holds its WAV file.
    id: &'static str,
}

/// Colours from the least to the greatest value, each `rrggbb`, without anything between.
#[derive(Serialize)]
struct Colours {
    spectrogram: String,
    heat: String,
}

#[derive(Template)]
#[template(path = "player.html")]
struct Page<'a> {
    title: String,
    titles: Vec<&'a str>,
    clips: &'a [ClipText],
    trains: bool,
    checks: bool,
    packs: Vec<Pack>,
    style: &'static str,
    script: &'a str,
    script_hash: &'a str,
    style_hash: &'a str,
    version: &'static str,
}

/// A page.
#[derive(Debug)]
pub struct WebPage {
    /// Its HTML.
    pub html: String,
    /// Its script and its style as a policy of contents names them: a page that opens it must allow both.
    pub script_hash: String,
    /// Likewise.
    pub style_hash: String,
}

/// The page of these runs; `front_end` is that of those that do not know theirs.
///
/// # Errors
/// If a run is not finished or damaged, or it is unknown how its samples were made of sound.
pub fn page(
    runs: &[impl AsRef<Path>],
    front_end: Option<&FrontEndSpec>,
    extent: Extent,
    progress: &dyn Progress,
) -> Result<WebPage> {
    let open = |run: &_| {
        let folder = RunFolder::open(AsRef::as_ref(run))?;
        folder.check_finished()?;
        let (saved, graph) = folder.read_model()?;
        Ok((folder, saved, graph))
    };
    let opened: Vec<_> = runs.iter().map(open).collect::<Result<_>>()?;
    let is_unknown = |saved: &SavedModel| saved.facts.front_end.is_none();
    let some_are_unknown = opened.iter().any(|(_, saved, _)| is_unknown(saved));
    let mut store = Store::default();
    let mut models: Vec<ModelText> = Vec::new();
    for (number, (folder, saved, graph)) in (1..).zip(opened) {
        let name = title(&saved.facts);
        let known = models.iter().any(|model| model.title() == name);
        let title = if known { format!("{name}, run {number}") } else { name };
        // For those that do not know theirs; where all do, it is refused.
        let given = front_end.filter(|_| is_unknown(&saved) || !some_are_unknown);
        let rule = SoundRule::of(&folder, &saved.facts, given, progress)?;
        models.push(ModelText::new(saved, &graph, title, rule, &mut store)?);
    }
    let failed = |e| Error::io(Path::new("the page"), "make")(e);
    let (mut clips, mut packs, mut training) = (Vec::new(), Vec::new(), None);
    if extent == Extent::Whole {
        for (genre, id) in CLIPS.into_iter().zip(["clip-0", "clip-1"]) {
            let (clip, bytes) = clip(genre, id)?;
            clips.push(clip);
            packs.push(Pack::of_bytes(id, &bytes)?);
        }
        let (text, large) = training::training(&mut store, progress)?;
        packs.push(Pack::of_bytes("spectrograms", &large.spectrograms)?);
        packs.push(Pack::of_bytes("orders", &large.orders)?);
        training = Some(text);
        // Behind all recordings, whose kernels it is to check.
        let (check, floats) = check::check(&mut store)?;
        packs.push(Pack::of_json("check-cases", &check)?);
        packs.push(Pack::of_bytes("check-floats", floats.bytes())?);
    }
    let data = Data {
        version: env!("CARGO_PKG_VERSION"),
        kernels: &store.kernels,
        recordings: &store.recordings,
        models: &models,
        clips: &clips,
        colours: Colours {
            spectrogram: colours(ColourMap::Magma),
            heat: colours(ColourMap::Viridis),
        },
        training,
        checks: extent == Extent::Whole,
    };
    packs.push(Pack::of_json("data", &data)?);
    packs.push(Pack::of_bytes("floats", store.floats.bytes())?);
    let titles: Vec<&str> = models.iter().map(ModelText::title).collect();
    let (script, style) = (script::script(), include_str!("../../web/player.css"));
    let (script_hash, style_hash) = (policy_hash(&script), policy_hash(style));
    let page = Page {
        title: format!("Genres of music: {}", titles.join(", ")),
        titles,
        clips: &clips,
        trains: data.training.is_some(),
        checks: data.checks,
        packs,
        style,
        script: &script,
        script_hash: &script_hash,
        style_hash: &style_hash,
        version: env!("CARGO_PKG_VERSION"),
    };
    let html = page.render().map_err(|e| failed(io::Error::other(e)))?;
    Ok(WebPage { html, script_hash, style_hash })
}

/// `P1 on the demo corpus (synthesised)`.
fn title(facts: &ModelFacts) -> String {
    let model = Model::is_built_in(&facts.name);
    let name = if model { facts.name.to_uppercase() } else { facts.name.clone() };
    titled(&name, &facts.data_source)
}

/// The beginning of a song that no model was trained on, as a WAV file.
fn clip(genre: Genre, id: &'static str) -> Result<(ClipText, Vec<u8>)> {
    let recipe = Recipe::default();
    let (genre, number) = demo::test_song(&recipe, genre).unwrap_or((genre, 0));
    let song = demo::song(recipe.seed, genre, number);
    let most = CLIP_SECONDS * demo::RATE_HZ as usize;
    let bytes = wav(&song.samples[..song.samples.len().min(most)], demo::RATE_HZ);
    let bytes = bytes.map_err(|e| Error::io(Path::new(id), "make")(io::Error::other(e)))?;
    Ok((ClipText { title: song.title, genre: genre.as_str(), id }, bytes))
}

fn colours(map: ColourMap) -> String {
    let of = |i: usize| {
        let (r, g, b) = map.colour(i as f64 / (COLOURS - 1) as f64);
        format!("{r:02x}{g:02x}{b:02x}")
    };
    (0..COLOURS).map(of).collect()
}
