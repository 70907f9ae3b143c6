"""Commands with ``--share``, as Ray tasks.

A module of its own, so that a worker which only starts a command loads neither Ray Data nor pyarrow.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from types import TracebackType
from typing import Any, Callable, List, Optional, Sequence, Type, Union

import ray

from ._listener import Listener
from ._native import GenreGpuError

#: What :class:`genre_gpu._listener.Listener` takes.
Progress = Union[bool, Callable[[str, int, int], object], None]

#: How often a task looks whether it was cancelled.
POLL_SECONDS = 0.2
#: How long cancelled tasks may take to end.
GRACE_SECONDS = 10.0


class Marker:
    """A file in a folder, by which a worker knows that it sees the same folder as this process."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, f".ray-{uuid.uuid4().hex}")
        #: Folders that are made here, inner ones first.
        self._made: List[str] = []

    def __enter__(self) -> str:
        folder = self._folder
        while not os.path.lexists(folder):
            self._made.append(folder)
            folder = os.path.dirname(folder)
        os.makedirs(self._folder, exist_ok=True)
        with open(self._path, "x", encoding="utf-8"):
            pass
        return self._path

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if os.path.exists(self._path):
            os.remove(self._path)
        # Where nothing came of it, nothing is left.
        for folder in self._made:
            if os.path.isdir(folder) and not os.listdir(folder):
                os.rmdir(folder)


def run_all(
    commands: Sequence[List[str]], seen: List[str], workers: int, progress: Progress, gpus: int = 0
) -> None:
    """Run commands as Ray tasks, so many at once; the first problem ends the others and is raised."""
    # The machine is lost, not the command: then it is run again.
    task = ray.remote(run).options(num_cpus=1, num_gpus=gpus, max_retries=3)
    listener = Listener(progress)
    listener.begin("shares", len(commands), "shares")
    waiting = list(commands)
    running: List[Any] = []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(task.remote(waiting.pop(0), seen))
            done, running = ray.wait(running, num_returns=1)
            problem = ray.get(done[0])
            if problem is not None:
                raise problem
            listener.advance(1)
    finally:
        listener.end()
        for one in running:
            ray.cancel(one, force=False)
        if running:
            ray.wait(running, num_returns=len(running), timeout=GRACE_SECONDS)


def run(arguments: List[str], seen: List[str]) -> Optional[Exception]:
    """Run the command line on a worker; what is wrong, if anything is."""
    for path in seen:
        if not os.path.exists(path):
            machine = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
            # The marker's folder is what the caller knows.
            place = os.path.dirname(path) if os.path.basename(path).startswith(".ray-") else path
            return FileNotFoundError(
                f"{place}: the worker on {machine} does not see it; expected a folder that all machines "
                "of the cluster share"
            )
    command = [sys.executable, "-m", "genre_gpu", *arguments, "--quiet"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        while True:
            try:
                _, told = process.communicate(timeout=POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                # Between two looks Ray can cancel the task, which raises KeyboardInterrupt here.
                continue
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode == 0:
        return None
    told = told.strip() or f"genre-gpu {arguments[0]} ended with exit code {process.returncode}"
    return ValueError(told) if process.returncode == 2 else GenreGpuError(told)
