"""One sound file to spectrograms."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from . import _native
from ._data import Path, how_cut


@dataclass(frozen=True)
class Cuts:
    """The spectrograms of one sound file.

    Attributes
    ----------
    x : numpy.ndarray
        Float32 ``[cuts, mels, frames]`` in dB, lowest mel band first.
    start_s : list of float
        Where each cut starts in the file, in seconds.
    seconds : float
        The length of the file.
    sample_rate : int
        Of the file, in Hz, before it is resampled.
    overlap : bool
        Cuts share samples, because the file is shorter than all of them together.
    remark : str or None
        What is wrong with the file although it is used: damaged, silent, clipped, out of phase.
    """

    x: Any
    start_s: List[float]
    seconds: float
    sample_rate: int
    overlap: bool
    remark: Optional[str]


def resolved(**settings: Any) -> Dict[str, Any]:
    """The numbers that settings of :func:`cuts` come to: ``front_end`` and ``cutting``, as in
    ``prepare.json``.

    Raises
    ------
    ValueError
        If they are impossible.
    """
    found: Dict[str, Any] = json.loads(_native.how_cut(*how_cut(**settings)))
    return found


def cuts(path: Path, preset: str = "librosa-2s", *, max_minutes: int = 360, **settings: Any) -> Cuts:
    """The spectrograms of one sound file, as :func:`genre_gpu.prepare` makes them.

    Parameters
    ----------
    path : path-like
        A WAV, MP3, FLAC, Ogg or other sound file.
    preset : {"librosa-2s", "bristol-80"}
        The front end, of which the settings change one number each.
    max_minutes : int
        The longest file; a longer one is an error.
    **settings
        ``sample_rate``, ``n_fft``, ``hop_length``, ``n_mels``, ``fmin``, ``fmax``, ``frames``,
        ``segments``, ``cut_from`` and ``reference`` of :func:`genre_gpu.prepare`.

    Returns
    -------
    Cuts

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a setting is impossible, or the file cannot be used: it is no sound, or too short or too
        long.
    """
    text, frames, cutting = how_cut(preset, **settings)
    x, start_s, info = _native.cuts(os.fspath(path), text, frames, cutting, max_minutes)
    faults = [fault for fault in (info.pop("damage"), info.pop("remark")) if fault]
    return Cuts(
        x=x,
        start_s=start_s,
        seconds=info["seconds"],
        sample_rate=info["sample_rate_hz"],
        overlap=info["overlap"],
        remark="; ".join(faults) or None,
    )
