"""Which programs are compared, their environments, and how each is called."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Constant learning rates: P1's own, and where P2's cosine begins.
RATES = {"p1": 0.01, "p2": 0.1}
DROPOUT = {"p1": 0.0, "p2": 0.3}

# Ours, that ratios are taken against.
CPU, GPU = "ours", "ours-gpu"
ONNX = "onnxruntime"

# What keeps a program's kernels to AVX2. TensorFlow's are oneDNN's, XLA's and Eigen's, the last
# compiled for no more than AVX; PyTorch's are its own, oneDNN's, MKL's and those that it compiles.
AVX2 = {
    "GENRE_GPU_SIMD": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
# These choose their kernels by the processor alone.
UNRESTRICTED = ("burn", ONNX)


class Failure(Exception):
    """What went wrong, for people."""


@dataclass(frozen=True)
class Program:
    """One line of the table. `ours` is the program that its ratio is taken against."""

    name: str
    label: str
    command: tuple
    ours: str = CPU
    threads: int = 0
    slow: bool = False

    def is_ours(self):
        return self.name.startswith(CPU)


@dataclass(frozen=True)
class Paths:
    """Where everything lies once it is set up."""

    work: Path
    data: Path
    genre_gpu: str
    epoch: str
    keras: str
    torch: str
    onnx: str
    burn: str

    @property
    def caches(self):
        # Not below a Cargo.toml: burn would keep its cache in the folder target beside that.
        return Path(tempfile.gettempdir()) / f"genre-gpu-peers-{os.getuid()}"

    def start(self, model):
        return self.work / "start" / model

    def results(self, model):
        """Weights and probabilities of the forward alone."""
        return self.work / "forward" / model


# PyTorch 2.15's faster memory layout, by processor time of epochs on one thread: channels first takes
# 5 to 7 % longer for P1 and 15 to 45 % for P2 compiled. For P2 eager the two are alike, but channels
# last sums batch norms so inexactly that the first loss is 9e-6 off.
LAYOUTS = {
    ("eager", "p1"): "channels_last",
    ("eager", "p2"): "channels_first",
    ("compiled", "p1"): "channels_last",
    ("compiled", "p2"): "channels_last",
}


def programs(paths, model, threads):
    """All of them, in the order of a round."""
    keras = (paths.keras, str(HERE / "keras_peer.py"))
    torch = (paths.torch, str(HERE / "pytorch_peer.py"))
    ours = (paths.epoch, "--json")

    def pytorch(form):
        return (*torch, "--form", form, "--layout", LAYOUTS[form, model])

    cpu = [
        Program("keras", "Keras 3, deterministic", (*keras, "--determinism", "yes")),
        Program("keras-free", "Keras 3", (*keras, "--determinism", "no")),
        Program("torch", "PyTorch", pytorch("eager")),
        Program("torch-compiled", "PyTorch, compiled", pytorch("compiled")),
        Program("burn-flex", "burn, flex", (paths.burn, "--device", "flex")),
        Program("burn-ndarray", "burn, ndarray", (paths.burn, "--device", "ndarray"), slow=True),
        Program("ours", f"genre-gpu, {threads} threads", (*ours, "--device", "cpu")),
    ]
    if threads > 1:
        cpu.append(Program("ours-1", "genre-gpu, 1 thread", (*ours, "--device", "cpu"), threads=1))
    return cpu + [
        Program("burn-wgpu", "burn, wgpu", (paths.burn, "--device", "wgpu"), GPU, slow=True),
        Program(GPU, "genre-gpu, GPU", (*ours, "--device", "gpu"), GPU),
    ]


def forward_programs(paths, threads):
    """Those whose forward alone is measured: ours comes first and leaves the weights."""
    return [
        Program(CPU, f"genre-gpu, {threads} threads", (paths.epoch, "--json", "--device", "cpu")),
        Program(ONNX, "ONNX Runtime", (paths.onnx, str(HERE / "onnxruntime_peer.py"))),
    ]


def forward_command(program, paths, model, samples, threads):
    """Forward of `samples` samples, with weights of one epoch."""
    command = [*program.command, "--data", paths.data, "--model", model, "--threads", threads]
    command += ["--results", paths.results(model)]
    if program.is_ours():
        command += ["--epochs", 1, "--rate", RATES[model], "--evaluate", samples]
    return [str(word) for word in command]


def epoch_command(program, paths, model, epochs, threads, rate, dropout, validate=False):
    """Trains `epochs` and prints a line of JSON for each."""
    command = [*program.command, "--data", paths.data, "--model", model, "--epochs", epochs]
    command += ["--rate", rate]
    if program.is_ours():
        if program.name != GPU:
            command += ["--threads", program.threads or threads]
        if model == "p2":
            command += ["--dropout", dropout]
        return [str(word) for word in command]
    command += ["--start", paths.start(model), "--dropout", dropout]
    command += ["--validate", "yes" if validate else "no"]
    if not program.name.startswith("burn"):
        command += ["--threads", threads]
    return [str(word) for word in command]


def whole_command(program, paths, model, epochs, threads):
    """Our whole run is what a user calls: it validates, evaluates and leaves files."""
    command = [paths.genre_gpu, "train", "--data", paths.data, "--model", model, "--quiet"]
    command += ["--epochs", epochs, "--learning-rate", RATES[model], "--schedule", "constant"]
    command += ["--augment", "none", "--shuffle", "keras3", "--overwrite"]
    command += ["--out", whole_folder(program, paths, model)]
    if program.name == GPU:
        command += ["--device", "gpu"]
    else:
        command += ["--threads", program.threads or threads]
    return [str(word) for word in command]


def whole_folder(program, paths, model):
    return paths.work / "runs" / f"{model}-{program.name}"


def call(what, command, **more):
    """Runs a command of the set-up; its output is the user's to see."""
    print(f"# {what}: {' '.join(map(str, command))}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run([str(word) for word in command], check=False, **more)
    except OSError as error:
        raise Failure(f"{what}: {command[0]}: {error.strerror}") from error
    if done.returncode:
        raise Failure(f"{what} failed with exit code {done.returncode}; what it said is above")
    return done.stdout


def environment(work, name):
    """A virtual environment with the pinned packages; made once."""
    folder = work / f"venv-{name}"
    requirements = HERE / f"requirements-{name}.txt"
    python, mark = folder / "bin" / "python", folder / "requirements.txt"
    if not mark.exists() or mark.read_text() != requirements.read_text():
        call(f"environment of {name}", [sys.executable, "-m", "venv", "--clear", folder])
        call(f"packages of {name}", [python, "-m", "pip", "install", "-q", "-r", requirements], stdout=sys.stderr)
        mark.write_text(requirements.read_text())
    return str(python)


def build_burn(work):
    """burn takes tens of minutes to compile, once."""
    target = work / "burn"
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", HERE / "burn" / "Cargo.toml"]
    call("burn", command, env={**os.environ, "CARGO_TARGET_DIR": str(target)}, stdout=sys.stderr)
    return str(target / "release" / "peer-burn")


def build_ours():
    """The program and the bench, as `cargo install` and `cargo bench` would have them."""
    call("genre-gpu", ["cargo", "build", "--release", "--locked"], cwd=ROOT, stdout=sys.stderr)
    bench = ["cargo", "bench", "--locked", "--no-run", "--bench", "epoch", "--message-format", "json"]
    epoch = None
    for line in call("bench", bench, cwd=ROOT, stdout=subprocess.PIPE, text=True).splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "epoch":
            epoch, target = message["executable"], Path(message["executable"]).parent.parent
    if epoch is None:
        raise Failure("cargo bench --no-run did not say where the bench epoch lies")
    return str(target / "genre-gpu"), epoch


def set_up(args, models, names):
    """Builds, installs and writes what is not there yet."""
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)

    def wanted(prefix):
        return any(name.startswith(prefix) for name in names)

    def given(path):
        return path and os.path.abspath(path)

    genre_gpu, epoch = args.genre_gpu, args.epoch_bench
    if not (genre_gpu and epoch):
        built = build_ours()
        genre_gpu, epoch = genre_gpu or built[0], epoch or built[1]
    data = args.data
    if data is None:
        data = work / "arrays"
        if not (data / "y_train.npy").exists():
            call("demo corpus", [genre_gpu, "demo", "--arrays", data], stdout=sys.stderr)
    paths = Paths(
        work=work,
        data=Path(data).resolve(),
        # Programs run in a folder of their own.
        genre_gpu=os.path.abspath(genre_gpu),
        epoch=os.path.abspath(epoch),
        keras=given(args.keras_python) or (environment(work, "keras") if wanted("keras") else ""),
        torch=given(args.torch_python) or (environment(work, "pytorch") if wanted("torch") else ""),
        onnx=given(args.onnx_python) or (environment(work, ONNX) if args.samples and wanted(ONNX) else ""),
        burn=given(args.burn) or (build_burn(work) if wanted("burn") else ""),
    )
    if not args.resume:
        shutil.rmtree(paths.caches, ignore_errors=True)
    for folder in (paths.caches, paths.work / "logs", paths.work / "runs"):
        folder.mkdir(exist_ok=True)
    for model in models:
        command = [paths.epoch, "--data", paths.data, "--model", model, "--write-start", paths.start(model)]
        call(f"start of {model}", command)
    return paths
