"""log_mel, prepare, predict_files."""

import wave

import numpy as np
import pytest

import genre_gpu


def sound(seconds, rate=22050, seed=1):
    random = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * f * t) / f**0.5 for f in (110, 440, 1370, 5200))
    return (0.1 * tones * np.exp(-(t % 0.5)) + 0.01 * random.normal(size=t.size)).astype(np.float32)


@pytest.mark.parametrize(
    "rate, options",
    [
        (22050, {}),
        (44100, {"preset": "bristol-80"}),
        (16000, {"n_fft": 1000, "hop_length": 333, "n_mels": 40, "fmin": 50, "fmax": 7000}),
        (22050, {"ref": 1.0}),
    ],
)
def test_log_mel_is_that_of_librosa(rate, options):
    librosa = pytest.importorskip("librosa")
    y = sound(4, rate)
    preset = {"n_fft": 2048, "hop_length": 512, "n_mels": 128}
    if options.get("preset") == "bristol-80":
        preset = {"n_fft": 1024, "hop_length": 512, "n_mels": 80}
    given = {**preset, **{k: v for k, v in options.items() if k not in ("preset", "ref")}}
    power = librosa.feature.melspectrogram(y=y, sr=rate, pad_mode="constant", **given)
    ref = np.max if options.get("ref", "max") == "max" else 1.0
    expected = librosa.power_to_db(power, ref=ref)
    found = genre_gpu.log_mel(y, rate, **options)
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-4


def test_log_mel_of_several_sounds_and_of_what_is_none():
    both = np.stack([sound(1), sound(1, seed=2)])
    found = genre_gpu.log_mel(both, 22050)
    assert found.shape == (2, 128, 44)
    assert np.array_equal(found[1], genre_gpu.log_mel(both[1], 22050))
    assert np.array_equal(found[0], genre_gpu.log_mel(both[0].astype(np.float64), 22050))
    assert (genre_gpu.log_mel(np.zeros(9000), 22050) == 0).all()
    for y, rate, options, words in [
        ([], 22050, {}, "sample"),
        (np.zeros((2, 2, 2)), 22050, {}, "found shape"),
        ([0.0, np.nan], 22050, {}, "finite"),
        (sound(1), 22050.5, {}, "whole number"),
        (sound(1), 0, {}, "sample_rate_hz"),
        (sound(1), 22050, {"preset": "mine"}, "librosa-2s or bristol-80"),
        (sound(1), 22050, {"n_mels": 0}, "n_mels"),
        (sound(1), 22050, {"ref": 2.0}, "ref"),
        (sound(1), 22050, {"fmax": 20000}, "f_max_hz"),
    ]:
        with pytest.raises(ValueError, match=words):
            genre_gpu.log_mel(y, rate, **options)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    for label, genre in enumerate(["calm", "loud"]):
        (folder / genre).mkdir()
        for i in range(10):
            y = sound(4, seed=10 * label + i)
            if label:
                y = np.clip(8 * y, -0.9, 0.9)
            with wave.open(str(folder / genre / f"song{i}.wav"), "wb") as file:
                file.setparams((1, 2, 22050, 0, "NONE", ""))
                file.writeframes((32767 * y).astype("<i2").tobytes())
    (folder / "loud" / "broken.wav").write_bytes(b"RIFF")
    return folder


def test_from_files_to_verdicts(songs, tmp_path):
    seen = []
    with pytest.warns(genre_gpu.GenreGpuWarning, match="broken.wav is skipped"):
        made = genre_gpu.prepare(
            songs, tmp_path / "arrays", segments=2, frames=40, n_mels=32, progress=lambda *a: seen.append(a)
        )
    assert made.classes == ["calm", "loud"] and made.files == 20
    assert [name for name, _ in made.skipped] == ["loud/broken.wav"]
    assert sum(samples for *_, samples in made.counts) == 40
    assert ("songs", 21, 21) in seen
    data = genre_gpu.load_data(made.out)
    assert data.x_train.shape[1:] == (32, 40) and data.front_end["n_mels"] == 32
    assert not data.x_train.flags.writeable
    one = genre_gpu.cuts(songs / "calm" / "song0.wav", segments=2, frames=40, n_mels=32)
    assert one.x.shape == (2, 32, 40) and one.start_s[0] == 0
    assert abs(one.seconds - 4) < 1e-9 and one.remark is None
    parts = np.concatenate([data.x_train, data.x_val, data.x_test])
    assert all((one.x[i] == parts).all(axis=(1, 2)).sum() == 1 for i in range(2))
    with pytest.raises(ValueError, match="broken.wav"):
        genre_gpu.cuts(songs / "loud" / "broken.wav")
    model = genre_gpu.Model("p1-bn")
    model.fit(data, epochs=40, learning_rate=0.02, batch_size=8)
    assert model.front_end == data.front_end
    files = [songs / "calm" / "song0.wav", songs / "loud" / "song1.wav", songs / "none.wav"]
    calm, loud, none = model.predict_files(files)
    assert calm["nearest"] == "calm" and loud["nearest"] == "loud"
    assert abs(sum(calm["probabilities"].values()) - 1) < 1e-6
    assert "none.wav" in none["error"]
    # A model whose weights were set knows its front end still.
    other = genre_gpu.load(model.run)
    other.set_weights(model.weights)
    assert other.predict_files(files[0])[0]["nearest"] == "calm"
    with pytest.raises(FileNotFoundError):
        genre_gpu.prepare(songs / "none", tmp_path / "no")
    with pytest.raises(ValueError, match="splat"):
        genre_gpu.prepare(songs, tmp_path / "no", split="splat")
