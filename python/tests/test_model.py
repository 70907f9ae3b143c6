"""Model: fit, evaluate, predict, explain, weights, files."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import genre_gpu


def command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "genre_gpu", *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fit(arrays, **settings):
    model = genre_gpu.Model("p1")
    x, y, song = arrays["train"]
    settings.setdefault("epochs", 2)
    model.fit(
        x, y, songs=song, validation_data=arrays["val"], test_data=arrays["test"], **settings
    )
    return model


def test_a_fit_has_the_bits_of_the_command_line(arrays, folder, tmp_path):
    run = tmp_path / "run"
    command("train", "--data", folder, "--out", run, "--epochs", 3, "--seed", 7, "--momentum", 0.9)
    of_command = genre_gpu.load(run)

    x, y, song = arrays["train"]
    models = [genre_gpu.Model("p1", seed=7) for _ in range(3)]
    given = {"validation_data": arrays["val"], "test_data": arrays["test"], "songs": song}
    models[0].fit(x, y, **given, epochs=3, momentum=0.9)
    # Other orders and types of the same numbers, and names of classes.
    wide = np.asfortranarray(x.astype(np.float64))
    models[1].fit(wide, y.astype(np.uint8), **given, epochs=3, momentum=0.9, threads=1)
    models[2].fit(genre_gpu.load_data(folder), epochs=3, momentum=0.9)
    for model in models:
        assert model.weights.keys() == of_command.weights.keys()
        for name, values in of_command.weights.items():
            assert np.array_equal(model.weights[name].view(np.uint32), values.view(np.uint32)), name
        assert all(model.metrics[p] == of_command.metrics[p] for p in ("train", "val", "test"))

    history = np.genfromtxt(run / "history.csv", delimiter=",", names=True)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert np.array_equal(np.float32(history[name]), np.float32(models[0].history.history[name]))
    assert models[0].history.epoch == [0, 1, 2]


def test_a_run_with_a_folder_serves_the_command_line(arrays, tmp_path):
    run = tmp_path / "run"
    model = fit(arrays, run=run)
    assert model.run == str(run)
    x, y, _ = arrays["test"]
    np.savez(tmp_path / "other.npz", x_test=x, y_test=y)
    told = json.loads(command("evaluate", run, "--data", tmp_path / "other.npz", "--part", "test", "--json"))
    loss, accuracy = model.evaluate(x, y)
    assert (told["test"]["accuracy"], np.float32(told["test"]["loss"])) == (accuracy, np.float32(loss))
    with pytest.raises(genre_gpu.GenreGpuError, match="holds a config.toml already"):
        fit(arrays, run=run)
    again = fit(arrays, run=run, overwrite=True, epochs=1)
    assert len(again.history.epoch) == 1


def test_without_validation_there_are_no_figures_of_it(arrays):
    model = genre_gpu.Model("p1")
    x, y, _ = arrays["train"]
    history = model.fit(x, y, epochs=2)
    assert sorted(history.history) == ["accuracy", "loss"]
    assert "train" in model.metrics and not {"val", "test"} & model.metrics.keys()
    with pytest.raises(ValueError, match="early-stopping: expected validation samples"):
        genre_gpu.Model("p1").fit(x, y, epochs=2, early_stopping=3)


def test_predictions_and_figures_are_those_of_the_run(fitted, arrays):
    x, y, _ = arrays["test"]
    probabilities = fitted.predict(x)
    assert probabilities.shape == (32, 2) and probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    accuracy = (probabilities.argmax(axis=1) == y).mean()
    loss, told = fitted.evaluate(x, y)
    part = fitted.metrics["test"]
    assert accuracy == told == part["accuracy"] and np.float32(loss) == np.float32(part["loss"])
    # One sample, a channel, no sample; what a sample gives does not depend on its company.
    assert np.array_equal(fitted.predict(x[3]), probabilities[3:4])
    assert np.array_equal(fitted.predict(x[..., None]), probabilities)
    assert fitted.predict(x[:0]).shape == (0, 2)
    one_hot = np.eye(2, dtype=np.float32)[y]
    assert fitted.evaluate(x, one_hot, return_dict=True) == {"loss": loss, "accuracy": accuracy}
    # As code for Keras says it.
    assert fitted.evaluate(x, y, verbose=0) == [loss, told]
    with pytest.raises(ValueError, match='verbose: expected "auto", 0, 1 or 2, found 3'):
        fitted.predict(x, verbose=3)


def test_evaluate_takes_samples_as_predict_does_however_the_files_were(arrays, tmp_path):
    x, y, song = (np.concatenate([arrays[name][i] for name in arrays]) for i in range(3))
    square = x[:, :20, :]
    for name, saved, options in [
        ("transposed", {"x": square.swapaxes(1, 2), "y": y, "song": song}, {"transpose": True, "split": "song"}),
        ("named", {"mine": square, "y": y, "song": song}, {"arrays": {"x": "mine"}, "split": "song"}),
    ]:
        np.savez(tmp_path / f"{name}.npz", **saved)
        data = genre_gpu.load_data(tmp_path / f"{name}.npz", **options)
        model = genre_gpu.Model("p1")
        model.fit(data, epochs=3)
        loss, accuracy = model.evaluate(data)
        assert (np.float32(loss), accuracy) == (np.float32(model.metrics["test"]["loss"]), model.metrics["test"]["accuracy"])


def test_probabilities_follow_the_weights(fitted, arrays):
    x = arrays["test"][0]
    before = fitted.predict(x)
    other = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(other.predict(x), before) and other.metrics == fitted.metrics
    weights = other.weights
    assert weights["conv2d/kernel"].shape == (5, 5, 1, 4)
    weights["dense_1/bias"][0] += 1
    other.set_weights(weights)
    shifted = other.predict(x)
    expected = before * np.exp([1, 0])
    assert np.allclose(shifted, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)
    assert other.run is None and np.array_equal(fitted.predict(x), before)
    with pytest.raises(ValueError, match="were set"):
        other.fit(x, arrays["test"][1])
    for wrong, words in [
        ({}, "missing conv2d/kernel"),
        ({**weights, "more": 1}, "unknown more"),
        ({**weights, "dense_1/bias": np.zeros(3)}, r"dense_1/bias: expected shape \(2,\), found \(3,\)"),
        ([], "expected 10 arrays, found 0"),
    ]:
        with pytest.raises(ValueError, match=words):
            other.set_weights(wrong)
    assert np.array_equal(other.predict(x), shifted)


def test_explain_gives_the_maps_of_its_definition(fitted, arrays):
    x = arrays["test"][0][:6]
    found = fitted.explain(x)
    assert found.layer == "max_pooling2d_2" and found.maps.shape == (6, 3, 2)
    assert found.extent == (0, 16, 0, 24)
    assert np.array_equal(found.targets, fitted.predict(x).argmax(axis=1))
    assert np.allclose(found.probabilities, fitted.predict(x), atol=1e-6)
    heat = found.heatmaps
    assert ((heat >= 0) & (heat <= 1)).all()
    # The maps of both methods sum up to the same where the gradient is one number for each channel.
    other = fitted.explain(x, 1 - found.targets, method="hires_cam")
    assert not np.array_equal(other.maps, found.maps)
    named = fitted.explain(x, fitted.classes[1], layer="conv2d")
    assert named.maps.shape == (6, 24, 20) and (named.targets == 1).all()
    for arguments, words in [
        ({"target": "jazz"}, "expected one of class 0, class 1, found jazz"),
        ({"target": 2}, "expected labels from 0 to 1"),
        ({"method": "cam"}, "expected grad_cam or hires_cam, found cam"),
        ({"layer": "conv"}, "conv"),
        ({"layer": "dense"}, "dense"),
    ]:
        with pytest.raises(ValueError, match=words):
            fitted.explain(x, **arguments)


def test_saved_models_are_the_same(fitted, arrays, tmp_path):
    x = arrays["test"][0]
    fitted.save(tmp_path / "run")
    again = genre_gpu.load(tmp_path / "run")
    assert np.array_equal(again.predict(x), fitted.predict(x)) and again.metrics == fitted.metrics
    with pytest.raises(FileExistsError, match="holds a run"):
        fitted.save(tmp_path / "run")
    fitted.save(tmp_path / "run", overwrite=True)
    fresh = genre_gpu.Model("p2", shape=(24, 20), classes=["a", "b"])
    fresh.save(tmp_path / "fresh")
    assert genre_gpu.load(tmp_path / "fresh").classes == ["a", "b"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(FileExistsError, match="is no run"):
        fitted.save(tmp_path / "mine", overwrite=True)
    with pytest.raises(FileNotFoundError):
        genre_gpu.load(tmp_path / "none")


def test_a_forked_process_leaves_the_temporary_folder(arrays):
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    code = """
import os, sys, numpy as np, genre_gpu
x = np.random.default_rng(0).normal(size=(40, 24, 20))
model = genre_gpu.Model("p1")
model.fit(x, np.arange(40) % 2, epochs=1, threads=1)
if os.fork() == 0:
    sys.exit(0)
os.wait()
assert os.path.exists(model.run)
run = model.run
del model
assert not os.path.exists(run)
"""
    subprocess.run([sys.executable, "-W", "error::ResourceWarning", "-c", code], check=True)


def test_initial_weights_are_those_of_keras():
    weights = genre_gpu.Model("p1", shape=(80, 80), classes=4).weights
    assert sum(w.size for w in weights.values()) == genre_gpu.Model(
        "p1", shape=(80, 80), classes=4
    ).count_params()
    other = genre_gpu.Model("p1", shape=(80, 80), classes=4, seed=43).weights
    assert not np.array_equal(weights["conv2d/kernel"], other["conv2d/kernel"])


def test_models_from_text(arrays, folder, tmp_path):
    text = """
    [[node]]
    name = "flatten"
    op = "flatten"
    [[node]]
    name = "head"
    op = "dense"
    units = "classes"
    [[node]]
    name = "softmax"
    op = "softmax"
    """
    model = genre_gpu.Model(text)
    model.fit(*arrays["train"][:2], validation_data=arrays["val"], epochs=1)
    assert model.layers == ["flatten", "head", "softmax"] and model.count_params() == 24 * 20 * 2 + 2
    run = tmp_path / "run"
    genre_gpu.Model(text).fit(genre_gpu.load_data(folder), epochs=1, run=run)
    moved = run.rename(tmp_path / "moved")
    command("train", "--resume", moved, "--epochs", 2)
    command("train", "--config", moved / "config.toml", "--out", tmp_path / "again", "--epochs", 2)
    weights = [genre_gpu.load(path).weights["head/kernel"] for path in (moved, tmp_path / "again")]
    assert np.array_equal(*weights)
    lines = []
    model.summary(lines.append)
    assert "head" in lines[0] and "962" in lines[0]
    with pytest.raises(ValueError, match="node 1"):
        genre_gpu.Model('[[node]]\nname = "a"\nop = "gru"')
    with pytest.raises(ValueError, match="model p3: expected a built-in model"):
        genre_gpu.Model("p3")


class Recorder:
    def __init__(self):
        self.calls = []

    def on_train_begin(self, logs):
        self.calls.append("begin")

    def on_epoch_begin(self, epoch, logs):
        self.calls.append(epoch)

    def on_train_batch_end(self, batch, logs):
        self.calls.append("batch")

    def on_epoch_end(self, epoch, logs):
        self.calls.append(sorted(logs))

    def on_train_end(self, logs):
        self.calls.append("end")


def test_callbacks(arrays):
    recorder, seen = Recorder(), []
    fit(arrays, callbacks=[recorder, lambda epoch, logs: seen.append((epoch, logs["loss"]))])
    of_epoch = ["batch"] * 3 + [["accuracy", "loss", "val_accuracy", "val_loss"]]
    assert recorder.calls == ["begin", 0, *of_epoch, 1, *of_epoch, "end"]
    assert [epoch for epoch, _ in seen] == [0, 1]


def test_callbacks_of_keras(arrays):
    callbacks = pytest.importorskip("keras").callbacks
    x, y, _ = arrays["train"]
    given = {"validation_data": arrays["val"], "epochs": 2}
    model, batches = genre_gpu.Model("p1"), []
    for _ in range(2):
        model.fit(
            x, y, **given,
            callbacks=[
                callbacks.EarlyStopping(patience=5),
                callbacks.EarlyStopping("val_accuracy", mode="max", patience=5),
                callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch)),
            ],
        )
    assert batches == 2 * 2 * [0, 1, 2]
    # Weights of the fit before are not those of this one.
    with pytest.raises(ValueError, match="before training has ended"):
        model.fit(x, y, **given, callbacks=[callbacks.EarlyStopping(restore_best_weights=True)])
    assert model.run is not None and model.fit(x, y, **given, callbacks=None).epoch == [0, 1]


def test_a_callback_may_stop_training_or_raise(arrays, tmp_path):
    model = genre_gpu.Model("p1")

    def enough(epoch, logs):
        model.stop_training = epoch == 1

    x, y, song = arrays["train"]
    given = {"songs": song, "validation_data": arrays["val"], "test_data": arrays["test"]}
    model.fit(x, y, **given, epochs=9, callbacks=[enough])
    short = fit(arrays, epochs=2)
    assert len(model.history.epoch) == 2
    assert all(np.array_equal(model.weights[k], v) for k, v in short.weights.items())
    assert model.metrics["epochs"] == 2

    def fails(epoch, logs):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fit(arrays, callbacks=[fails])

    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(arrays, callbacks=[interrupt], run=tmp_path / "run", epochs=3)
    command("train", "--resume", tmp_path / "run", "--data", _folder(tmp_path, arrays))
    whole = fit(arrays, epochs=3)
    resumed = genre_gpu.load(tmp_path / "run")
    assert all(np.array_equal(resumed.weights[k], v) for k, v in whole.weights.items())


def _folder(path, arrays):
    path = path / "npz"
    path.mkdir()
    for name, part in arrays.items():
        for role, array in zip(("x", "y", "song"), part):
            np.save(path / f"{role}_{name}.npy", array)
    return path


def test_ctrl_c_ends_training_between_two_steps(folder):
    import os
    import signal

    if os.name == "nt":
        pytest.skip("SIGINT cannot be sent to one process here")
    # A shell that starts the tests in the background has SIGINT ignored.
    code = f"""
import signal
import genre_gpu, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
data = genre_gpu.load_data({str(folder)!r})
try:
    genre_gpu.Model("p1").fit(data, epochs=10**9, callbacks=[lambda e, l: print("epoch", flush=True) if e == 0 else None])
except KeyboardInterrupt:
    print("interrupted")
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "epoch\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=120)[0] == "interrupted\n" and process.returncode == 0


def test_a_model_that_was_made_for_samples_takes_no_others(arrays):
    x, y, _ = arrays["train"]
    with pytest.raises(ValueError, match=r"\(80, 80\), as the model was made for, found \(24, 20\)"):
        genre_gpu.Model("p1", shape=(80, 80), classes=2).fit(x, y, epochs=1)
    fresh = pickle.loads(pickle.dumps(genre_gpu.Model("p1", shape=(24, 20), classes=2)))
    assert fresh.run is None and fresh.fit(x, y, epochs=1).epoch == [0]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"epochs": 2.7}, "epochs: expected a whole number, found 2.7"),
        ({"validation_split": 0.1}, "validation_data"),
        ({"epochs": 0}, "epochs: expected 1 to"),
        ({"learning_rate": -1}, "learning-rate"),
        ({"momentun": 0.9}, "unknown field `momentun`"),
        ({"device": "tpu"}, "tpu"),
        ({"optimizer": "lion"}, "lion"),
        ({"callbacks": [3]}, "callbacks: expected functions"),
        ({"verbose": 7}, "verbose"),
        ({"validation_data": 3}, "validation_data: expected"),
    ],
)
def test_wrong_settings_are_refused(arrays, change, words):
    x, y, _ = arrays["train"]
    given = {"validation_data": arrays["val"], "epochs": 1, **change}
    with pytest.raises(ValueError, match=words):
        genre_gpu.Model("p1").fit(x, y, **given)


def test_wrong_arrays_are_refused(arrays, fitted):
    x, y, _ = arrays["train"]
    val = {"validation_data": arrays["val"], "epochs": 1}
    nan = x.copy()
    nan[5, 3, 2] = np.nan
    for wrong_x, wrong_y, words in [
        (x, y[:-1], "y_train"),
        (nan, y, "x_train.*(NaN|nan)"),
        (x[0], y, "x_train"),
        (x[:, :3, :3], y, "x_"),
        (np.array([None] * 96), y, "x_train"),
        (x, y - 1, "y_train.*-1"),
        (x, y + 0.5, "y_train"),
        (x[:0], y[:0], "x_train"),
        ([["a"]], y, "x_train"),
    ]:
        with pytest.raises(ValueError, match=words):
            genre_gpu.Model("p1").fit(wrong_x, wrong_y, **val)
    with pytest.raises(ValueError, match=r"expected shape \(n, 24, 20\).*found \(96, 20, 24\)"):
        fitted.predict(x.swapaxes(1, 2))
    with pytest.raises(ValueError, match="finite values.*in sample 5"):
        fitted.predict(nan)
    with pytest.raises(ValueError, match="expected numbers"):
        fitted.predict(np.array(["a"]))
    with pytest.raises(ValueError, match="does not know its samples yet"):
        genre_gpu.Model("p1").predict(x)
    with pytest.raises(FileNotFoundError):
        genre_gpu.load_data("nothing.npz")


def test_labels_may_be_python_objects(arrays):
    x, y, _ = arrays["train"]
    names = np.array(["calm", "loud"], dtype=object)
    model = genre_gpu.Model("p1")
    model.fit(x, names[y], validation_data=(arrays["val"][0], names[arrays["val"][1]]), epochs=1)
    assert model.classes == ["calm", "loud"]
    genre_gpu.Model("p1").fit(x, y.astype(object), epochs=1)
    missing = names[y]
    missing[3] = np.nan
    with pytest.raises(ValueError, match="y_train: expected numbers or text"):
        genre_gpu.Model("p1").fit(x, missing, epochs=1)


def test_what_the_library_warns_of_is_a_warning(arrays):
    x, y, song = arrays["train"]
    with pytest.warns(genre_gpu.GenreGpuWarning, match="test"):
        genre_gpu.Model("p1").fit(
            x, y, songs=song, validation_data=arrays["val"], test_data=(x, y, song), epochs=1
        )
