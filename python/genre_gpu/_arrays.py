"""numpy arrays on their way into the library."""

from __future__ import annotations

import io
from typing import Any, Tuple

import numpy as np


def held(name: str, array: Any) -> Tuple[str, bytes, "np.ndarray[Any, np.dtype[np.uint8]]"]:
    """An array as the library reads it: its name, the header of a npy file, and its bytes.

    The bytes are those of the array itself where it is contiguous in either order.
    """
    array = np.asarray(array)
    if array.dtype.hasobject:
        # Text or numbers, as pandas holds them; not both, such as text and a NaN for what is missing.
        texts = [isinstance(value, str) for value in array.ravel()]
        if array.ndim > 0 and all(texts) == any(texts):
            array = np.array(array.tolist())
        if array.dtype.hasobject:
            raise ValueError(f"{name}: expected numbers or text, found Python objects; convert with astype(str) or astype(float)")
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = np.ascontiguousarray(array)
    header = io.BytesIO()
    described = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_2_0(header, described)
    flat = array.reshape(-1, order="F" if described["fortran_order"] else "C")
    return name, header.getvalue(), flat.view(np.uint8)


def samples(x: Any, shape: Tuple[int, int]) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Spectrograms ``[n, mels, frames]``, also with one channel behind or one sample alone, as one
    contiguous line of float32 numbers; a view where ``x`` is that already.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise ValueError(f"x: expected numbers, found an array of {x.dtype}")
    inner = x.shape[1:]
    if x.ndim == 2 and x.shape == shape:
        inner = x.shape
    if inner not in (shape, (*shape, 1)):
        raise ValueError(
            f"x: expected shape (n, {shape[0]}, {shape[1]}): mel bands, frames; found {x.shape}"
        )
    return np.ascontiguousarray(x, np.float32).reshape(-1)
