"""Runs one program and takes down what it says and needs."""

import csv
import json
import os
import subprocess
import threading
import time

from programs import (
    AVX2, DROPOUT, RATES, Failure, epoch_command, forward_command, whole_command, whole_folder,
)

# Longer than any of them takes: one that runs on hangs, and is killed.
LIMIT_SECONDS = 3600


# Whether all are kept to AVX2: set once, by `run`.
AT_AVX2 = False


def environment_of(threads, caches):
    """Limits of threads and vectors, and caches of compiled kernels (of Mesa, cubecl and PyTorch) that begin
    empty with the session."""
    env = dict(os.environ)
    env |= dict.fromkeys(["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "LP_NUM_THREADS"], str(threads))
    env |= {"XDG_CACHE_HOME": str(caches), "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor")}
    if AT_AVX2:
        env |= AVX2
    # Else Mesa complains.
    env.setdefault("XDG_RUNTIME_DIR", str(caches))
    return env


def run_once(command, threads, caches, log):
    """Its lines of JSON, wall time in seconds and peak resident memory in bytes."""
    env = environment_of(threads, caches)
    with open(log, "w", encoding="utf-8") as errors:
        clock = time.perf_counter()
        env["PEERS_START"] = repr(time.time())
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=caches)
        hung = threading.Timer(LIMIT_SECONDS, process.kill)
        hung.start()
        try:
            lines = [json.loads(line) for line in process.stdout if line.startswith("{")]
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            hung.cancel()
            if process.returncode is None:
                process.kill()
                process.wait()
    seconds = time.perf_counter() - clock
    if process.returncode:
        tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-15:])
        raise Failure(f"exit code {process.returncode} of {' '.join(command)}; {log} ends with\n{tail}")
    return lines, seconds, usage.ru_maxrss * 1024


def epochs_run(program, paths, model, epochs, threads, log, rate=None, dropout=None, validate=False):
    """Seconds of epochs, start-up, losses; rate and dropout are the model's unless given."""
    rate = RATES[model] if rate is None else rate
    dropout = DROPOUT[model] if dropout is None else dropout
    command = epoch_command(program, paths, model, epochs, threads, rate, dropout, validate)
    lines, seconds, peak = run_once(command, program.threads or threads, paths.caches, log)
    found = [line for line in lines if line["event"] == "epoch"]
    first = next((line for line in lines if line["event"] == "first_step"), None)
    end = next((line for line in lines if line["event"] == "end"), None)
    if len(found) != epochs or first is None or end is None:
        raise Failure(f"expected a first step, {epochs} epochs and an end of {' '.join(command)}, found {lines}")
    return {
        "epoch_seconds": [line["seconds"] for line in found],
        "loss": [line["loss"] for line in found],
        "accuracy": [line["accuracy"] for line in found],
        "val_loss": [line.get("val_loss") for line in found],
        "first_loss": first["loss"],
        "start_up_seconds": first["since_start"],
        "wall_seconds": seconds,
        "peak_bytes": peak,
        "device": end["device"],
        "version": end.get("version", ""),
    }


def forward_run(program, paths, model, samples, threads, log):
    """Seconds of each forward of all samples; how far the probabilities of a peer are from ours."""
    command = forward_command(program, paths, model, samples, threads)
    lines, seconds, peak = run_once(command, threads, paths.caches, log)
    found = next((line for line in lines if line["event"] == "evaluate"), None)
    if found is None:
        raise Failure(f"expected the times of {' '.join(command)}, found {lines}")
    return {
        "forward_seconds": found["seconds"],
        "batch": found["batch"],
        "apart": found.get("apart", 0.0),
        "by_batch": found.get("by_batch"),
        "wall_seconds": seconds,
        "peak_bytes": peak,
        "version": found.get("version", ""),
    }


def whole_run(program, paths, model, epochs, threads, log):
    """Wall time of a whole run from a cold start, its losses and memory."""
    if not program.is_ours():
        return epochs_run(program, paths, model, epochs, threads, log, validate=True)
    command = whole_command(program, paths, model, epochs, threads)
    _, seconds, peak = run_once(command, program.threads or threads, paths.caches, log)
    history = whole_folder(program, paths, model) / "history.csv"
    with open(history, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if len(rows) != epochs:
        raise Failure(f"expected {epochs} epochs in {history}, found {len(rows)}")
    return {
        "loss": [float(row["loss"]) for row in rows],
        "val_loss": [float(row["val_loss"]) for row in rows],
        "wall_seconds": seconds,
        "peak_bytes": peak,
    }
