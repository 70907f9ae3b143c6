"""Figures of a model for notebooks, drawn by matplotlib. ``genre-gpu report`` draws more."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np

from ._data import Data
from ._model import Model

__all__ = ["curves", "indices", "maps", "matrices"]


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("genre_gpu.plot needs matplotlib: pip install matplotlib") from error
    return plt


def curves(model: Model) -> Any:
    """Loss and accuracy of training and validation by epoch, of a model that was fitted here."""
    if model.history is None:
        raise ValueError("curves: expected a model that was fitted here, found one without history")
    figure, axes = _pyplot().subplots(1, 2, figsize=(9, 3), layout="constrained")
    history = model.history.history
    for axis, name in zip(axes, ["loss", "accuracy"]):
        for key, label in [(name, "training"), (f"val_{name}", "validation")]:
            if key in history:
                axis.plot(range(1, len(history[key]) + 1), history[key], label=label)
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()
    return figure


def matrices(model: Model) -> Any:
    """Confusion matrices of training and test, rows true."""
    parts = [part for part in ("train", "test") if part in model.metrics]
    figure, axes = _pyplot().subplots(1, len(parts), figsize=(4.5 * len(parts), 4), squeeze=False, layout="constrained")
    for axis, part in zip(axes[0], parts):
        counts = np.array(model.metrics[part]["confusion"])
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, count, ha="center", va="center", color=colour)
        names = model.classes
        axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axis.set_yticks(range(len(names)), names)
        axis.set(title={"train": "training", "test": "test"}[part], xlabel="predicted", ylabel="true")
    return figure


def indices(model: Model, data: Data) -> Dict[str, Dict[str, Any]]:
    """Indices of the training samples of each class that are predicted correctly and incorrectly."""
    predicted = model.predict(data.x_train).argmax(axis=1)
    found = {}
    for label, name in enumerate(data.classes):
        own, right = data.y_train == label, predicted == label
        found[name] = {"correct": np.flatnonzero(own & right), "incorrect": np.flatnonzero(own & ~right)}
    return found


def maps(
    model: Model, data: Data, name: str, which: str = "correct", *, first: int = 6, method: str = "grad_cam"
) -> Any:
    """Spectrograms of the first training samples of a class that are predicted correctly or
    incorrectly, and below them their maps for the predicted class; None if there are none.
    """
    chosen = indices(model, data)[name][which][:first]
    if len(chosen) == 0:
        return None
    explained = model.explain(data.x_train[chosen], method=method)
    mels, frames = model.shape
    figure, axes = _pyplot().subplots(
        2, len(chosen), figsize=(1.8 * len(chosen) + 0.6, 4), squeeze=False, sharex=True, sharey=True, layout="constrained"
    )
    for column, (i, heat, target) in enumerate(zip(chosen, explained.heatmaps, explained.targets)):
        above, below = axes[:, column]
        for axis, colours in [(above, "magma"), (below, "gray")]:
            axis.imshow(
                data.x_train[i], origin="lower", aspect="auto", extent=(0, frames, 0, mels), cmap=colours
            )
        below.imshow(
            heat, origin="lower", aspect="auto", extent=explained.extent, cmap="viridis", alpha=0.6, vmin=0, vmax=1
        )
        above.set_title(f"{i}: {model.classes[target]}", fontsize=9)
    axes[0, 0].set(xlim=(0, frames), ylim=(0, mels), ylabel="mel band")
    axes[1, 0].set(xlabel="frame", ylabel=f"{method} of\n{explained.layer}")
    figure.suptitle(f"{name}, predicted {which}ly")
    return figure
