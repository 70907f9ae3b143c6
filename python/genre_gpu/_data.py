"""Arrays of spectrograms, labels and songs: loaded, or made from sound files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _native
from ._listener import Listener

Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True, eq=False)
class Data:
    """Three parts of a data set. The arrays cannot be written to: copy them first.

    Attributes
    ----------
    x_train, x_val, x_test : numpy.ndarray
        Spectrograms, float32 ``[n, mels, frames]``, lowest mel band first, in the unit of the
        files (dB).
    y_train, y_val, y_test : numpy.ndarray
        Labels, int64 ``[n]``.
    song_train, song_val, song_test : numpy.ndarray or None
        The song that each spectrogram was cut from, int64 ``[n]``.
    classes : list of str
        Names of the classes, by label.
    source : str
        What the data are called in messages and figures.
    front_end : dict or None
        How sound became spectrograms, where that is known.
    """

    x_train: Any
    y_train: Any
    x_val: Any
    y_val: Any
    x_test: Any
    y_test: Any
    song_train: Any
    song_val: Any
    song_test: Any
    classes: List[str]
    source: str
    front_end: Optional[Dict[str, Any]]
    #: The settings that the arrays were loaded with, and the folder of the demo corpus.
    _settings: Dict[str, Any] = field(repr=False)
    _cache_dir: Optional[Path] = field(repr=False)
    #: The arrays as they were loaded.
    _loaded: Dict[str, Any] = field(repr=False)

    def is_changed(self) -> bool:
        """Whether arrays were replaced, as ``dataclasses.replace`` does, since they were loaded."""
        return any(getattr(self, name) is not array for name, array in self._loaded.items())

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{len(y)} {name}"
            for name, y in [("train", self.y_train), ("val", self.y_val), ("test", self.y_test)]
        )
        mels, frames = self.x_train.shape[1:]
        return f"Data({self.source}: {counts}; {mels} x {frames}; {', '.join(self.classes)})"


def load_data(
    path: Optional[Path] = None,
    *,
    config: Optional[Path] = None,
    class_names: Optional[Sequence[str]] = None,
    transpose: bool = False,
    split: Optional[str] = None,
    arrays: Optional[Dict[str, str]] = None,
    cache_dir: Optional[Path] = None,
    progress: "bool | Callable[[str, int, int], object] | None" = None,
) -> Data:
    """Load a data set, or make the demo corpus.

    Parameters
    ----------
    path : path-like, optional
        A folder of npy files, or an npz; without it the demo corpus, which is synthesised once and
        kept in the cache folder.
    config : path-like, optional
        A file of settings, such as a run's ``config.toml``, that names the data.
    class_names : sequence of str, optional
        Names of the classes, by label.
    transpose : bool
        The arrays are ``[n, frames, mels]``.
    split : {"song", "sample"}, optional
        How one x and y without parts are divided (56, 14 and 30 %).
    arrays : dict, optional
        Names of arrays that differ from the usual ones: ``{"x_train": "mine.npy"}``.
    cache_dir : path-like, optional
        The folder of the demo corpus.
    progress : bool or callable, optional
        Whether to show a bar (of tqdm, if it is installed), or a function of label, done and total.

    Returns
    -------
    Data

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If arrays are missing or unusable: which, where, what was expected and what was found.
    """
    settings: Dict[str, Any] = {}
    if path is not None:
        settings["data"] = os.fspath(path)
    if class_names is not None:
        settings["class-names"] = list(class_names)
    if transpose:
        settings["transpose"] = True
    if split is not None:
        settings["split"] = split
    if arrays:
        settings["arrays"] = dict(arrays)
    loaded = _native.load_data(json.dumps(settings), config, cache_dir, Listener(progress))
    settings = json.loads(loaded.pop("settings"))
    for value in loaded.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    front_end = loaded.pop("front_end")
    return Data(
        **loaded,
        front_end=None if front_end is None else json.loads(front_end),
        _settings=settings,
        _cache_dir=cache_dir,
        _loaded={name: value for name, value in loaded.items() if name.startswith(("x_", "y_"))},
    )


@dataclass(frozen=True)
class Prepared:
    """What :func:`prepare` made.

    Attributes
    ----------
    out : str
        The folder of the arrays, for :func:`load_data`.
    classes : list of str
        Names of the classes, by label.
    files : int
        Sound files that are in the arrays.
    seconds : float
        Their total length.
    skipped : list of (str, str)
        Files that could not be used, and why.
    left_out : int
        Files that the split does not name.
    counts : list of (str, str, int, int)
        Part, class, songs and samples.
    """

    out: str
    classes: List[str]
    files: int
    seconds: float
    skipped: List[Tuple[str, str]]
    left_out: int
    counts: List[Tuple[str, str, int, int]]


def front_end_text(preset: str, **changes: Any) -> str:
    """A front end as the command line writes it: ``librosa-2s,hop=1024``."""
    words = [f"{key.replace('_', '-')}={value}" for key, value in changes.items() if value is not None]
    return ",".join([preset, *words])


def how_cut(
    preset: str = "librosa-2s",
    *,
    sample_rate: Optional[int] = None,
    n_fft: Optional[int] = None,
    hop_length: Optional[int] = None,
    n_mels: Optional[int] = None,
    fmin: Optional[float] = None,
    fmax: Optional[float] = None,
    frames: Optional[int] = None,
    segments: int = 15,
    cut_from: Optional[str] = None,
    reference: str = "song",
) -> Tuple[str, Optional[int], str]:
    """Front end, frames and cutting as the library reads them."""
    text = front_end_text(
        preset, sample_rate=sample_rate, n_fft=n_fft, hop=hop_length, mels=n_mels, f_min=fmin, f_max=fmax
    )
    usual = "spectrogram" if preset.startswith("bristol-80") else "sound"
    cutting = {"segments": segments, "from": cut_from or usual, "zero_db": reference}
    return text, frames, json.dumps(cutting)


def prepare(
    audio: Path,
    out: Path,
    *,
    list: Optional[Path] = None,
    classes: Optional[Sequence[str]] = None,
    preset: str = "librosa-2s",
    sample_rate: Optional[int] = None,
    n_fft: Optional[int] = None,
    hop_length: Optional[int] = None,
    n_mels: Optional[int] = None,
    fmin: Optional[float] = None,
    fmax: Optional[float] = None,
    frames: Optional[int] = None,
    segments: int = 15,
    cut_from: Optional[str] = None,
    reference: str = "song",
    song_from: Optional[str] = None,
    split: Optional[str] = None,
    parts: Optional[Path] = None,
    seed: int = 42,
    strict: bool = False,
    max_minutes: int = 360,
    threads: int = 0,
    progress: "bool | Callable[[str, int, int], object] | None" = None,
) -> Prepared:
    """Make arrays from a folder of sound files, as ``genre-gpu prepare`` does.

    Parameters
    ----------
    audio : path-like
        The folder with a folder of songs for each class.
    out : path-like
        The folder for the arrays. One that was begun with the same settings is resumed.
    list : path-like, optional
        A CSV list of file, label and, if need be, part and song, instead of the folders.
    classes : sequence of str, optional
        The classes in the order of their labels; else all in alphabetical order.
    preset : {"librosa-2s", "bristol-80"}
        The front end, of which the numbers that follow change one each.
    sample_rate, n_fft, hop_length, n_mels, fmin, fmax, frames : optional
        As in librosa; ``frames`` is the width of one spectrogram.
    segments : int
        Spectrograms from each song.
    cut_from : {"sound", "spectrogram"}, optional
        What is cut; else as the preset does.
    reference : {"song", "cut", "fixed"}
        What is 0 dB: the loudest band and frame of the song or of each cut, or a power of 1.
    song_from : str, optional
        A regular expression on files' names, whose first group is the song.
    split : {"song", "segment", "fault-filtered", "csv", "folders"}, optional
        How songs are divided into parts.
    parts : path-like, optional
        A list of file or song and part, for ``split="csv"``.
    seed : int
        Seed of the split.
    strict : bool
        A file that cannot be used is an error.
    max_minutes : int
        The longest file; longer ones are skipped.
    threads : int
        Files decoded at once; 0 means one for each core.
    progress : bool or callable, optional
        As in :func:`load_data`.

    Returns
    -------
    Prepared
    """
    text, frames, cutting = how_cut(
        preset,
        sample_rate=sample_rate,
        n_fft=n_fft,
        hop_length=hop_length,
        n_mels=n_mels,
        fmin=fmin,
        fmax=fmax,
        frames=frames,
        segments=segments,
        cut_from=cut_from,
        reference=reference,
    )
    made = _native.prepare(
        audio,
        out,
        list,
        None if classes is None else [*classes],
        text,
        frames,
        cutting,
        song_from,
        split if parts is None else split or "csv",
        parts,
        seed,
        strict,
        max_minutes,
        threads,
        Listener(progress),
    )
    return Prepared(out=os.fspath(out), **made)
