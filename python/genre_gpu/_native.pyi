"""The library, as `python/src` exposes it."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

__version__: str
SOUND_EXTENSIONS: List[str]

class GenreGpuError(Exception): ...

class Network:
    @staticmethod
    def initial(
        name: str, text: Optional[str], shape: Tuple[int, ...], classes: List[str], seed: int
    ) -> "Network": ...
    @staticmethod
    def of_run(run: Any) -> "Network": ...
    def with_weights(self, weights: List[Any]) -> "Network": ...
    def weights(self) -> List[Tuple[str, Any]]: ...
    @property
    def facts(self) -> Dict[str, Any]: ...
    def summary(self) -> str: ...
    def predict(self, x: Any, device: str, adapter: Optional[str], threads: int) -> Any: ...
    def evaluate(
        self, arrays: List[Any], device: str, adapter: Optional[str], threads: int, listener: Any
    ) -> Tuple[float, float]: ...
    def maps(
        self,
        x: Any,
        targets: List[int],
        method: str,
        layer: Optional[str],
        device: str,
        adapter: Optional[str],
        threads: int,
    ) -> Dict[str, Any]: ...
    def save(self, folder: Any, overwrite: bool) -> None: ...
    def export(self, path: Any, format: Optional[str]) -> None: ...
    @staticmethod
    def of_file(
        path: Any,
        model: Optional[Tuple[str, Optional[str]]],
        input: Optional[Tuple[int, int]],
        name: Optional[str],
        classes: Optional[List[str]],
        scale: Optional[Tuple[float, float]],
        front_end: Optional[str],
    ) -> Tuple["Network", List[str]]: ...

def main(arguments: Sequence[str]) -> int: ...
def check_model(name: str, text: Optional[str]) -> None: ...
def load_data(
    settings: str, config: Optional[Any], cache_dir: Optional[Any], listener: Any
) -> Dict[str, Any]: ...
def prepare(
    audio: Any,
    out: Any,
    list: Optional[Any],
    classes: Optional[List[str]],
    front_end: str,
    frames: Optional[int],
    cutting: str,
    song_from: Optional[str],
    split: Optional[str],
    parts: Optional[Any],
    seed: int,
    strict: bool,
    most_minutes: int,
    threads: int,
    listener: Any,
) -> Dict[str, Any]: ...
def cuts(
    path: Any, front_end: str, frames: Optional[int], cutting: str, most_minutes: int
) -> Tuple[Any, List[float], Dict[str, Any]]: ...
def how_cut(front_end: str, frames: Optional[int], cutting: str) -> str: ...
def log_mel(y: Any, front_end: str, max_is_zero: bool) -> Any: ...
def predict_files(
    run: Any,
    files: Sequence[Any],
    cuts: Optional[int],
    front_end: Optional[str],
    most_minutes: int,
    device: str,
    adapter: Optional[str],
    threads: int,
    listener: Any,
) -> str: ...
def train(
    name: Optional[str],
    text: Optional[str],
    settings: str,
    config: Optional[Any],
    arrays: Optional[List[Any]],
    folder: Any,
    overwrite: bool,
    cache_dir: Optional[Any],
    listener: Any,
) -> bool: ...
