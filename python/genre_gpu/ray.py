"""Corpora and comparisons that outgrow a machine, spread over the workers of a Ray cluster.

``pip install "genre-gpu[ray]"``; ``docs/scale.md`` says what runs where. Ray only spreads the work: each
worker runs what a local process would, on one core, and the results are the local ones. All functions
here start Ray on this machine, or join the cluster of ``RAY_ADDRESS``, unless ``ray.init`` was called.
After Ctrl-C the same call goes on where it stopped.

>>> import genre_gpu.ray
>>> made = genre_gpu.ray.prepare("songs", "arrays", workers=2)              # doctest: +SKIP
>>> found = genre_gpu.ray.predict("songs", "runs/p1-demo-seed42")           # doctest: +SKIP
"""

from __future__ import annotations

import glob
import inspect
import json
import os
import tempfile
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Union

import numpy as np

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    import ray
    import ray.data
    from pyarrow import fs
except ImportError as error:
    raise ImportError(
        f'genre_gpu.ray needs Ray Data and pyarrow ({error}): pip install "genre-gpu[ray]"'
    ) from error

from . import _cuts, _data, _native
from ._data import Path, Prepared
from ._listener import Listener
from ._model import Model, _Folder, load
from ._native import GenreGpuError, __version__
from ._shares import Marker, Progress, run_all

__all__ = ["Spectrograms", "compare", "predict", "prepare", "spectrograms"]

#: Files, or a folder, a pattern or one file.
Files = Union[Path, Sequence[Path]]

#: Shares of the work for each worker: more than one, so that none waits long for the last.
SHARES_PER_WORKER = 4


# Shares of a command


def prepare(audio: Path, out: Path, *, workers: Optional[int] = None, **settings: Any) -> Prepared:
    """Make arrays from a folder of sound files as :func:`genre_gpu.prepare` does, on several workers.

    Workers decode and cut every N-th file each and keep the cuts in ``out/.prepare``; then this process
    writes the arrays, for which it reads each file once more, to know that it has not changed. A file
    whose cuts are there is not cut again.

    Parameters
    ----------
    audio, out : path-like
        As in :func:`genre_gpu.prepare`. All workers must see both folders: on a cluster they lie in a
        file system that all machines share.
    workers : int, optional
        Cores that work at once; by default all of the cluster.
    **settings
        Those of :func:`genre_gpu.prepare`. ``threads`` is of the last step, on this machine.

    Returns
    -------
    Prepared

    Raises
    ------
    FileNotFoundError
        If there is no such folder, here or where a worker runs.
    ValueError
        If a setting is wrong, or as :func:`genre_gpu.prepare`.
    GenreGpuError
        If the work of a worker fails, with the words of ``genre-gpu prepare``.
    """
    given = inspect.signature(_data.prepare).bind(audio, out, **settings).arguments
    folder = os.path.abspath(out)
    arguments = ["prepare", os.path.abspath(audio), "--out", folder]
    seen = [os.path.abspath(audio)]
    for name, value in given.items():
        if name in _FLAGS and value is not None and value is not False:
            if name in ("list", "parts"):
                value = os.path.abspath(value)
                seen.append(value)
            elif name == "classes":
                value = _comma_separated(name, value)
            arguments += [_FLAGS[name]] if value is True else [f"{_FLAGS[name]}={value}"]
    _check_all_exist(seen)
    # Arrays that are there are checked, or made again, by the local command alone.
    if not os.path.exists(os.path.join(folder, "prepare.json")):
        workers = _workers(workers)
        shares = SHARES_PER_WORKER * workers
        with Marker(os.path.join(folder, ".prepare")) as marker:
            commands = [
                [*arguments, f"--share={share}/{shares}", "--threads=1"] for share in range(1, shares + 1)
            ]
            run_all(commands, [*seen, marker], workers, settings.get("progress"))
    return _data.prepare(audio, out, **settings)


#: What ``genre-gpu prepare`` calls the settings of :func:`genre_gpu.prepare`.
_FLAGS = {
    "list": "--csv",
    "classes": "--genres",
    "preset": "--preset",
    "sample_rate": "--sample-rate",
    "n_fft": "--n-fft",
    "hop_length": "--hop",
    "n_mels": "--mels",
    "fmin": "--f-min",
    "fmax": "--f-max",
    "frames": "--frames",
    "segments": "--segments",
    "cut_from": "--cut-from",
    "reference": "--reference",
    "song_from": "--song-from",
    "split": "--split",
    "parts": "--split-csv",
    "seed": "--seed",
    "strict": "--strict",
    "max_minutes": "--max-minutes",
}


def compare(
    models: Union[str, Sequence[str]],
    out: Path,
    *,
    data: Union[Path, Sequence[Path], None] = None,
    seeds: Union[int, Sequence[int]] = 5,
    split: Optional[str] = None,
    baseline: Optional[str] = None,
    validation_only: bool = False,
    folds: Optional[int] = None,
    group: Optional[str] = None,
    repeats: int = 1,
    epochs: Optional[int] = None,
    batch_size: Optional[int] = None,
    config: Optional[Path] = None,
    device: str = "cpu",
    adapter: Optional[str] = None,
    cache_dir: Optional[Path] = None,
    workers: Optional[int] = None,
    progress: Progress = None,
) -> Dict[str, Any]:
    """Compare models over seeds, or over folds, as ``genre-gpu compare`` does, on several workers.

    Workers train one run after another, on one core or one GPU each; then one of them compares.
    Finished runs are not trained again.

    Parameters
    ----------
    models : str or sequence of str
        Names of built-in models, or ``.toml`` files.
    out : path-like
        The folder for the runs and the comparison. All workers must see it, as all files that are
        named here.
    data : path-like or sequence, optional
        Folders of npy files or npz files; else the demo corpus, which each machine makes for itself.
    seeds : int or sequence of int
        Their number from 42 on, or the seeds.
    split, baseline, validation_only, folds, group, repeats, epochs, batch_size, config, adapter, cache_dir
        As the options of ``genre-gpu compare``.
    device : {"cpu", "gpu"}
        ``"gpu"`` asks Ray for one GPU for each worker.
    workers : int, optional
        Runs that train at once; by default as many as the cluster has cores, or GPUs.
    progress : bool or callable, optional
        As in :func:`genre_gpu.load_data`.

    Returns
    -------
    dict
        The contents of ``compare.json``.

    Raises
    ------
    FileNotFoundError
        If a file is missing, here or where a worker runs.
    ValueError
        If an option is wrong.
    GenreGpuError
        If a run fails; the others that have ended are kept.
    """
    if device not in ("cpu", "gpu"):
        raise ValueError(f"device: expected cpu or gpu, found {device!r}")
    names = [models] if isinstance(models, str) else list(models)
    sets = [] if data is None else [data] if isinstance(data, (str, os.PathLike)) else list(data)
    numbers = [seeds] if isinstance(seeds, int) else list(seeds)
    seen: List[str] = []

    def place(path: Path) -> str:
        seen.append(os.path.abspath(path))
        return seen[-1]

    folder = os.path.abspath(out)
    models_flag = _comma_separated("models", [place(m) if m.endswith(".toml") else m for m in names])
    seeds_flag = str(seeds) if isinstance(seeds, int) else ",".join(map(str, numbers)) + ","
    options: List[Tuple[str, Any]] = [
        ("--models", models_flag),
        ("--out", folder),
        *(("--data", path if path == "demo" else place(path)) for path in sets),
        ("--seeds", seeds_flag),
        ("--split", split),
        ("--baseline", place(baseline) if baseline and baseline.endswith(".toml") else baseline),
        ("--folds", folds),
        ("--group", place(group) if group and group.endswith(".csv") else group),
        ("--repeats", None if folds is None and repeats == 1 else repeats),
        ("--epochs", epochs),
        ("--batch-size", batch_size),
        ("--config", None if config is None else place(config)),
        ("--device", device),
        ("--adapter", adapter),
        ("--cache-dir", None if cache_dir is None else os.path.abspath(cache_dir)),
        ("--threads", 1),
    ]
    command = ["compare", *(f"{flag}={value}" for flag, value in options if value is not None)]
    if validation_only:
        command.append("--validation-only")
    _check_all_exist(seen)
    workers = _workers(workers, "GPU" if device == "gpu" else "CPU")
    runs = len(names) * max(len(sets), 1) * (seeds if isinstance(seeds, int) else len(numbers))
    runs *= 1 if folds is None else folds * repeats
    # A task for each run, unless there are so many that loading the data would count.
    shares = max(1, min(runs, 4 * SHARES_PER_WORKER * workers))
    gpus = 1 if device == "gpu" else 0
    with Marker(folder) as marker:
        commands = [[*command, f"--share={share}/{shares}"] for share in range(1, shares + 1)]
        run_all(commands, [*seen, marker], workers, progress, gpus)
        # Where the runs were trained, as this machine may have no GPU.
        run_all([command], [*seen, marker], 1, False, gpus)
    with open(os.path.join(folder, "compare.json"), encoding="utf-8") as file:
        found: Dict[str, Any] = json.load(file)
    return found


def _comma_separated(name: str, values: Iterable[str]) -> str:
    values = list(values)
    for value in values:
        if "," in value:
            raise ValueError(f"{name}: expected names without a comma, found {value!r}")
    return ",".join(values)


def _check_all_exist(paths: Iterable[str]) -> None:
    for path in paths:
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path}: expected a file or folder, found none")


def _workers(workers: Optional[int], resource: str = "CPU") -> int:
    """The number of workers, with Ray started."""
    if workers is not None and workers < 1:
        raise ValueError(f"workers: expected at least 1, found {workers}")
    if not ray.is_initialized():
        ray.init()
    resources: Dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    there = int(resources.get(resource, 0))
    if there < 1:
        raise ValueError(f"the Ray cluster has no {resource}: expected at least 1, found {there}")
    return min(workers or there, there)


# Files


def _file_system(path: str) -> Tuple[fs.FileSystem, str]:
    """The file system of a path or URI, and the path in it."""
    if "://" in path:
        found: Tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(path)
        return found
    return fs.LocalFileSystem(), os.path.abspath(path)


def _absolute(file: str) -> str:
    """The same file for a worker, whose current folder is another."""
    return file if "://" in file else os.path.abspath(file)


def _below(folder: str, inner: str) -> str:
    """A path in a folder; the options of a URI stay at its end."""
    path, mark, options = folder.partition("?") if "://" in folder else (folder, "", "")
    return f"{path.rstrip('/')}/{inner}{mark}{options}"


def _files(files: Files) -> List[str]:
    """The paths or URIs of files; a folder's are sorted.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, or a pattern fits none.
    """
    if not isinstance(files, (str, os.PathLike)):
        return [os.fspath(file) for file in files]
    path = os.fspath(files)
    if "://" not in path and glob.has_magic(path) and not os.path.exists(path):
        found = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
        if not found:
            raise FileNotFoundError(f"{path}: expected files that fit the pattern, found none")
        return found
    system, inner = _file_system(path)
    kind = system.get_file_info(inner).type
    if kind == fs.FileType.File:
        return [path]
    if kind != fs.FileType.Directory:
        raise FileNotFoundError(f"{path}: expected a folder, a file or a pattern, found none")
    extensions = tuple(f".{extension}" for extension in _native.SOUND_EXTENSIONS)
    found = sorted(
        _below(path, info.path[len(inner.rstrip("/")) + 1 :])
        for info in system.get_file_info(fs.FileSelector(inner, recursive=True))
        if info.type == fs.FileType.File and info.path.lower().endswith(extensions)
    )
    if not found:
        raise FileNotFoundError(f"{path}: expected sound files in this folder, found none")
    return found


class _Local:
    """A file under a local path for a while: itself, or a copy of what its URI names."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._copy: Optional[str] = None

    def __enter__(self) -> str:
        if "://" not in self._file:
            return self._file
        system, inner = _file_system(self._file)
        suffix = os.path.splitext(inner)[1]
        handle, self._copy = tempfile.mkstemp(prefix="genre-gpu-", suffix=suffix)
        with os.fdopen(handle, "wb") as copy, system.open_input_stream(inner) as stream:
            while True:
                piece = stream.read(1 << 20)
                if not piece:
                    return self._copy
                copy.write(piece)

    def __exit__(self, *_: object) -> None:
        if self._copy is not None:
            os.remove(self._copy)


def _begin(out: str, settings: Dict[str, Any]) -> None:
    """Begin a folder with its settings, or go on with one of the same settings.

    Raises
    ------
    ValueError
        If it was begun with others.
    """
    system, folder = _file_system(out)
    path = f"{folder}/settings.json"
    wanted = {"version": __version__, **settings}
    if system.get_file_info(path).type == fs.FileType.NotFound:
        is_folder = system.get_file_info(folder).type == fs.FileType.Directory
        if is_folder and system.get_file_info(fs.FileSelector(folder)):
            raise ValueError(f"{out}: expected a new or empty folder, or one to go on with, found other files")
        system.create_dir(folder, recursive=True)
        _write(system, path, json.dumps(wanted, indent=2).encode())
        return
    with system.open_input_stream(path) as file:
        found = json.loads(file.read())
    for name in [*wanted, *found]:
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{out}: was begun with other settings ({name}: {json.dumps(found.get(name))}, now "
                f"{json.dumps(wanted.get(name))}); give another folder"
            )


def _write(system: fs.FileSystem, path: str, content: Any) -> None:
    """Write a file whole: object stores show it when it is, elsewhere it is renamed into its place."""
    beside = path
    if isinstance(system, fs.LocalFileSystem):
        folder, name = os.path.split(path)
        beside = f"{folder}/.{name}-{uuid.uuid4().hex}"
    with system.open_output_stream(beside) as file:
        file.write(content)
    if beside != path:
        system.move(beside, path)


# Ray Data


def _map(
    files: Sequence[str],
    most: int,
    actor: Callable[..., Any],
    arguments: Tuple[Any, ...],
    workers: int,
    gpus: int = 0,
) -> Iterator[Dict[str, Any]]:
    """What actors make of groups of at most so many files, as it comes. An actor has a core, and is made
    once."""
    if most < 1:
        raise ValueError(f"expected at least 1 file at once, found {most}")
    if not files:
        return
    # No fewer groups than workers have use for.
    size = max(1, min(most, -(-len(files) // (SHARES_PER_WORKER * workers))))
    rows = [{"files": files[at : at + size]} for at in range(0, len(files), size)]
    context = ray.data.DataContext.get_current()
    bars = context.enable_progress_bars
    # They are of its operators; here progress is told in songs.
    context.enable_progress_bars = False
    try:
        # A block for each row: it is handed out, retried and given back by itself.
        dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            actor,
            fn_constructor_args=arguments,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))),
            num_cpus=1,
            num_gpus=gpus or None,
        )
        yield from dataset.iter_rows()
    finally:
        context.enable_progress_bars = bars


@dataclass(frozen=True)
class Spectrograms:
    """What :func:`spectrograms` made.

    Attributes
    ----------
    shards : str
        The folder of the Parquet files, for ``pyarrow.parquet.read_table`` or
        ``ray.data.read_parquet``.
    files, cuts : int
        Files that are in shards, and their spectrograms.
    seconds : float
        Total length of these files.
    failed : list of (str, str)
        Files that could not be used, and why; also in ``failed.parquet``.
    front_end, cutting : dict
        How sound became spectrograms, as in ``prepare.json``.
    """

    shards: str
    files: int
    cuts: int
    seconds: float
    failed: List[Tuple[str, str]]
    front_end: Dict[str, Any] = field(repr=False)
    cutting: Dict[str, Any] = field(repr=False)


def spectrograms(
    files: Files,
    out: Path,
    *,
    max_minutes: int = 360,
    files_per_shard: int = 64,
    workers: Optional[int] = None,
    progress: Progress = None,
    **settings: Any,
) -> Spectrograms:
    """Make Parquet shards of spectrograms from sound files by Ray Data, for corpora that one folder of
    arrays cannot hold.

    ``out/shards`` has a row for each cut: ``file``; ``cut``, its number in the file; ``start_s``;
    ``seconds``, the length of the file; ``remark``, what is wrong with the file although it is used;
    ``spectrogram``, a float32 tensor ``[mels, frames]``. The key ``genre_gpu`` of the schema's metadata
    has front end and cutting as JSON. A shard appears when it is whole. The same call goes on: files
    that are in shards are skipped, files that failed are tried again.

    Parameters
    ----------
    files : path-like or sequence of path-like
        A folder, which is searched with all below it, a pattern, or files. Paths that all workers see,
        or URIs of ``pyarrow.fs`` such as ``s3://bucket/songs``.
    out : path-like
        The folder for the shards, seen by all workers, or a URI.
    max_minutes : int
        The longest file; longer ones fail.
    files_per_shard : int
        Files in one shard at most.
    workers : int, optional
        Cores that work at once; by default all of the cluster.
    progress : bool or callable, optional
        As in :func:`genre_gpu.load_data`.
    **settings
        Those of :func:`genre_gpu.cuts`.

    Returns
    -------
    Spectrograms

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If a setting is impossible, or ``out`` was begun with others.
    """
    how = _cuts.resolved(**settings)
    names = [_absolute(file) for file in _files(files)]
    workers = _workers(workers)
    out = _absolute(os.fspath(out))
    _begin(out, {"makes": "spectrograms", **how, "max_minutes": max_minutes})
    system, folder = _file_system(out)
    system.create_dir(f"{folder}/shards", recursive=True)
    finished, cuts, seconds = _finished(system, f"{folder}/shards")
    left = [name for name in dict.fromkeys(names) if name not in finished]
    count, failed = len(finished), []
    listener = Listener(progress)
    listener.begin("songs", len(left), "songs")
    try:
        arguments = (_below(out, "shards"), how, {**settings, "max_minutes": max_minutes})
        for made in _map(left, files_per_shard, _Cutter, arguments, workers):
            count, cuts, seconds = count + made["files"], cuts + made["cuts"], seconds + made["seconds"]
            failures: List[Tuple[str, str]] = [(file, error) for file, error in json.loads(made["failed"])]
            failed += failures
            listener.advance(made["files"] + len(failures))
    finally:
        listener.end()
    failed.sort()
    table = pa.table(
        {"file": [file for file, _ in failed], "error": [error for _, error in failed]},
        schema=pa.schema([("file", pa.string()), ("error", pa.string())]),
    )
    _write_parquet(system, f"{folder}/failed.parquet", table)
    return Spectrograms(
        shards=_below(out, "shards"),
        files=count,
        cuts=cuts,
        seconds=seconds,
        failed=failed,
        front_end=how["front_end"],
        cutting=how["cutting"],
    )


def _finished(system: fs.FileSystem, folder: str) -> Tuple[Set[str], int, float]:
    """The files that are in finished shards, the number of their cuts and their total length."""
    files: Set[str] = set()
    cuts, seconds = 0, 0.0
    for info in system.get_file_info(fs.FileSelector(folder)):
        if not info.base_name.startswith("part-"):
            continue
        try:
            table = pq.read_table(info.path, columns=["file", "cut", "seconds"], filesystem=system)
        except (pa.ArrowInvalid, OSError) as error:
            raise GenreGpuError(
                f"{info.path}: is damaged ({error}); remove it, and its files are cut again"
            ) from error
        cuts += table.num_rows
        firsts = table.filter(pc.equal(table["cut"], 0))
        files.update(firsts["file"].to_pylist())
        seconds += pc.sum(firsts["seconds"]).as_py() or 0.0
    return files, cuts, seconds


def _write_parquet(system: fs.FileSystem, path: str, table: pa.Table) -> None:
    content = pa.BufferOutputStream()
    pq.write_table(
        table,
        content,
        compression="zstd",
        # Bytes of equal significance together: 12 % smaller than values in their order, as measured.
        use_dictionary=[name for name in table.column_names if name != "spectrogram"],
        use_byte_stream_split=["spectrogram.list.element"] if "spectrogram" in table.column_names else False,
    )
    _write(system, path, content.getvalue())


class _Cutter:
    """Makes a shard of some files."""

    def __init__(self, shards: str, how: Dict[str, Any], settings: Dict[str, Any]) -> None:
        self._system, self._folder = _file_system(shards)
        self._settings = settings
        front_end = how["front_end"]
        tensor = pa.fixed_shape_tensor(pa.float32(), (front_end["n_mels"], front_end["frames"]))
        self._schema = pa.schema(
            [
                pa.field("file", pa.string(), nullable=False),
                pa.field("cut", pa.int32(), nullable=False),
                pa.field("start_s", pa.float64(), nullable=False),
                pa.field("seconds", pa.float64(), nullable=False),
                pa.field("remark", pa.string()),
                pa.field("spectrogram", tensor, nullable=False),
            ],
            metadata={"genre_gpu": json.dumps({"version": __version__, **how})},
        )

    def __call__(self, row: Dict[str, Any]) -> Dict[str, Any]:
        made: List[Tuple[str, _cuts.Cuts]] = []
        failed: List[Tuple[str, str]] = []
        for file in map(str, row["files"]):
            try:
                with _Local(file) as path:
                    try:
                        made.append((file, _cuts.cuts(path, **self._settings)))
                    except (ValueError, OSError, GenreGpuError) as error:
                        failed.append((file, str(error).replace(path, file)))
            except OSError as error:
                failed.append((file, str(error)))
        if made:
            # The same files make the same shard, also where Ray lets them be made twice.
            key = blake2b("\n".join(file for file, _ in made).encode(), digest_size=12).hexdigest()
            _write_parquet(self._system, f"{self._folder}/part-{key}.parquet", self._table(made))
        return {
            "files": len(made),
            "cuts": sum(len(cuts.x) for _, cuts in made),
            "seconds": sum(cuts.seconds for _, cuts in made),
            "failed": json.dumps(failed),
        }

    def _table(self, made: List[Tuple[str, _cuts.Cuts]]) -> pa.Table:
        def each(value: Callable[[str, _cuts.Cuts], Any]) -> List[Any]:
            return [value(file, cuts) for file, cuts in made for _ in cuts.x]

        columns = [
            each(lambda file, _: file),
            [number for _, cuts in made for number in range(len(cuts.x))],
            [start for _, cuts in made for start in cuts.start_s],
            each(lambda _, cuts: cuts.seconds),
            each(lambda _, cuts: cuts.remark),
        ]
        arrays: List[pa.Array] = [
            pa.array(column, field.type) for column, field in zip(columns, self._schema)
        ]
        tensor = self._schema.field("spectrogram").type
        values = pa.array(np.concatenate([cuts.x.reshape(-1) for _, cuts in made]))
        storage = pa.FixedSizeListArray.from_arrays(values, tensor.storage_type.list_size)
        return pa.table([*arrays, pa.ExtensionArray.from_storage(tensor, storage)], self._schema)


def predict(
    files: Files,
    run: Union[Path, Model],
    out: Optional[Path] = None,
    *,
    cuts: Optional[int] = None,
    front_end: Optional[str] = None,
    max_minutes: int = 360,
    device: str = "cpu",
    adapter: Optional[str] = None,
    files_per_task: int = 16,
    workers: Optional[int] = None,
    progress: Progress = None,
) -> List[Dict[str, Any]]:
    """The genre of sound files, by actors that have the model and one core, or one GPU, each.

    Parameters
    ----------
    files : path-like or sequence of path-like
        As in :func:`spectrograms`.
    run : path-like or Model
        The run's folder, which only this process must see, or a model.
    out : path-like, optional
        A folder on this machine: its ``verdicts.jsonl`` receives a line for each file as it comes, with
        the absolute path. The same call goes on: files that have a verdict there are skipped, files
        that failed are tried again.
    cuts, front_end, max_minutes, device, adapter
        As in :meth:`genre_gpu.Model.predict_files`.
    files_per_task : int
        Files that an actor takes at once, at most.
    workers : int, optional
        Actors; by default as many as the cluster has cores, or GPUs.
    progress : bool or callable, optional
        As in :func:`genre_gpu.load_data`.

    Returns
    -------
    list of dict
        What :meth:`genre_gpu.Model.predict_files` returns: a verdict for each file, in their order;
        ``path`` and ``error`` for one that cannot be used.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no such run.
    ValueError
        If an option is wrong, or ``out`` was begun with another model or other options.
    """
    if device not in ("cpu", "gpu"):
        raise ValueError(f"device: expected cpu or gpu, found {device!r}")
    model = run if isinstance(run, Model) else load(run)
    options: Dict[str, Any] = {"cuts": cuts, "front_end": front_end, "max_minutes": max_minutes}
    # What is wrong with the model or an option is raised here.
    model.predict_files([], **options, progress=False)
    given = _files(files)
    verdicts: Dict[str, Dict[str, Any]] = {}
    lines: Optional[_Lines] = None
    if out is not None:
        folder = os.path.abspath(out)
        _begin(folder, {"makes": "verdicts", "model": _hash(model), **options})
        lines = _Lines(os.path.join(folder, "verdicts.jsonl"))
        verdicts = lines.read()
    names = [_absolute(file) for file in given]
    left = [name for name in dict.fromkeys(names) if name not in verdicts]
    workers = _workers(workers, "GPU" if device == "gpu" else "CPU")
    listener = Listener(progress)
    listener.begin("songs", len(left), "songs")
    try:
        arguments = (ray.put(model), {**options, "device": device, "adapter": adapter})
        gpus = 1 if device == "gpu" else 0
        for made in _map(left, files_per_task, _Predictor, arguments, workers, gpus):
            songs: List[Dict[str, Any]] = json.loads(made["songs"])
            verdicts.update((song["path"], song) for song in songs)
            if lines is not None:
                lines.append(songs)
            listener.advance(len(songs))
    finally:
        listener.end()
    return [_renamed(verdicts[name], name, file) for name, file in zip(names, given)]


def _renamed(song: Dict[str, Any], before: str, name: str) -> Dict[str, Any]:
    """A verdict under another name of its file."""
    song = {**song, "path": name}
    if "error" in song:
        song["error"] = song["error"].replace(before, name)
    return song


class _Lines:
    """A file with a line of JSON for each verdict."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> Dict[str, Dict[str, Any]]:
        """The verdicts by file; failed files, and a line that was not written whole, are left out of
        the file, too."""
        if not os.path.exists(self._path):
            return {}
        with open(self._path, encoding="utf-8") as file:
            lines = file.readlines()
        songs = [json.loads(line) for line in lines if line.endswith("\n")]
        songs = [song for song in songs if "error" not in song]
        if len(songs) < len(lines):
            content = "".join(map(_line, songs)).encode()
            _write(fs.LocalFileSystem(), self._path, content)
        return {song["path"]: song for song in songs}

    def append(self, songs: Iterable[Dict[str, Any]]) -> None:
        with open(self._path, "a", encoding="utf-8") as file:
            file.write("".join(map(_line, songs)))


def _line(song: Dict[str, Any]) -> str:
    return json.dumps(song, ensure_ascii=False) + "\n"


def _hash(model: Model) -> str:
    """Of the weights and of all that a verdict depends on."""
    with _Folder(model) as folder, open(os.path.join(folder, "model.safetensors"), "rb") as file:
        return blake2b(file.read(), digest_size=16).hexdigest()


class _Predictor:
    """Has the model, and takes files."""

    def __init__(self, model: Any, options: Dict[str, Any]) -> None:
        self._model: Model = ray.get(model) if isinstance(model, ray.ObjectRef) else model
        self._options = options

    def __call__(self, row: Dict[str, Any]) -> Dict[str, Any]:
        songs: List[Dict[str, Any]] = []
        with ExitStack() as copies:
            paths: Dict[str, str] = {}
            for file in map(str, row["files"]):
                try:
                    paths[file] = copies.enter_context(_Local(file))
                except OSError as error:
                    songs.append({"path": file, "error": str(error)})
            found = self._model.predict_files(
                list(paths.values()), **self._options, threads=1, progress=False
            )
            songs += [_renamed(song, path, file) for (file, path), song in zip(paths.items(), found)]
        return {"songs": json.dumps(songs)}
