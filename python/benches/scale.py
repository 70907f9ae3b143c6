"""Measures the rates of docs/scale.md: ``python python/benches/scale.py FOLDER [PART ...]``.

FOLDER keeps the corpora, which are made of the demo songs: 400 songs like GTZAN's, and 40 of four minutes
as WAV and, where ``lameenc`` and ``soundfile`` are installed, as MP3, FLAC and Ogg Vorbis. PART is one of
rates, shards, verdicts, runs, workers; all by default. Rates are of CPU seconds (user and system, with the
start of the process), the best of three, and so of one core; workers are compared by the clock, on a
machine that does nothing else.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np

import genre_gpu

GENRES = ["classical", "disco", "metal", "rock"]
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "scale")
#: Removed after each measurement; in memory where that can be, so that no disk is measured.
OUT = Path("/dev/shm" if os.path.isdir("/dev/shm") else FOLDER) / f"genre-gpu-scale-{os.getpid()}"


def genre_gpu_command(*arguments):
    """CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "genre_gpu", *map(str, arguments), "--quiet"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_wav(path, y, rate):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((y.ndim, 2, rate, 0, "NONE", ""))
        file.writeframes(y.tobytes())


def make_corpora():
    if (FOLDER / "complete").exists():
        return
    genre_gpu_command("demo", "--wav", FOLDER / "demo", "--songs", 40)
    random = np.random.default_rng(1)
    for genre in GENRES:
        songs = []
        for path in sorted((FOLDER / "demo").glob(f"demo.{genre}.*.wav")):
            with wave.open(str(path)) as file:
                songs.append(np.frombuffer(file.readframes(file.getnframes()), "<i2"))

        def joined(count, seconds):
            chosen = random.choice(len(songs), count, replace=False)
            return np.concatenate([songs[i] for i in chosen])[: seconds * 44100]

        for i in range(100):
            y = joined(3, 30).reshape(-1, 2).mean(axis=1).astype("<i2")
            write_wav(FOLDER / "wav-30s" / genre / f"{genre}.{i:05}.wav", y, 22050)
        for i in range(10):
            y = joined(18, 240)
            y = np.ascontiguousarray(np.stack([y, np.roll(y, 37)], axis=1))
            write_wav(FOLDER / "wav-4min" / genre / f"{genre}.{i:05}.wav", y, 44100)
            write_compressed(FOLDER, genre, i, y)
    (FOLDER / "complete").touch()


def write_compressed(folder, genre, i, y):
    try:
        import lameenc
        import soundfile
    except ImportError:
        return
    encoder = lameenc.Encoder()
    encoder.set_bit_rate(192)
    encoder.set_in_sample_rate(44100)
    encoder.set_channels(2)
    encoder.silence()
    places = {kind: folder / f"{kind}-4min" / genre / f"{genre}.{i:05}.{kind}" for kind in ("mp3", "flac", "ogg")}
    for place in places.values():
        place.parent.mkdir(parents=True, exist_ok=True)
    places["mp3"].write_bytes(encoder.encode(y.tobytes()) + encoder.flush())
    soundfile.write(places["flac"], y, 44100)
    with soundfile.SoundFile(places["ogg"], "w", 44100, 2, format="OGG", subtype="VORBIS") as file:
        for at in range(0, len(y), 65536):
            file.write(y[at : at + 65536])


def corpora():
    """Name, files and hours of each corpus."""
    for name, song_seconds in [("wav-30s", 30), *((f"{k}-4min", 240) for k in ("wav", "mp3", "flac", "ogg"))]:
        files = sorted(path for path in (FOLDER / name).glob("*/*") if path.is_file())
        if files:
            yield name, files, len(files) * song_seconds / 3600


def rates():
    for name, files, hours in corpora():
        cut, write = [], []
        for _ in range(3):
            given = ["prepare", FOLDER / name, "--out", OUT, "--threads", 1]
            cut.append(genre_gpu_command(*given, "--share", "1/1"))
            write.append(genre_gpu_command(*given))
            shutil.rmtree(OUT)
        print(
            f"prepare {name}: cuts {min(cut):.1f} s of {hours:.2f} h: {hours / min(cut) * 3600:.0f} h "
            f"per core-hour; arrays {min(write):.2f} s of {len(files)} files"
        )


def shards():
    from genre_gpu import _cuts
    from genre_gpu import ray as on_ray

    how = _cuts.resolved()
    for name, files, hours in corpora():
        seconds = []
        for _ in range(3):
            OUT.mkdir()
            cutter = on_ray._Cutter(str(OUT), how, {})
            begun = time.process_time()
            made = [cutter({"files": files[at : at + 64]}) for at in range(0, len(files), 64)]
            seconds.append(time.process_time() - begun)
            size = sum(path.stat().st_size for path in OUT.iterdir())
            shutil.rmtree(OUT)
        cuts = sum(row["cuts"] for row in made)
        print(
            f"spectrograms {name}: {min(seconds):.1f} s: {hours / min(seconds) * 3600:.0f} h per core-hour; "
            f"{size / cuts:.0f} bytes of a cut"
        )


def verdicts():
    data = OUT.with_name(OUT.name + "-arrays")
    genre_gpu_command("prepare", FOLDER / "wav-30s", "--out", data)
    genre_gpu_command("train", "--data", data, "--epochs", 1, "--out", OUT)
    model = genre_gpu.load(OUT)
    for name, files, hours in corpora():
        few, seconds = files[:: max(1, len(files) // 20)], []
        for _ in range(3):
            begun = time.process_time()
            found = model.predict_files(few, threads=1, progress=False)
            seconds.append(time.process_time() - begun)
        size = np.mean([len(json.dumps(song)) for song in found])
        print(
            f"predict {name}: {len(few) / min(seconds):.1f} songs per s of a core, "
            f"{hours / len(files) * len(few) / min(seconds) * 3600:.0f} h per core-hour; {size:.0f} bytes of JSON"
        )
    shutil.rmtree(OUT)
    shutil.rmtree(data)


def runs():
    data = OUT.with_name(OUT.name + "-arrays")
    genre_gpu_command("prepare", FOLDER / "wav-30s", "--out", data)
    for model in ("p1", "p2"):
        seconds = genre_gpu_command(
            "compare", "--models", model, "--seeds", "42,", "--data", data, "--out", OUT, "--device", "cpu",
            "--threads", 1,
        )  # fmt: skip
        print(f"compare {model}: {seconds:.1f} s a run of 3,360 samples: {3600 / seconds:.0f} runs per core-hour")
        shutil.rmtree(OUT)
    shutil.rmtree(data)


def workers():
    import ray

    from genre_gpu import ray as on_ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    for name, _, hours in corpora():
        if name not in ("wav-30s", "mp3-4min"):
            continue
        times = {1: [], 2: []}
        for turn in range(4):
            for count in (1, 2) if turn % 2 == 0 else (2, 1):
                begun = time.monotonic()
                on_ray.prepare(FOLDER / name, OUT, workers=count, threads=count, progress=False)
                # The first turn starts Ray's processes.
                if turn > 0:
                    times[count].append(time.monotonic() - begun)
                shutil.rmtree(OUT)
        one, two = (statistics.median(times[count]) for count in (1, 2))
        print(
            f"workers {name}: {hours:.2f} h by one in {one:.2f} s ({min(times[1]):.2f} to {max(times[1]):.2f}), by two "
            f"in {two:.2f} s ({min(times[2]):.2f} to {max(times[2]):.2f}): {one / two:.2f} times as fast; load "
            f"{os.getloadavg()[0]:.1f}"
        )


PARTS = {"rates": rates, "shards": shards, "verdicts": verdicts, "runs": runs, "workers": workers}

if __name__ == "__main__":
    make_corpora()
    try:
        for part in sys.argv[2:] or PARTS:
            PARTS[part]()
    finally:
        shutil.rmtree(OUT, ignore_errors=True)
