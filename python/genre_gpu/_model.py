"""Models: built, trained, evaluated, explained, saved."""

from __future__ import annotations

import json
import operator
import os
import shutil
import tempfile
import warnings
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _native
from ._arrays import held, samples
from ._data import Data, Path
from ._listener import GenreGpuWarning, Listener, is_interactive

#: Arrays of samples and labels, and of songs if they are known.
Part = Union[Tuple[Any, Any], Tuple[Any, Any, Any]]


class History:
    """What :meth:`Model.fit` returns, as in Keras.

    Attributes
    ----------
    history : dict
        A list for each of ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``, with a number for
        each epoch; the last two only with validation samples.
    epoch : list of int
        The epochs, from 0.
    seconds : list of float
        How long each took, training and validation.
    params : dict
        ``epochs``, ``samples`` (in an epoch) and ``verbose``.
    """

    def __init__(self) -> None:
        self.history: Dict[str, List[float]] = {}
        self.epoch: List[int] = []
        self.seconds: List[float] = []
        self.params: Dict[str, Any] = {}

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4f}" for name, values in self.history.items())
        return f"History({len(self.epoch)} epochs: {last})"


@dataclass(frozen=True)
class Explanation:
    """Maps of what a layer gives to a class, for some samples.

    Attributes
    ----------
    maps : numpy.ndarray
        Float32 ``[n, h, w]`` at the layer's resolution, signed: what is positive speaks for the
        class.
    layer : str
        The layer's name.
    method : str
        ``grad_cam`` or ``hires_cam``.
    targets : numpy.ndarray
        The class that each map is for, by label.
    probabilities : numpy.ndarray
        Float32 ``[n, classes]``.
    extent : tuple of float
        Where the map lies on the sample, for ``matplotlib``: left, right (frames), bottom, top
        (bands), ``imshow(map, origin="lower", extent=extent)``.
    """

    maps: Any
    layer: str
    method: str
    targets: Any
    probabilities: Any
    extent: Tuple[float, float, float, float]

    @property
    def heatmaps(self) -> Any:
        """The positive part of each map over its maximum, ``[n, h, w]`` from 0 to 1; 0 where nothing
        is positive."""
        positive = np.maximum(self.maps, 0)
        top = positive.max(axis=(1, 2), keepdims=True)
        return np.divide(positive, top, out=np.zeros_like(positive), where=top > 0)


class Model:
    """A network: a built-in one, or one from TOML text or a file of it.

    Parameters
    ----------
    model : str or path-like
        A built-in model's name (``genre-gpu models`` lists them), a ``.toml`` file, or its text.
    shape : (int, int), optional
        Mel bands and frames of a sample; else those of the data that it is fitted to.
    classes : int or sequence of str, optional
        The classes; else those of the data.
    seed : int
        As ``keras.utils.set_random_seed`` has it: initial weights and orders of samples.

    Raises
    ------
    ValueError
        If there is no such model, or its text is not one.
    """

    def __init__(
        self,
        model: Path = "p1",
        *,
        shape: Optional[Tuple[int, int]] = None,
        classes: Union[int, Sequence[str], None] = None,
        seed: int = 42,
    ) -> None:
        model = os.fspath(model)
        is_text = _is_text(model)
        self._name = "model" if is_text else model
        self._text: Optional[str] = model if is_text else None
        self._seed = seed
        self._set_weights = False
        self._is_training = False
        #: The folder of the run, until weights are set; a temporary one is removed with the model.
        self._run: Optional[str] = None
        self._temporary: Optional["_Temporary"] = None
        #: Set to true by a callback: training ends after this epoch.
        self.stop_training = False
        self.history: Optional[History] = None
        self._network: Optional[_native.Network] = None
        if isinstance(classes, str):
            raise ValueError(f"classes: expected their number or names, found the text {classes!r}")
        if classes is not None and not isinstance(classes, Iterable):
            classes = [f"class {i}" for i in range(int(classes))]
        self._classes = None if classes is None else list(classes)
        self._shape = None if shape is None else (int(shape[0]), int(shape[1]))
        if self._classes is not None and len(set(self._classes)) < len(self._classes):
            raise ValueError(f"classes: expected names that all differ, found {', '.join(self._classes)}")
        if shape is not None and self._classes is not None:
            self._network = _native.Network.initial(
                self._name, self._text, tuple(shape), self._classes, seed
            )
        elif shape is not None:
            raise ValueError("classes: expected their number or names with shape, found none")
        else:
            # A wrong model is refused here, not at its first use.
            _native.check_model(self._name, self._text)

    # Facts

    @property
    def built(self) -> bool:
        """Whether the shape of samples is known, and so the weights are there."""
        return self._network is not None

    def _built(self) -> "_native.Network":
        if self._is_training:
            raise ValueError(
                "the weights cannot be had before training has ended; keep=\"best\" keeps those of the epoch "
                "with the lowest validation loss"
            )
        if self._network is None:
            raise ValueError(
                "the model does not know its samples yet: fit it, or give shape and classes, e.g. "
                f'Model("{self._name}", shape=(128, 87), classes=4)'
            )
        return self._network

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def shape(self) -> Tuple[int, int]:
        """Mel bands and frames of a sample."""
        mels, frames = self._built().facts["shape"]
        return mels, frames

    @property
    def classes(self) -> List[str]:
        """Names of the classes, by label."""
        return list(self._built().facts["classes"])

    @property
    def layers(self) -> List[str]:
        """Names of the layers, in their order."""
        return list(self._built().facts["layers"])

    @property
    def toml(self) -> str:
        """The model's text."""
        return str(self._built().facts["model"])

    @property
    def scale(self) -> Tuple[float, float]:
        """Offset and factor: the network sees ``(x - offset) * factor``, and so every method here
        takes samples as they are in the arrays."""
        offset, factor = self._built().facts["scale"]
        return offset, factor

    @property
    def front_end(self) -> Optional[Dict[str, Any]]:
        """How sound became spectrograms, where that is known."""
        text = self._built().facts["front_end"]
        return None if text is None else json.loads(text)

    @property
    def run(self) -> Optional[str]:
        """The folder of the run that the weights are of."""
        return self._run

    @property
    def metrics(self) -> Dict[str, Any]:
        """The contents of the run's ``metrics.json``: confusion matrices, precision and recall,
        calibration."""
        if self._is_training or self._run is None:
            # Not a ValueError: Keras's callbacks ask with hasattr, and go on without.
            raise AttributeError("metrics: expected a run, found weights that are not of one; fit the model")
        with open(os.path.join(self._run, "metrics.json"), encoding="utf-8") as file:
            found: Dict[str, Any] = json.load(file)
        return found

    def count_params(self) -> int:
        """The number of weights."""
        return int(self._built().facts["parameters"])

    def summary(self, print_fn: Optional[Callable[[str], object]] = None) -> None:
        """Print the table of layers, as Keras does."""
        (print if print_fn is None else print_fn)(self._built().summary().rstrip())

    def __repr__(self) -> str:
        if self._network is None or self._is_training:
            return f"Model({self._name})"
        (mels, frames), facts = self.shape, self._network.facts
        trained = f"{facts['epochs']} epochs" if facts["epochs"] else "not trained"
        return f"Model({self._name}: {mels} x {frames}, {', '.join(facts['classes'])}; {trained})"

    # Weights

    @property
    def weights(self) -> Dict[str, Any]:
        """Copies of all weights by name: kernels ``[k_h, k_w, c_in, c_out]`` and ``[in, out]``, as in
        Keras."""
        return dict(self._built().weights())

    def get_weights(self) -> List[Any]:
        """The arrays of :attr:`weights`, in their order."""
        return [values for _, values in self._built().weights()]

    def set_weights(self, weights: Union[Mapping[str, Any], Iterable[Any]]) -> None:
        """Replace all weights.

        Parameters
        ----------
        weights : mapping or iterable
            An array for each name of :attr:`weights`, or the arrays in its order.

        Raises
        ------
        ValueError
            If one is missing, unknown or of another shape. No weight is changed then.
        """
        network = self._built()
        wanted = network.weights()
        if isinstance(weights, Mapping):
            unknown = [name for name in weights if name not in dict(wanted)]
            missing = [name for name, _ in wanted if name not in weights]
            if unknown or missing:
                raise ValueError(
                    f"weights: expected {', '.join(name for name, _ in wanted)}; "
                    + "; ".join(
                        f"{what} {', '.join(map(str, names))}"
                        for what, names in [("unknown", unknown), ("missing", missing)]
                        if names
                    )
                )
            given = [weights[name] for name, _ in wanted]
        else:
            given = list(weights)
            if len(given) != len(wanted):
                raise ValueError(f"weights: expected {len(wanted)} arrays, found {len(given)}")
        flat = []
        for (name, old), new in zip(wanted, given):
            new = np.asarray(new)
            if new.shape != old.shape:
                raise ValueError(f"weights: {name}: expected shape {old.shape}, found {new.shape}")
            flat.append(np.ascontiguousarray(new, np.float32).reshape(-1))
        self._network = network.with_weights(flat)
        self._set_weights = True
        self._leave_run()

    def _leave_run(self) -> None:
        self._run = None
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    # Training

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        validation_data: Optional[Part] = None,
        test_data: Optional[Part] = None,
        songs: Any = None,
        epochs: Optional[int] = None,
        batch_size: Optional[int] = None,
        device: str = "cpu",
        callbacks: Optional[Sequence[Any]] = None,
        verbose: Union[int, str] = "auto",
        run: Optional[Path] = None,
        overwrite: bool = False,
        **settings: Any,
    ) -> History:
        """Train from the initial weights of the seed.

        Parameters
        ----------
        x : Data or array_like
            A data set with its parts, or training samples, ``[n, mels, frames]``.
        y : array_like, optional
            Labels: numbers, names, or one-hot rows.
        validation_data, test_data : (x, y) or (x, y, songs), optional
            Samples that are measured after each epoch, and at the end.
        songs : array_like, optional
            The song of each training sample.
        epochs, batch_size : int, optional
            Else the model's: 20 and 32 for P1.
        device : {"cpu", "gpu"}
        callbacks : sequence
            Functions of epoch and logs, or objects with methods of a ``keras.callbacks.Callback``
            (``on_train_begin``, ``on_epoch_begin``, ``on_train_batch_end``, ``on_epoch_end``,
            ``on_train_end``). ``model.stop_training = True`` ends training after the epoch. The
            weights cannot be had before training has ended.
        verbose : {"auto", 0, 1, 2}
            1 and 2 print a line for each epoch; "auto" does where a person looks.
        run : path-like, optional
            The run's folder, which then has what ``genre-gpu train --out`` writes, and can be resumed
            from, reported and explained. Without it, a temporary one.
        overwrite : bool
            Replace a run that is there.
        **settings
            Any of the settings of ``genre-gpu train``, with underscores: ``learning_rate``,
            ``optimizer``, ``momentum``, ``schedule``, ``early_stopping``, ``label_smoothing``,
            ``class_weights``, ``augment``, ``scale``, ``shuffle``, ``keep``, ``adapter``, ``threads``,
            ``class_names``, ``front_end``, ….

        Returns
        -------
        History

        Raises
        ------
        ValueError
            If a setting or an array is wrong.
        GenreGpuError
            If the loss is not finite any more, or the device fails.
        KeyboardInterrupt
            On Ctrl-C, between two steps. A run with a folder of its own and validation samples can be
            resumed by ``genre-gpu train --resume``.
        """
        if self._set_weights:
            raise ValueError(
                "fit: training begins at the initial weights of the seed, and this model's were set; "
                "make a new Model to train"
            )
        given = {key.replace("_", "-"): value for key, value in settings.items() if value is not None}
        if "validation-split" in given:
            raise ValueError("validation_split: give the samples themselves: validation_data=(x, y)")
        for name, value in [("epochs", epochs), ("batch-size", batch_size)]:
            if value is not None:
                given[name] = _whole(name, value)
        weights = given.get("class-weights")
        if isinstance(weights, Mapping):
            given["class-weights"] = ",".join(f"{name}={weight}" for name, weight in weights.items())
        given["seed"] = self._seed
        given["device"] = device
        cache_dir = None
        arrays = None
        if isinstance(x, Data):
            if y is not None or validation_data is not None or test_data is not None or songs is not None:
                raise ValueError("fit: a Data has its labels and parts; leave out the other arrays")
            if x.is_changed():
                raise ValueError(
                    "fit: arrays of this Data were replaced, and fit reads it from its files; give the arrays: "
                    "fit(data.x_train, data.y_train, validation_data=(data.x_val, data.y_val), ...)"
                )
            if self._classes is not None and self._classes != list(x.classes):
                raise ValueError(f"fit: expected data of {', '.join(self._classes)}, found {', '.join(x.classes)}")
            given = {**x._settings, **given}
            cache_dir = x._cache_dir
        else:
            said = sorted({"model", "data"} & given.keys())
            if said:
                raise ValueError(f"fit: {', '.join(said)}: the model and the arrays say that; leave it out")
            arrays = _parts(x, y, songs, validation_data, test_data)
            if self._classes is not None:
                given.setdefault("class-names", self._classes)
        found = np.shape(x.x_train if isinstance(x, Data) else x)[1:3]
        if self._shape is not None and len(found) == 2 and found != self._shape:
            raise ValueError(f"fit: expected samples of shape {self._shape}, as the model was made for, found {found}")
        temporary = None
        if run is None:
            temporary = _Temporary()
            folder = os.path.join(temporary.name, "run")
        else:
            folder = os.path.abspath(run)
        listener = _Training(self, callbacks or (), verbose)
        self.stop_training = False
        # Callbacks would else get, and set, the weights of the fit before.
        self._is_training = True
        try:
            _native.train(
                self._name,
                self._text,
                json.dumps(given, default=_plain),
                None,
                arrays,
                folder,
                overwrite,
                cache_dir,
                listener,
            )
        finally:
            self._is_training = False
        self._leave_run()
        self._run, self._temporary = folder, temporary
        self._network = _native.Network.of_run(folder)
        self.history = listener.history
        listener.end_of_training()
        return listener.history

    # Use

    def predict(
        self,
        x: Any,
        *,
        verbose: Union[int, str] = "auto",
        device: str = "cpu",
        adapter: Optional[str] = None,
        threads: int = 0,
    ) -> Any:
        """Probabilities of samples.

        Parameters
        ----------
        x : array_like
            ``[n, mels, frames]`` or one sample, as in the arrays; not scaled.
        verbose : {"auto", 0, 1, 2}
            Without effect, for code that was written for Keras: nothing is printed.
        device : {"cpu", "gpu"}
        adapter : str, optional
            Part of the GPU's name.
        threads : int
            Of the CPU; 0 means one for each core.

        Returns
        -------
        numpy.ndarray
            Float32 ``[n, classes]``.
        """
        _speaks(verbose)
        network = self._built()
        return network.predict(samples(x, self.shape), device, adapter, threads)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        verbose: Union[int, str] = "auto",
        device: str = "cpu",
        adapter: Optional[str] = None,
        threads: int = 0,
        return_dict: bool = False,
    ) -> Union[List[float], Dict[str, float]]:
        """Loss (with the penalty, as in Keras) and accuracy.

        Parameters
        ----------
        x : array_like or Data
            Samples; of a ``Data`` its test part.
        y : array_like, optional
            Their labels.
        verbose : {"auto", 0, 1, 2}
            Without effect, for code that was written for Keras: nothing is printed.
        return_dict : bool
            Return a dictionary instead of ``[loss, accuracy]``.
        """
        _speaks(verbose)
        if isinstance(x, Data):
            x, y = x.x_test, x.y_test
        if y is None:
            raise ValueError("evaluate: expected labels y, found none")
        arrays = [held("x_test", x), held("y_test", y)]
        listener = Listener(progress=False)
        loss, accuracy = self._built().evaluate(arrays, device, adapter, threads, listener)
        return {"loss": loss, "accuracy": accuracy} if return_dict else [loss, accuracy]

    def predict_files(
        self,
        files: Union[Path, Sequence[Path]],
        *,
        cuts: Optional[int] = None,
        front_end: Optional[str] = None,
        max_minutes: int = 360,
        device: str = "cpu",
        adapter: Optional[str] = None,
        threads: int = 0,
        progress: "bool | Callable[[str, int, int], object] | None" = None,
    ) -> List[Dict[str, Any]]:
        """The genre of sound files, as ``genre-gpu predict --json`` prints it.

        Parameters
        ----------
        files : path-like or sequence of path-like
        cuts : int, optional
            At most so many cuts of each song, evenly spaced.
        front_end : str, optional
            The front end of a model that does not know it: ``"librosa-2s,hop=1024"``.
        max_minutes : int
            The longest file.
        device, adapter, threads
            As in :meth:`predict`.
        progress : bool or callable, optional
            As in :func:`genre_gpu.load_data`.

        Returns
        -------
        list of dict
            For each file ``verdict`` (None where it is unsure), ``probabilities``, ``votes``, ``cuts``
            and more; ``error`` for one that cannot be used.
        """
        paths = [files] if isinstance(files, (str, os.PathLike)) else list(files)
        with _Folder(self) as folder:
            text = _native.predict_files(
                folder,
                paths,
                cuts,
                front_end,
                max_minutes,
                device,
                adapter,
                threads,
                Listener(progress),
            )
        found: List[Dict[str, Any]] = json.loads(text)
        return found

    def explain(
        self,
        x: Any,
        target: Any = None,
        *,
        method: str = "grad_cam",
        layer: Optional[str] = None,
        device: str = "cpu",
        adapter: Optional[str] = None,
        threads: int = 0,
    ) -> Explanation:
        """Maps of what a layer gives to a class.

        Parameters
        ----------
        x : array_like
            As in :meth:`predict`.
        target : str, int or array_like of int, optional
            The class that the maps explain; else the predicted class of each sample.
        method : {"grad_cam", "hires_cam"}
        layer : str, optional
            One of :attr:`layers` that has bands and frames; else the last pooling layer.

        Returns
        -------
        Explanation
        """
        network = self._built()
        flat = samples(x, self.shape)
        mels, frames = self.shape
        n, classes = flat.size // (mels * frames), self.classes
        if target is None:
            targets = network.predict(flat, device, adapter, threads).argmax(axis=1)
        elif isinstance(target, str):
            if target not in classes:
                raise ValueError(f"target: expected one of {', '.join(classes)}, found {target}")
            targets = np.full(n, classes.index(target))
        else:
            targets = np.broadcast_to(np.asarray(target), (n,))
            if targets.dtype.kind not in "iu" or (n and not 0 <= targets.min() <= targets.max() < len(classes)):
                raise ValueError(f"target: expected labels from 0 to {len(classes) - 1}, found {target}")
        made = network.maps(flat, targets.tolist(), method, layer, device, adapter, threads)
        (left, width, columns), (bottom, height, rows) = made["frames"], made["bands"]
        return Explanation(
            maps=made["maps"],
            layer=made["layer"],
            method=method,
            targets=np.array(targets),
            probabilities=made["probabilities"],
            extent=(left, left + width * columns, bottom, bottom + height * rows),
        )

    # Files

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the run's folder, or of weights that are of no run a folder with these alone.

        ``genre-gpu evaluate``, ``predict``, ``explain`` and :func:`genre_gpu.load` take it.
        """
        path = os.fspath(path)
        network = self._built()
        if self._run is None:
            network.save(path, overwrite)
            return
        if os.path.exists(path) and os.path.samefile(path, self._run):
            return
        if os.path.lexists(path):
            is_run = os.path.isfile(os.path.join(path, "config.toml"))
            if not (overwrite and is_run) and (not os.path.isdir(path) or os.listdir(path)):
                raise FileExistsError(
                    f"{path}: "
                    + ("holds a run; give overwrite=True to replace it" if is_run else "exists, and is no run")
                )
        beside = tempfile.mkdtemp(prefix=".genre-gpu-", dir=os.path.dirname(os.path.abspath(path)))
        try:
            copy = shutil.copytree(self._run, os.path.join(beside, "run"))
            if os.path.lexists(path):
                shutil.rmtree(path)
            os.rename(copy, path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def export(self, path: Path, format: Optional[str] = None) -> None:
        """Write the model for another program.

        Parameters
        ----------
        path : path-like
            The file.
        format : {"keras", "keras-weights", "onnx", "npz", "safetensors"}, optional
            Else that of the path's ending: ``.keras``, ``.weights.h5``, ``.onnx``, ….

        Notes
        -----
        The Keras and ONNX models take spectrograms ``[n, mels, frames, 1]`` as they are in the arrays
        (docs/formats.md).
        """
        self._built().export(path, format)

    def __getstate__(self) -> Dict[str, Any]:
        state = dict(self.__dict__, _network=None, _run=None, _temporary=None)
        state["_is_of_run"] = self._run is not None
        if self._network is not None:
            with _Folder(self) as folder:
                state["_files"] = {
                    name: _bytes(os.path.join(folder, name))
                    for name in sorted(os.listdir(folder))
                    if os.path.isfile(os.path.join(folder, name)) and not name.startswith(("checkpoint", "."))
                }
        return state

    def __setstate__(self, state: Dict[str, Any]) -> None:
        files, is_of_run = state.pop("_files", None), state.pop("_is_of_run")
        self.__dict__.update(state)
        if files is None:
            return
        self._temporary = _Temporary()
        folder = os.path.join(self._temporary.name, "run")
        os.mkdir(folder)
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        self._network = _native.Network.of_run(folder)
        if is_of_run:
            self._run = folder


def import_model(
    path: Path,
    *,
    model: Optional[Path] = None,
    shape: Optional[Tuple[int, int]] = None,
    name: Optional[str] = None,
    classes: Optional[Sequence[str]] = None,
    mean: Optional[float] = None,
    deviation: Optional[float] = None,
    front_end: Optional[str] = None,
) -> Model:
    """Read a model that Keras or :meth:`Model.export` wrote.

    Parameters
    ----------
    path : path-like
        A ``.keras``, ``.weights.h5``, ``.npz`` or ``.safetensors`` file, or an ``.onnx`` of
        :meth:`Model.export`.
    model : str or path-like, optional
        The layers of weights alone, as in :class:`Model`.
    shape : (int, int), optional
        Mel bands and frames of a sample, of weights alone.
    name : str, optional
        The model's name.
    classes : sequence of str, optional
        Names of the classes, by label.
    mean, deviation : float, optional
        What the training samples were standardised by, where the model does not do so itself.
    front_end : str, optional
        How sound became spectrograms: ``"librosa-2s,hop=1024"``.

    Raises
    ------
    ValueError
        If an argument is wrong or missing.
    GenreGpuError
        If the file is damaged, or has a layer that there is no operation for: which.
    """
    if (mean is None) != (deviation is None):
        raise ValueError("mean, deviation: expected both or none")
    scale = None if mean is None or deviation is None else (mean, deviation)
    layers = None
    if model is not None:
        text = os.fspath(model)
        layers = ("model", text) if _is_text(text) else (text, None)
    names = None if classes is None else list(classes)
    network, notes = _native.Network.of_file(path, layers, shape, name, names, scale, front_end)
    for note in notes:
        warnings.warn(note, GenreGpuWarning, stacklevel=2)
    return _of_network(network)


def _of_network(network: "_native.Network") -> Model:
    facts = network.facts
    model = Model.__new__(Model)
    model._name, model._text, model._seed = facts["name"], facts["model"], facts["seed"]
    model._classes = list(facts["classes"])
    model._set_weights, model._is_training = True, False
    model._shape = None
    model._run, model._temporary = None, None
    model.stop_training = False
    model._network = network
    model.history = None
    return model


def load(run: Path) -> Model:
    """Load a run that :meth:`Model.fit`, :meth:`Model.save` or the command line wrote.

    Parameters
    ----------
    run : path-like
        The run's folder.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    GenreGpuError
        If it is no finished run, or a file of it is damaged.
    """
    folder = os.path.abspath(run)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder}: expected the folder of a run, found none")
    model = _of_network(_native.Network.of_run(folder))
    model._set_weights, model._run = False, folder
    return model


def train(
    config: Path,
    *,
    run: Path,
    overwrite: bool = False,
    verbose: Union[int, str] = "auto",
    cache_dir: Optional[Path] = None,
) -> Model:
    """Train a run as ``genre-gpu train --config CONFIG --out RUN`` does.

    Parameters
    ----------
    config : path-like
        A TOML file of settings, such as another run's ``config.toml``.
    run : path-like
        The new run's folder.
    overwrite, verbose
        As in :meth:`Model.fit`.
    cache_dir : path-like, optional
        The folder of the demo corpus.
    """
    model = Model.__new__(Model)
    model.stop_training = False
    listener = _Training(model, (), verbose)
    _native.train(None, None, "{}", config, None, run, overwrite, cache_dir, listener)
    model = load(run)
    model.history = listener.history
    return model


def _is_text(model: str) -> bool:
    """Whether this is the text of a model, not its name or file."""
    return "[[" in model


class _Temporary:
    """A temporary folder that goes with its last reference: not with that of a forked process, as
    ``tempfile.TemporaryDirectory`` does."""

    def __init__(self) -> None:
        self.name = tempfile.mkdtemp(prefix="genre-gpu-")
        self.cleanup = weakref.finalize(self, _remove, self.name, os.getpid())


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


class _Folder:
    """A folder with a model's weights for a while: its run's, or a temporary one."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._temporary: Optional["_Temporary"] = None

    def __enter__(self) -> str:
        if self._model._run is not None:
            return self._model._run
        self._temporary = _Temporary()
        folder = os.path.join(self._temporary.name, "run")
        self._model._built().save(folder, False)
        return folder

    def __exit__(self, *_: object) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()


def _speaks(verbose: Union[int, str]) -> bool:
    """Whether Keras's ``verbose`` means that something is printed."""
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f'verbose: expected "auto", 0, 1 or 2, found {verbose!r}')
    return is_interactive() if verbose == "auto" else bool(verbose)


class _Training(Listener):
    """Listens to ``fit``: the history, the printed lines, the callbacks."""

    def __init__(self, model: Model, callbacks: Sequence[Any], verbose: Union[int, str]) -> None:
        speaks = _speaks(verbose)
        super().__init__(progress=speaks)
        self._model = model
        self._speaks = speaks
        self._functions = [c for c in callbacks if not _has_methods(c)]
        self._objects = [c for c in callbacks if _has_methods(c)]
        for one in self._functions:
            if not callable(one):
                raise ValueError(f"callbacks: expected functions or Keras's callbacks, found {one!r}")
        # Keras's on_train_batch_end calls on_batch_end.
        names = ("on_train_batch_end", "on_batch_end")
        self.steps = any(_overrides(one, name) for one in self._objects for name in names)
        self.history = History()
        self._begun = False
        self._steps = 0

    def _call(self, method: str, *arguments: Any) -> None:
        for one in self._objects:
            getattr(one, method, lambda *_: None)(*arguments)

    def epoch_begin(self, epoch: int, epochs: int, samples: int) -> None:
        if not self._begun:
            self._begun = True
            self.history.params = {"epochs": epochs, "samples": samples, "verbose": int(self._speaks)}
            self._call("set_params", self.history.params)
            self._call("set_model", self._model)
            self._call("on_train_begin", {})
        self._steps = 0
        self._call("on_epoch_begin", epoch - 1, {})

    def step(self, done: int, figures: Optional[Tuple[float, float]]) -> None:
        logs = {} if figures is None else {"loss": figures[0], "accuracy": figures[1]}
        self._call("on_train_batch_end", self._steps, logs)
        self._steps += 1

    def epoch_end(self, epoch: int, logs: Dict[str, float], seconds: float) -> bool:
        # Without validation samples there is nothing to say of them.
        logs = {name: value for name, value in logs.items() if value == value}
        self.history.epoch.append(epoch - 1)
        self.history.seconds.append(seconds)
        for name, value in logs.items():
            self.history.history.setdefault(name, []).append(value)
        if self._speaks:
            figures = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
            epochs = self.history.params["epochs"]
            print(f"Epoch {epoch}/{epochs}  {seconds:.2f}s  {figures}", flush=True)
        for function in self._functions:
            function(epoch - 1, logs)
        self._call("on_epoch_end", epoch - 1, logs)
        return self._model.stop_training

    def end_of_training(self) -> None:
        """Training and its results are done."""
        self._call("on_train_end", {})


def _has_methods(callback: Any) -> bool:
    names = ("on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_epoch_end", "on_train_end")
    return any(hasattr(callback, name) for name in names)


def _overrides(callback: Any, method: str) -> bool:
    """Whether a callback has a method, of its class or its own, that is not the empty one of Keras's class."""
    own = getattr(callback, method, None)
    return own is not None and not getattr(own, "__module__", "").startswith("keras.src.callbacks.callback")


def _whole(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name}: expected a whole number, found {value!r}") from None


def _plain(value: Any) -> Any:
    """What JSON lacks: numbers of numpy, paths."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise ValueError(f"expected a number, a text or a list, found {value!r}")


def _parts(
    x: Any, y: Any, songs: Any, validation_data: Optional[Part], test_data: Optional[Part]
) -> List[Any]:
    """All arrays under the names that files of them would have."""
    if y is None:
        raise ValueError("fit: expected labels y, found none")
    parts: List[Tuple[str, Sequence[Any]]] = [("train", (x, y) if songs is None else (x, y, songs))]
    for name, key, part in [
        ("val", "validation_data", validation_data),
        ("test", "test_data", test_data),
    ]:
        if part is None:
            continue
        if not isinstance(part, (tuple, list)) or len(part) not in (2, 3):
            raise ValueError(f"{key}: expected (x, y) or (x, y, songs), found {type(part).__name__}")
        parts.append((name, part))
    return [
        held(f"{role}_{name}", array)
        for name, part in parts
        for role, array in zip(("x", "y", "song"), part)
    ]


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
