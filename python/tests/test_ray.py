"""Work on a local Ray cluster: its results are those without it."""

import json
import os
import subprocess
import sys
import wave
from collections import Counter

import numpy as np
import pytest

import genre_gpu

ray = pytest.importorskip("ray")
pq = pytest.importorskip("pyarrow.parquet")
on_ray = pytest.importorskip("genre_gpu.ray")

CUT = {"segments": 2, "frames": 40, "n_mels": 32, "sample_rate": 16000}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    # Else workers have niceness 15, and a busy machine lets them starve.
    os.environ["RAY_worker_niceness"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    random = np.random.default_rng(3)
    for label, genre in enumerate(["calm", "loud"]):
        (folder / genre).mkdir()
        for i in range(8):
            t = np.arange(4 * 16000) / 16000
            y = np.sin(2 * np.pi * (200 + 60 * i + 900 * label) * t) + random.normal(0, 0.1, t.size)
            with wave.open(str(folder / genre / f"song{i}.wav"), "wb") as file:
                file.setparams((1, 2, 16000, 0, "NONE", ""))
                file.writeframes((8000 * y).astype("<i2").tobytes())
    (folder / "loud" / "broken.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture(scope="module")
def local(songs, tmp_path_factory):
    out = tmp_path_factory.mktemp("local") / "arrays"
    with pytest.warns(genre_gpu.GenreGpuWarning, match="broken.wav is skipped"):
        return genre_gpu.prepare(songs, out, **CUT)


@pytest.fixture(scope="module")
def model(local):
    model = genre_gpu.Model("p1")
    model.fit(genre_gpu.load_data(local.out), epochs=1, verbose=0)
    return model


def command(*arguments):
    command = [sys.executable, "-m", "genre_gpu", *map(str, arguments), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


class Stop(Exception):
    pass


def stop_at(count):
    def progress(label, done, total):
        if done == count:
            raise Stop

    return progress


def test_the_package_needs_no_ray():
    code = """
import sys
import genre_gpu
assert "ray" not in sys.modules and "pyarrow" not in sys.modules
sys.modules["ray"] = None
import genre_gpu.ray
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "genre-gpu[ray]"' in done.stderr.splitlines()[-1]


def test_prepare_makes_the_same_arrays(songs, local, tmp_path, monkeypatch):
    out = tmp_path / "arrays"
    with pytest.raises(Stop):
        on_ray.prepare(songs, out, **CUT, workers=2, progress=stop_at(3))
    begun = {path: path.stat().st_mtime_ns for path in (out / ".prepare").glob("*.cuts")}
    assert 0 < len(begun) < 16
    # The relative paths are those of this process.
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="broken.wav .*strict"):
        on_ray.prepare(os.path.relpath(songs), "arrays", **CUT, strict=True)
    kept = {path: path.stat().st_mtime_ns for path in (out / ".prepare").glob("*.cuts")}
    # What was begun was gone on with, and the last step cut no song again.
    assert begun.items() <= kept.items() and len(kept) == 16
    with pytest.warns(genre_gpu.GenreGpuWarning, match="broken.wav is skipped"):
        made = on_ray.prepare(songs, out, **CUT)
    assert made.skipped == local.skipped and made.counts == local.counts
    assert made.files == 16 and made.seconds == local.seconds == 64
    found, wanted = contents(out), contents(type(out)(local.out))
    assert len([name for name in found if name.endswith(".npy")]) == 9
    assert found == wanted
    assert not (out / ".prepare").exists()


def test_what_is_wrong_is_told(songs, tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        on_ray.prepare(tmp_path / "none", tmp_path / "out")
    with pytest.raises(TypeError, match="segmente"):
        on_ray.prepare(songs, tmp_path / "out", segmente=3)
    with pytest.raises(ValueError, match="splat"):
        on_ray.prepare(songs, tmp_path / "out", split="splat")
    with pytest.raises(ValueError, match="workers"):
        on_ray.prepare(songs, tmp_path / "out", workers=0)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(genre_gpu.GenreGpuError, match="found thesis.txt in it"):
        on_ray.prepare(songs, tmp_path / "mine")
    with pytest.raises(FileNotFoundError, match="p9.toml"):
        on_ray.compare("p9.toml", tmp_path / "out")
    with pytest.raises(ValueError, match="p9"):
        on_ray.compare("p9", tmp_path / "out")
    with pytest.raises(ValueError, match="no GPU"):
        on_ray.compare("p1", tmp_path / "out", device="gpu")
    with pytest.raises(ValueError, match="n_mels"):
        on_ray.spectrograms(songs, tmp_path / "out", n_mels=0)
    with pytest.raises(FileNotFoundError, match="pattern"):
        on_ray.spectrograms(tmp_path / "*.wav", tmp_path / "out")
    # Nothing is left of them, and nothing was touched.
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


def test_a_worker_that_does_not_see_a_folder_says_so(tmp_path):
    from genre_gpu._shares import Marker, run

    task = ray.remote(run)
    with Marker(str(tmp_path / "out")) as marker:
        assert os.path.exists(marker)
    problem = ray.get(task.remote(["prepare"], [marker]))
    assert isinstance(problem, FileNotFoundError)
    assert f"{tmp_path / 'out'}: the worker on" in str(problem) and "does not see it" in str(problem)
    assert not (tmp_path / "out").exists()


def test_spectrograms_are_those_of_prepare(songs, local, tmp_path):
    out = tmp_path / "corpus"
    with pytest.raises(Stop):
        on_ray.spectrograms(songs, out, **CUT, files_per_shard=2, progress=stop_at(4))
    shards = {path: path.stat().st_mtime_ns for path in (out / "shards").iterdir()}
    assert len(shards) >= 1 and all(path.name.startswith("part-") for path in shards)
    made = on_ray.spectrograms(songs, out, **CUT, files_per_shard=2)
    assert (made.files, made.cuts, made.seconds) == (16, 32, 64)
    assert [(file, "broken.wav" in error) for file, error in made.failed] == [
        (str(songs / "loud" / "broken.wav"), True)
    ]
    assert pq.read_table(out / "failed.parquet").to_pylist() == [
        {"file": file, "error": error} for file, error in made.failed
    ]
    assert shards.items() <= {path: path.stat().st_mtime_ns for path in (out / "shards").iterdir()}.items()

    table = pq.read_table(made.shards).combine_chunks()
    told = json.loads(table.schema.metadata[b"genre_gpu"])
    data = genre_gpu.load_data(local.out)
    assert told["front_end"] == made.front_end == data.front_end and told["cutting"] == made.cutting
    x = table["spectrogram"].chunk(0).to_numpy_ndarray()
    assert x.shape == (32, 32, 40) and x.dtype == np.float32
    parts = np.concatenate([data.x_train, data.x_val, data.x_test])
    assert Counter(cut.tobytes() for cut in x) == Counter(cut.tobytes() for cut in parts)
    rows = table.drop_columns("spectrogram").to_pylist()
    alone = genre_gpu.cuts(songs / "calm" / "song3.wav", **CUT)
    of_it = [i for i, row in enumerate(rows) if row["file"] == str(songs / "calm" / "song3.wav")]
    of_it.sort(key=lambda i: rows[i]["cut"])
    assert np.array_equal(x[of_it], alone.x)
    assert [rows[i]["start_s"] for i in of_it] == alone.start_s and rows[of_it[0]]["seconds"] == 4

    again = on_ray.spectrograms(str(songs / "*" / "song*.wav"), f"file://{out}", **CUT)
    assert (again.files, again.cuts, again.failed) == (16, 32, [])
    with pytest.raises(ValueError, match="begun with other settings .*segments"):
        on_ray.spectrograms(songs, out, **{**CUT, "segments": 1})


def test_spectrograms_of_uris(songs, tmp_path):
    uri = f"file://{songs}/calm"
    made = on_ray.spectrograms(uri, f"file://{tmp_path}/corpus", **CUT, files_per_shard=8)
    assert made.files == 8 and made.shards == f"file://{tmp_path}/corpus/shards"
    table = pq.read_table(tmp_path / "corpus" / "shards")
    assert set(table["file"].to_pylist()) == {f"{uri}/song{i}.wav" for i in range(8)}


def test_predict_gives_the_same_verdicts(songs, model, tmp_path, monkeypatch):
    monkeypatch.chdir(songs)
    files = [*(f"loud/song{i}.wav" for i in range(5)), "loud/broken.wav", songs / "calm" / "song1.wav"]
    files += ["none.wav", "./loud/song1.wav"]
    wanted = model.predict_files(files, cuts=2)
    assert sum("error" in song for song in wanted) == 2
    assert on_ray.predict(files, model.run, cuts=2, files_per_task=2) == wanted

    out = tmp_path / "verdicts"
    with pytest.raises(Stop):
        on_ray.predict(files, model, out, cuts=2, files_per_task=1, workers=1, progress=stop_at(3))
    lines = (out / "verdicts.jsonl").read_text().splitlines()
    assert len(lines) == 3
    # A mark shows whether a verdict was kept; the last line was not written whole.
    kept = {**json.loads(lines[0]), "seconds": 99}
    (out / "verdicts.jsonl").write_text("\n".join([json.dumps(kept), lines[1], lines[2][:50]]))
    found = on_ray.predict(files, model, out, cuts=2)
    assert found == [{**song, "seconds": 99} if i == 0 else song for i, song in enumerate(wanted)]
    lines = [json.loads(line) for line in (out / "verdicts.jsonl").read_text().splitlines()]
    assert len(lines) == 8 and all(os.path.isabs(song["path"]) for song in lines)
    with pytest.raises(ValueError, match="begun with other settings .*cuts"):
        on_ray.predict(files, model, out, cuts=1)


def without_times(value):
    if isinstance(value, dict):
        return {
            key: without_times(inner)
            for key, inner in value.items()
            if not any(word in key for word in ("seconds", "_ms", "per_second"))
        }
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("options", [{}, {"folds": 2, "group": "song"}], ids=["seeds", "folds"])
def test_compare_gives_the_same_comparison(folder, tmp_path, options):
    flags = [f"--{name}={value}" for name, value in options.items()]
    given = ["compare", "--models=p1,p1-bn", f"--data={folder}", "--seeds=7,", "--epochs=1", *flags]
    command(*given, f"--out={tmp_path / 'local'}", "--threads=1")
    # One of the runs is there already.
    command(*given, f"--out={tmp_path / 'ray'}", "--share=1/2")
    models = sorted((tmp_path / "ray").rglob("model.safetensors"))
    before = {path: path.stat().st_mtime_ns for path in models}
    assert len(before) >= 1
    found = on_ray.compare(["p1", "p1-bn"], tmp_path / "ray", data=folder, seeds=[7], epochs=1, **options)
    wanted = json.loads((tmp_path / "local" / "compare.json").read_text())
    assert without_times(found) == without_times(wanted)
    names = sorted(path.relative_to(tmp_path / "local") for path in (tmp_path / "local").rglob("model.*"))
    assert len(names) > len(before)
    for name in names:
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
