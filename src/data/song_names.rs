//! Which files are pieces of one song, by their names.
//!
//! Rules, in this order; what none of them knows is a song of its own:
//!
//! 1. GTZAN's names (`rock.00042`, whatever follows) are songs.
//! 2. Words: `name (part 2)`, `name_seg03`, `name chunk 4`, `chunk4_name`, `name - 03 of 10`.
//! 3. Times: `name_0-30`, `name_30-60`, if all such files of a name are equally long.
//! 4. Two numbers: `song12_3`, `000123-4`, if the first is that of a song and not of a disc, a
//!    volume, an opus or a date.
//! 5. A song's number and any numbers behind it, `song1_1-1s`, `song1 loop 2`, or one before it,
//!    `2_song1`.
//! 6. One number from 0 (`name_0`, `name_1`), if all files of a class are named so and it has many
//!    names for the number of pieces.
//!
//! One number alone (`rock1`, `rock2`) is none of a piece, nor is what follows a class's name or a
//! word such as "track".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex_lite::Regex;

use super::names::part_of_folder;

/// A file of a dataset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileName<'a> {
    /// Its path with `/`: `train/rock/rock.00042.3.wav`.
    pub(crate) path: &'a str,
    /// The name of its class.
    pub(crate) class: &'a str,
}

/// What files' names say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SongNames {
    /// The song of each file: its own path without the extension, if it is no piece.
    pub(crate) songs: Vec<String>,
    /// Files that may be pieces of one song, and are kept as songs of their own.
    pub(crate) unsure: Option<Unsure>,
}

/// Names that leave open whether they are those of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsure {
    /// Two files.
    pub(crate) pair: [usize; 2],
    /// The expression that takes them, and others of their kind, for pieces.
    pub(crate) expression: &'static str,
}

/// GTZAN's genres.
pub(crate) const GTZAN_GENRES: [&str; 10] =
    ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"];

/// Names that say nothing of a song.
const GENERIC: [&str; 34] = [
    "audio",
    "clip",
    "clips",
    "data",
    "demo",
    "file",
    "gtzan",
    "music",
    "mp3",
    "new",
    "out",
    "output",
    "part",
    "piece",
    "rec",
    "record",
    "recording",
    "recordings",
    "sample",
    "samples",
    "song",
    "songs",
    "sound",
    "sounds",
    "test",
    "title",
    "tone",
    "track",
    "tracks",
    "train",
    "unknown",
    "untitled",
    "voice",
    "wav",
];

/// Those of them that a piece of a song may bear beside a word that is used for nothing else.
const SONG_WORDS: [&str; 6] = ["song", "title", "track", "music", "name", "tune"];

/// A rule's expression, which is a constant; a wrong one would match nothing.
struct Rule(Option<Regex>);

impl Rule {
    fn new(expression: &str) -> Self {
        Self(Regex::new(&format!("(?i){expression}")).ok())
    }

    /// The groups that took part, from the first.
    fn groups<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let captures = self.0.as_ref()?.captures(text)?;
        Some(captures.iter().skip(1).flatten().map(|group| group.as_str()).collect())
    }
}

/// What separates a name from what follows, with at least one such character, and a bracket.
const APART: &str = r"[\s._~#+,&-]*[\s._~#+,&(\[{-]\s*";
const ENDS: &str = r"\s*[)\]}]?$";

static GTZAN: LazyLock<Rule> = LazyLock::new(|| {
    let genres = GTZAN_GENRES.join("|");
    Rule::new(&format!(r"^(?:\d+[._-])?({genres})[._-]?(\d{{5}})(?:\D|$)"))
});

const PIECES: &str = "parte?|pt|seg|segm|segment|chunk|slice|piece|teil";

/// `song chunk 4` is one of a song's, `song clip 4` the fourth of a collection.
static OF_A_SONG: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(&format!(r"(?:^|[^a-z])(?:{PIECES})(?:[^a-z]|$)")));

/// Words for pieces, with a number, before or after the name.
static WORDS: LazyLock<[Rule; 6]> = LazyLock::new(|| {
    let pieces = PIECES;
    let words = format!(
        "{pieces}|clip|cut|split|section|snippet|excerpt|extract|frag|fragment|crop|window|win|\
         block|patch|frame|sample|interval|aug|augment|augmented|out|offset|pitch|stretch|p"
    );
    let number = r"[\s._#-]*(?:no\.?\s*)?\d{1,6}(?:\.\d+)?(?:[\s._-]*(?:of|/)[\s._-]*\d{1,6})?";
    let counted = "one|two|three|four|five|six|seven|eight|nine|ten|[ivx]{1,4}|[a-h]";
    [
        Rule::new(&format!(r"^(?:(.+?){APART}|(.*\d))(?:{words})\.?{number}{ENDS}")),
        Rule::new(&format!(r"^(.+?){APART}(?:part|pt)[\s._-]+(?:{counted}){ENDS}")),
        Rule::new(&format!(r"^(.+?){APART}\d{{1,5}}[\s._-]*of[\s._-]*\d{{1,5}}{ENDS}")),
        Rule::new(&format!(r"^(.+?){APART}\d{{1,5}}(?:st|nd|rd|th)?[\s._-]*(?:{pieces}){ENDS}")),
        Rule::new(&format!(r"^(?:{pieces}){number}[)\]]?[\s._-]+(.+)$")),
        // SongPart2: the capital is the only boundary.
        Rule(
            Regex::new(r"^(.*[a-z])(?:Part|Pt|Seg|Segment|Chunk|Clip|Slice|Piece)_?\d{1,6}$").ok(),
        ),
    ]
});

/// A word for a piece with its number, and nothing else: the folder may name the song.
static ONLY_WORD: LazyLock<Rule> = LazyLock::new(|| {
    Rule::new(r"^(?:part|pt|seg|segment|chunk|slice|piece|clip|cut)[\s._#-]*\d{1,6}$")
});

static TIMES: LazyLock<Rule> = LazyLock::new(|| {
    let time = r"(\d{1,9}(?:\.\d+|:\d\d(?:\.\d+)?|m\d\d)?)\s*(?:s|sec|ms)?";
    Rule::new(&format!(r"^(.+?){APART}{time}\s*(?:[\s_-]|to)+\s*{time}{ENDS}"))
});

/// Seconds, or whatever the unit is, of `90`, `1:30` or `1m30`.
fn time(text: &&str) -> f64 {
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    match text.to_lowercase().split_once([':', 'm']) {
        Some((minutes, seconds)) => 60.0 * number(minutes) + number(seconds),
        None => number(text),
    }
}

/// Words for pieces that are used for other things as well, so that only a song's number tells.
const LOOSE: &str = "loop|take|bar|beat|phrase|version|ver|v|mix|copy|shift|speed|noise|tempo";

/// A name with a song's number, and behind it nothing but numbers or such a word with one.
static TAIL: LazyLock<Rule> = LazyLock::new(|| {
    let song = r"(?:.*?[^a-z])?(?:song|track|title|tune|file|audio|music|recording)[\s._-]*\d+";
    let unit = "(?:s|sec|secs|ms|m)?";
    Rule::new(&format!(
        r"^({song}|(?:.*?\D)?\d{{3,}}){APART}(?:(?:{LOOSE})[\s._#-]*)?\d+{unit}(?:[\s._:~+-]+\d+{unit})*{ENDS}"
    ))
});

/// A piece's number before a name with that of a song.
static HEAD: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(r"^()\d{1,5}[\s._-]+((?:song|title|tune)[\s._-]*\d+)$"));

/// What may be pieces: a number before a name, or a word with one behind it.
static LEADING: LazyLock<Rule> = LazyLock::new(|| Rule::new(r"^()(\d{1,4})[\s._-]+(.+)$"));
static LOOSELY: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(&format!(r"^(.+?){APART}(?:{LOOSE})[\s._#-]*(\d{{1,5}}){ENDS}")));

const TRAILING_NUMBER: &str = "^(.*?)[ ._-]*[(]?[0-9]+[)]?$";
const LEADING_NUMBER: &str = "^[0-9]+[ ._-]*(.*)$";
const WORD_AND_NUMBER: &str = "^(.*?)[ ._-]+[A-Za-z]+[ ._#-]*[0-9]+$";

static NUMBERED: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(&format!(r"^(.+?){APART}(\d{{1,5}})\s*(?:s|sec|ms)?{ENDS}")));

/// A name whose number is that of a song.
static SONG_NUMBER: LazyLock<Rule> = LazyLock::new(|| {
    Rule::new(
        r"(?:^|\D)\d{3,}$|(?:^|[^a-z])(?:song|track|title|tune|file|audio|music|recording)[\s._-]*\d+$",
    )
});

/// A name whose number is of something larger than a song, or a date.
static NO_SONG_NUMBER: LazyLock<Rule> = LazyLock::new(|| {
    Rule::new(
        r"(?:^|\D)(?:19|20)\d\d(?:[._-]?[01]\d)?(?:[._-]?[0-3]\d)?$|(?:^|[^a-z])(?:cd|dis[ck]|vol|volume|side|album|[le]p|season|set|session|take|user|speaker|op|opus|no|nr|bwv|kv?|hwv|symphony|sonata)[\s._-]*\d+$",
    )
});

/// GTZAN's name for a song in a file's name: `rock.00042` of `genres/rock/rock.00042.3.wav`.
pub(crate) fn gtzan_name(path: &str) -> Option<String> {
    let named = |component: &str| {
        let within = WORDS[4].groups(component).and_then(|groups| GTZAN.groups(groups.first()?));
        let groups = GTZAN.groups(component).or(within)?;
        let [genre, number] = groups[..] else { return None };
        Some(format!("{}.{number}", genre.to_lowercase()))
    };
    // A folder for each song has its name too.
    path.rsplit(['/', '\\']).find_map(named)
}

/// A file's folders and name, and what is known of its song so far.
struct Known<'a> {
    folders: Vec<&'a str>,
    stem: &'a str,
    class: String,
    song: Option<String>,
}

impl Known<'_> {
    /// The song's name within its class: below the same folders, but for those of parts, as far
    /// as the name tells more than a number.
    fn full(&self, name: &str) -> String {
        let telling = letters(name, &self.class).chars().count() >= 3;
        let folders = self.folders.iter().filter(|f| !(telling && is_part(f)));
        folders.copied().chain([name]).collect::<Vec<_>>().join("/")
    }
}

fn is_part(folder: &str) -> bool {
    part_of_folder(folder).is_some()
}

/// The letters of a name that say something of a song.
fn letters(name: &str, class: &str) -> String {
    let name = name.to_lowercase();
    let words = name.split(|c: char| !c.is_alphabetic());
    let told = words.filter(|word| !GENERIC.contains(word) && *word != class);
    let letters: String = told.collect();
    if letters == class { String::new() } else { letters }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

/// Whether pieces can be told to be of a song with this name.
fn names_a_song(name: &str, class: &str) -> bool {
    name.chars().any(|c| c.is_ascii_digit()) || !letters(name, class).is_empty()
}

/// The songs of files.
pub(crate) fn songs_of(files: &[FileName<'_>]) -> SongNames {
    let known = files.iter().map(|file| {
        let mut folders: Vec<&str> = file.path.split(['/', '\\']).collect();
        let name = folders.pop().unwrap_or_default();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let class = plain(file.class);
        let mut known = Known { folders, stem: stem.trim(), class, song: None };
        known.song = gtzan_name(file.path).or_else(|| by_words(&known));
        known
    });
    let mut known: Vec<Known<'_>> = known.collect();
    by_times(&mut known);
    by_song_numbers(&mut known);
    let unsure = by_numbers(&mut known)
        .or_else(|| unsure(&known, &LOOSELY, WORD_AND_NUMBER))
        .or_else(|| unsure(&known, &LEADING, LEADING_NUMBER));
    let songs = known.iter().map(|k| k.song.clone().unwrap_or_else(|| k.full(k.stem))).collect();
    SongNames { songs, unsure }
}

/// Words for pieces, of which there may be several: `name_part2_chunk3`.
fn by_words(known: &Known<'_>) -> Option<String> {
    let shorter = |name: &str| {
        let groups = WORDS.iter().find_map(|rule| rule.groups(name))?;
        let name = groups.first()?.trim_end_matches([' ', '.', '_', '-']).trim();
        let song = SONG_WORDS.contains(&name.to_lowercase().as_str())
            && OF_A_SONG.0.as_ref().is_some_and(|rule| rule.is_match(known.stem));
        (song || names_a_song(name, &known.class)).then(|| name.to_owned())
    };
    if let Some(mut name) = shorter(known.stem) {
        while let Some(shorter) = shorter(&name) {
            name = shorter;
        }
        return Some(known.full(&name));
    }
    ONLY_WORD.groups(known.stem)?;
    let mut folders = known.folders.iter().filter(|folder| !is_part(folder));
    let folder = folders.next_back().filter(|folder| names_a_song(folder, &known.class))?;
    // The class's folder, in whatever class it is, is no song.
    (known.folders.iter().filter(|f| !is_part(f)).count() > 1).then(|| known.full(folder))
}

/// The files without a song that a rule matches, by class, folder and name.
type Groups<'a> = BTreeMap<(String, String, String), Vec<(usize, Vec<&'a str>)>>;

fn groups<'a>(known: &[Known<'a>], rule: &Rule) -> Groups<'a> {
    let mut groups: Groups<'a> = BTreeMap::new();
    for (i, file) in known.iter().enumerate().filter(|(_, file)| file.song.is_none()) {
        let Some(found) = rule.groups(file.stem) else { continue };
        let Some((name, numbers)) = found.split_first() else { continue };
        let key = (file.class.clone(), file.folders.join("/"), (*name).to_owned());
        groups.entry(key).or_default().push((i, numbers.to_vec()));
    }
    groups
}

fn by_times(known: &mut [Known<'_>]) {
    for ((class, _, name), files) in groups(known, &TIMES) {
        let mut spans: Vec<[f64; 2]> =
            files.iter().map(|(_, times)| [0, 1].map(|i| times.get(i).map_or(0.0, time))).collect();
        spans.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let lengths: Vec<f64> = spans.iter().map(|[from, to]| to - from).collect();
        let Some((last, others)) = lengths.split_last() else { continue };
        let first = others.first().copied().unwrap_or(0.0);
        // Fractions of seconds are rounded in names, and the last piece may be shorter.
        let equal = |length: f64| (length - first).abs() <= 1.0_f64.min(0.5 * first);
        let fit = first > 0.0
            && others.iter().all(|length| equal(*length))
            && (*last > 0.0 && *last <= first + 1.0)
            && spans.windows(2).all(|pair| pair[0][0] < pair[1][0]);
        // Start and length: 0-3, 3-3, 6-3.
        let length = spans.first().map_or(0.0, |[_, length]| *length);
        let from_0 = spans.len() > 1
            && length > 0.0
            && (0..).zip(&spans).all(|(i, [from, to])| {
                *to == length && (from - f64::from(i) * length).abs() < 1e-6
            });
        if (fit || from_0) && names_a_song(&name, &class) {
            for (i, _) in files {
                known[i].song = Some(known[i].full(&name));
            }
        }
    }
}

/// Numbers beside that of a song.
fn by_song_numbers(known: &mut [Known<'_>]) {
    for ((.., name), files) in groups(known, &TAIL) {
        if files.len() > 1 && !NO_SONG_NUMBER.0.as_ref().is_some_and(|rule| rule.is_match(&name)) {
            for (i, _) in files {
                known[i].song = Some(known[i].full(&name));
            }
        }
    }
    for (name, files) in by_last(known, &HEAD).into_iter().filter(|(_, files)| files.len() > 1) {
        for (i, _) in files {
            known[i].song = Some(known[i].full(&name.2));
        }
    }
}

/// The same groups by what a rule's last group is, of rules whose first is empty.
fn by_last<'a>(known: &[Known<'a>], rule: &Rule) -> Groups<'a> {
    let mut by_last: Groups<'a> = BTreeMap::new();
    for ((class, folder, _), files) in groups(known, rule) {
        for (i, mut numbers) in files {
            let name = numbers.pop().unwrap_or_default().to_owned();
            by_last.entry((class.clone(), folder.clone(), name)).or_default().push((i, numbers));
        }
    }
    by_last
}

/// Files that a rule counts from 0 or 1, with several names.
fn unsure(known: &[Known<'_>], rule: &Rule, expression: &'static str) -> Option<Unsure> {
    let found = match expression == LEADING_NUMBER {
        true => by_last(known, rule),
        false => groups(known, rule),
    };
    let mut counted = found.into_iter().filter(|((class, _, name), files)| {
        files.len() > 1
            && names_a_song(name, class)
            && (is_counted(files, 0) || is_counted(files, 1))
    });
    let (_, first) = counted.next()?;
    counted.next()?;
    Some(Unsure { pair: [first.first()?.0, first.get(1)?.0], expression })
}

fn by_numbers(known: &mut [Known<'_>]) -> Option<Unsure> {
    let groups = groups(known, &NUMBERED);
    let mut in_class: BTreeMap<String, usize> = BTreeMap::new();
    for file in known.iter() {
        *in_class.entry(file.class.clone()).or_default() += 1;
    }
    // By class: names, files of them, the most of one name, and whether all count from 0.
    let mut counted: BTreeMap<&str, (usize, usize, usize, bool)> = BTreeMap::new();
    for ((class, _, name), files) in &groups {
        let from_0 = !letters(name, class).is_empty() && is_counted(files, 0) && files.len() > 1;
        let (names, n, most, all) = counted.entry(class).or_insert((0, 0, 0, true));
        (*names, *n, *most) = (*names + 1, *n + files.len(), (*most).max(files.len()));
        *all &= from_0;
    }
    let from_0: BTreeSet<&str> = (counted.iter())
        .filter(|(class, (names, n, most, all))| {
            *all && *names >= 3 && in_class.get(**class) == Some(n) && *most <= 4 * names
        })
        .map(|(class, _)| *class)
        .collect();
    let (mut unsure, mut unsure_names) = (None, 0);
    for ((class, _, name), files) in groups.iter().filter(|(_, files)| files.len() > 1) {
        let two = SONG_NUMBER.0.as_ref().is_some_and(|rule| rule.is_match(name))
            && !NO_SONG_NUMBER.0.as_ref().is_some_and(|rule| rule.is_match(name));
        if two || from_0.contains(class.as_str()) {
            for (i, _) in files {
                known[*i].song = Some(known[*i].full(name));
            }
        } else if names_a_song(name, class) && (is_counted(files, 0) || is_counted(files, 1)) {
            unsure_names += 1;
            unsure = unsure.or_else(|| {
                let pair = [files.first()?.0, files.get(1)?.0];
                Some(Unsure { pair, expression: TRAILING_NUMBER })
            });
        }
    }
    unsure.filter(|_| unsure_names > 1)
}

/// Whether the numbers are `first`, `first` + 1, …
fn is_counted(files: &[(usize, Vec<&str>)], first: usize) -> bool {
    let mut numbers: Vec<usize> =
        files.iter().filter_map(|(_, numbers)| numbers.first()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().eq(first..first + files.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn songs(class: &str, names: &[&str]) -> SongNames {
        let paths: Vec<String> = names.iter().map(|name| format!("{class}/{name}")).collect();
        let files: Vec<FileName<'_>> = paths.iter().map(|path| FileName { path, class }).collect();
        songs_of(&files)
    }

    #[track_caller]
    fn one(class: &str, names: &[&str]) {
        let found = songs(class, names).songs;
        assert!(found.iter().all(|song| *song == found[0]), "{names:?}: {found:?}");
    }

    #[track_caller]
    fn each(class: &str, names: &[&str]) -> Option<Unsure> {
        let found = songs(class, names);
        let different: BTreeSet<&String> = found.songs.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}: {:?}", found.songs);
        found.unsure
    }

    #[test]
    fn pieces_by_their_usual_names_are_one_song() {
        for names in [
            ["rock.00000.3.wav", "rock.00000.10.wav"],
            ["rock.00000_3.wav", "ROCK.00000_4.WAV"],
            ["rock.00000-3.au", "rock.00000-4.au"],
            ["rock.00000.wav", "rock.00000 (1).wav"],
            ["rock.00000.wav", "rock.00000_pitch_up.wav"],
            ["rock_00000_seg3.mp3", "rock_00000_seg4.mp3"],
            ["chunk3_rock.00000.wav", "chunk4_rock.00000.wav"],
            ["rock.00000/0.wav", "rock.00000/1.wav"],
            ["Yellow (part 2).mp3", "Yellow (Part 3).mp3"],
            ["Yellow_part2.flac", "Yellow_part10.flac"],
            ["Yellow.part2.ogg", "Yellow.ogg"],
            ["Yellow [pt. 2].wav", "Yellow [pt. 3].wav"],
            ["Yellow, Pt. II.wav", "Yellow, Pt. I.wav"],
            ["Yellow Part One.wav", "Yellow Part Two.wav"],
            ["Yellow_seg03.wav", "Yellow_SEG04.wav"],
            ["Yellow-segment-3.wav", "Yellow-segment-4.wav"],
            ["song chunk 4.wav", "song chunk 5.wav"],
            ["Yellow_slice_001.wav", "Yellow_slice_002.wav"],
            ["Yellow - 03 of 10.wav", "Yellow - 04 of 10.wav"],
            ["Yellow_3of10.wav", "Yellow_4of10.wav"],
            ["Yellow part 2 of 5.wav", "Yellow part 3 of 5.wav"],
            ["Yellow_03_chunk.wav", "Yellow_04_chunk.wav"],
            ["YellowPart1.wav", "YellowPart2.wav"],
            ["Yellow_part1_seg2.wav", "Yellow_part2_seg1.wav"],
            ["yellow_clip_1.wav", "yellow_clip_2.wav"],
            ["Yellow/chunk_1.wav", "Yellow/chunk_2.wav"],
            ["Yellow_0-30.wav", "Yellow_30-60.wav"],
            ["Yellow_0_3000ms.wav", "Yellow_3000_6000ms.wav"],
            ["song12_3.wav", "song12_4.wav"],
            ["000123.3.mp3", "000123.4.mp3"],
            ["techno_00042-3.wav", "techno_00042-4.wav"],
            ["Yellow_out001.wav", "Yellow_out002.wav"],
            ["song1_p1.wav", "song1_p2.wav"],
            ["song1p1.wav", "song1p2.wav"],
            ["Yellow_offset10.5.wav", "Yellow_offset20.wav"],
            ["a.wav", "a.mp3"],
            ["song1_1-1s.wav", "song1_2-1s.wav"],
            ["song1_0-1s.wav", "song1_1-1s.wav"],
            ["1_song1.wav", "2_song1.wav"],
            ["03 - Song 12.wav", "04 - Song 12.wav"],
            ["song1 loop1.wav", "song1 loop2.wav"],
            ["Track_07-loop-3.wav", "Track_07-loop-4.wav"],
            ["000123_v2.mp3", "000123_v3.mp3"],
            ["song1-seg03.wav", "song1-seg04.wav"],
            ["song1.part2.wav", "song1.part3.wav"],
            ["song1_chunk_0007.wav", "song1_chunk_0008.wav"],
            ["song1 [0-3s].wav", "song1 [3-6s].wav"],
            ["Yellow [0s-30s].wav", "Yellow [30s-60s].wav"],
            ["Yellow (0:00-0:30).wav", "Yellow (0:30-1:00).wav"],
            ["Yellow_0m00s-0m30s.wav", "Yellow_0m30s-1m00s.wav"],
            ["song1_000000-003000.wav", "song1_003000-006000.wav"],
            ["Yellow_000000000_000003000.wav", "Yellow_000003000_000006000.wav"],
            ["Yellow_0_3.wav", "Yellow_3_3.wav"],
            ["Yellow_1.5-4.5.wav", "Yellow_4.5-7.5.wav"],
        ] {
            one("rock", &names);
        }
        // The name of another class is a name like any other, and classes stay apart by themselves.
        one("古典", &["黄色 (part 1).wav", "黄色 (part 2).wav"]);
    }

    #[test]
    fn what_is_no_piece_stays_a_song() {
        for names in [
            ["rock.00000.wav", "rock.00001.wav"],
            ["rock_00000.wav", "rock_00001.wav"],
            ["rock1.wav", "rock2.wav"],
            ["rock_1.wav", "rock_2.wav"],
            ["rock (1).wav", "rock (2).wav"],
            ["rock_part1.wav", "rock_part2.wav"],
            ["rock clip 1.wav", "rock clip 2.wav"],
            ["track 01.wav", "track 02.wav"],
            ["song clip 1.wav", "song clip 2.wav"],
            ["sample_0001.wav", "sample_0002.wav"],
            ["part1.wav", "part2.wav"],
            ["0.wav", "1.wav"],
            ["01 Yellow.mp3", "02 Sparks.mp3"],
            ["01 - Yellow.mp3", "01 - Sparks.mp3"],
            ["cd1-01.mp3", "cd1-02.mp3"],
            ["Disc 2 - 05.mp3", "Disc 2 - 06.mp3"],
            ["Best of Vol. 12_01.mp3", "Best of Vol. 12_02.mp3"],
            ["2021-03-04.wav", "2021-03-05.wav"],
            ["20210304_1.wav", "20210304_2.wav"],
            ["concert 1999-01.wav", "concert 1999-02.wav"],
            ["BWV 1001-1.mp3", "BWV 1001-2.mp3"],
            ["Yellow.mp3", "Yellow Submarine.mp3"],
            ["Rampart 2.wav", "Rampart 3.wav"],
            ["Yellow.mp3.wav", "Sparks.mp3.wav"],
            ["Top 1.wav", "Top 2.wav"],
            ["Top 40.wav", "Top 41.wav"],
            ["Yellow.wav", "Green.wav"],
            ["demo.rock.00000.wav", "demo.rock.00001.wav"],
            ["1/0.wav", "2/0.wav"],
            ["drum loop 1.wav", "drum loop 2.wav"],
            ["rock loop1.wav", "rock loop2.wav"],
            ["1_song1.wav", "2_song2.wav"],
            ["01 - Intro.wav", "02 - Intro.wav"],
            ["2021-03-04_1.wav", "2021-03-05_1.wav"],
            ["Track 01 - Love 2.wav", "Track 01 - Blue 7.wav"],
            ["test tone 1.wav", "test tone 2.wav"],
        ] {
            each("rock", &names);
        }
    }

    #[test]
    fn names_that_leave_it_open_are_told_with_an_expression() {
        let told = |names: &[&str]| songs("rock", names).unsure.map(|unsure| unsure.expression);
        let loops =
            ["Yellow loop1.wav", "Yellow loop2.wav", "Sparks loop1.wav", "Sparks loop2.wav"];
        assert_eq!(told(&loops), Some(WORD_AND_NUMBER));
        let before = ["1_Yellow.wav", "2_Yellow.wav", "1_Sparks.wav", "2_Sparks.wav"];
        assert_eq!(told(&before), Some(LEADING_NUMBER));
        assert_eq!(told(&["1_Yellow.wav", "2_Sparks.wav", "3_Trouble.wav"]), None);
        assert_eq!(told(&["Yellow.wav", "Sparks.wav"]), None);
    }

    #[test]
    fn one_number_counts_pieces_only_where_all_speaks_for_it() {
        let numbered = |names: &[&str], from: usize, n: usize| -> Vec<String> {
            let of = |name: &&str| (from..from + n).map(|i| format!("{name}_{i}.wav")).collect();
            names.iter().flat_map(|name: &&str| -> Vec<String> { of(name) }).collect()
        };
        let count = |names: &[String]| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let found = songs("rock", &names);
            let different: BTreeSet<&String> = found.songs.iter().collect();
            (different.len(), found.unsure.is_some())
        };
        let titles = ["Yellow", "Sparks", "Trouble"];
        assert_eq!(count(&numbered(&titles, 0, 10)), (3, false));
        // Artists' songs are counted from 1: told, not decided.
        assert_eq!(count(&numbered(&titles, 1, 10)), (30, true));
        // Kinds of songs are few and have many.
        assert_eq!(count(&numbered(&["acoustic", "electric", "slow"], 0, 50)), (150, true));
        assert_eq!(count(&numbered(&titles[..1], 1, 10)), (10, false));
        assert_eq!(count(&numbered(&["rock"], 0, 100)), (100, false));
    }

    #[test]
    fn folders_of_parts_are_no_part_of_a_telling_name() {
        let song = |path: &str| songs_of(&[FileName { path, class: "rock" }]).songs.remove(0);
        assert_eq!(song("train/rock/rock.00001.3.wav"), song("test/rock/rock.00001.4.wav"));
        assert_eq!(song("Train/rock/Yellow_part1.wav"), song("VALID/rock/Yellow_part2.wav"));
        assert_eq!(song("train/rock/Yellow.wav"), song("test/rock/Yellow.wav"));
        for name in ["0.wav", "song 1.wav", "rock_0001.wav", "a.wav"] {
            assert_ne!(song(&format!("train/rock/{name}")), song(&format!("test/rock/{name}")));
        }
    }

    #[test]
    fn gtzans_names_are_known_in_every_writing() {
        for path in
            ["rock/rock.00042.wav", "rock.00042.3.wav", "x\\Rock.00042_3.au", "3_rock.00042.wav"]
        {
            assert_eq!(gtzan_name(path).as_deref(), Some("rock.00042"), "{path}");
        }
        for path in
            ["demo.rock.00042.wav", "rock.0042.wav", "rock.000421.wav", "hardrock.00042.wav"]
        {
            assert_eq!(gtzan_name(path), None, "{path}");
        }
    }
}
