"""Log-mel spectrograms of samples."""

from __future__ import annotations

from typing import Any, Optional, Union

import numpy as np

from . import _native
from ._data import front_end_text


def log_mel(
    y: Any,
    sr: float,
    preset: str = "librosa-2s",
    *,
    n_fft: Optional[int] = None,
    hop_length: Optional[int] = None,
    n_mels: Optional[int] = None,
    fmin: Optional[float] = None,
    fmax: Optional[float] = None,
    ref: Union[str, float] = "max",
) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """The log-mel spectrogram of samples, as librosa computes it.

    Equal to ``librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=sr, n_fft=n_fft,
    hop_length=hop_length, n_mels=n_mels, fmin=fmin, fmax=fmax, pad_mode="constant"), ref=numpy.max)``
    to 1e-4 dB.

    Parameters
    ----------
    y : array_like
        Samples, mono, ``[n]``, or several sounds of one length, ``[k, n]``.
    sr : int
        Their rate in Hz; nothing is resampled.
    preset : {"librosa-2s", "bristol-80"}
        Numbers that are not given: 2,048 samples, hop 512, 128 bands; or 1,024, 512, 80.
    n_fft, hop_length, n_mels : int, optional
        Length of the FFT and hop in samples, number of mel bands.
    fmin, fmax : float, optional
        Edges of the mel bands in Hz; by default 0 and half the rate.
    ref : {"max"} or 1.0
        What is 0 dB: the loudest band and frame, or a power of 1.

    Returns
    -------
    numpy.ndarray
        Float32 ``[mels, frames]`` in dB, lowest band first (``[k, mels, frames]`` of several
        sounds), at most 80 dB below its maximum.

    Raises
    ------
    ValueError
        If a number is impossible, or ``y`` has no samples.
    """
    if ref != "max" and ref != 1.0:
        raise ValueError(f'ref: expected "max" or 1.0, found {ref!r}')
    if int(sr) != sr:
        raise ValueError(f"sr: expected a whole number of Hz, found {sr!r}")
    text = front_end_text(
        preset, sample_rate=int(sr), n_fft=n_fft, hop=hop_length, mels=n_mels, f_min=fmin, f_max=fmax
    )
    y = np.ascontiguousarray(y, np.float32)
    if y.ndim not in (1, 2):
        raise ValueError(f"y: expected samples [n], or sounds [k, n], found shape {y.shape}")
    sounds = [_native.log_mel(samples, text, ref == "max") for samples in np.atleast_2d(y)]
    return np.stack(sounds) if y.ndim == 2 else np.asarray(sounds[0])
