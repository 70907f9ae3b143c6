"""What the library tells while it works, as warnings, log records and progress bars."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any, Callable, Dict, Optional

_log = logging.getLogger("genre_gpu")


class GenreGpuWarning(UserWarning):
    """The library continues, but something about data or training deserves a look."""


def _bar(label: str, total: int, unit: str) -> Any:
    """A bar of tqdm, where that is installed."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=total, desc=label, unit=f" {unit}", leave=False)


def is_interactive() -> bool:
    """Whether a person looks: standard error is a terminal, or this is a notebook."""
    return sys.stderr.isatty() or hasattr(sys.modules.get("IPython"), "get_ipython") and bool(
        sys.modules["IPython"].get_ipython()
    )


class Listener:
    """Receives progress and notices; the base of what ``fit`` listens with."""

    #: Whether ``step`` is called.
    steps = False

    def __init__(
        self, progress: "bool | Callable[[str, int, int], object] | None" = None
    ) -> None:
        self._progress: "bool | Callable[[str, int, int], object]" = (
            is_interactive() if progress is None else progress
        )
        self._bar: Any = None
        self._now: Dict[str, Any] = {}

    def begin(self, label: str, total: int, unit: str) -> None:
        if callable(self._progress):
            self._now = {"label": label, "total": total, "done": 0}
        elif self._progress:
            self._bar = _bar(label, total, unit)

    def advance(self, by: int) -> None:
        if self._now and callable(self._progress):
            self._now["done"] += by
            self._progress(self._now["label"], self._now["done"], self._now["total"])
        if self._bar is not None:
            self._bar.update(by)

    def end(self) -> None:
        self._now = {}
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def note(self, text: str) -> None:
        _log.info(text)

    def warn(self, text: str) -> None:
        warnings.warn(text, GenreGpuWarning, stacklevel=_depth())

    def epoch_begin(self, epoch: int, epochs: int, samples: int) -> None:
        pass

    def step(self, done: int, figures: Optional["tuple[float, float]"]) -> None:
        pass

    def epoch_end(self, epoch: int, logs: Dict[str, float], seconds: float) -> bool:
        return False


def _depth() -> int:
    """How many frames lie between a warning and the caller of this package."""
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        frame, depth = frame.f_back, depth + 1
    return depth
