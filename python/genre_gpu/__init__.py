"""Music genres from log-mel spectrograms by small convolutional networks.

The classes here call the Rust library ``genre-gpu``: its kernels, its training, its explanations.
A run that :meth:`Model.fit` makes has the same bits as one of the command line with the same
settings.

>>> import genre_gpu
>>> data = genre_gpu.load_data()                    # the demo corpus  # doctest: +SKIP
>>> model = genre_gpu.Model("p1")
>>> history = model.fit(data)                       # doctest: +SKIP
>>> history.history["val_accuracy"][-1]             # doctest: +SKIP
"""

from ._cuts import Cuts, cuts
from ._data import Data, Prepared, load_data, prepare
from ._listener import GenreGpuWarning
from ._model import Explanation, History, Model, import_model, load, train
from ._native import GenreGpuError, __version__
from ._sound import log_mel

__all__ = [
    "Cuts",
    "Data",
    "Explanation",
    "GenreGpuError",
    "GenreGpuWarning",
    "History",
    "Model",
    "Prepared",
    "__version__",
    "cuts",
    "import_model",
    "load",
    "load_data",
    "log_mel",
    "prepare",
    "train",
]
