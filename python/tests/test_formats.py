"""Models in the formats of Keras and ONNX, with the programs that these formats are for.

The program's path is in GENRE_GPU_BIN. GENRE_GPU_DIFFERENCES names a file to which the worst difference
of each model and format is appended.
"""

import csv
import json
import os
import shutil
import subprocess
import zipfile

import pytest

np = pytest.importorskip("numpy")

BIN = os.environ.get("GENRE_GPU_BIN")
if not BIN:
    pytest.skip("GENRE_GPU_BIN is not set", allow_module_level=True)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

TOLERANCE = 1e-5
CLASSES = ["classical", "disco", "metal", "rock"]


def genre_gpu(*args, ok=True):
    """Runs the program; its standard output, or where it must fail its standard error."""
    done = subprocess.run([BIN, *map(str, args)], capture_output=True, text=True)
    if ok:
        assert done.returncode == 0, done.stderr
        return done.stdout
    assert done.returncode in (1, 2), (done.returncode, done.stdout, done.stderr)
    assert "panicked" not in done.stderr, done.stderr
    return " ".join(done.stderr.split())


def models():
    return json.loads(genre_gpu("models", "--json"))


MODELS = [model["name"] for model in models()]


def probabilities(run, part="test"):
    with open(os.path.join(run, f"predictions_{part}.csv"), newline="") as file:
        rows = list(csv.reader(file))
    first = next(i for i, name in enumerate(rows[0]) if name.startswith("p_"))
    return np.array([[float(cell) for cell in row[first:]] for row in rows[1:]])


def note(model, form, found, expected):
    """The worst difference of probabilities, which must be within the tolerance."""
    worst = float(np.abs(np.asarray(found, np.float64) - expected).max())
    file = os.environ.get("GENRE_GPU_DIFFERENCES")
    if file:
        with open(file, "a") as table:
            table.write(f"{model}\t{form}\t{worst:.1e}\n")
    assert worst <= TOLERANCE, (model, form, worst)


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("formats")


@pytest.fixture(scope="session")
def corpus(work):
    genre_gpu("demo", "--arrays", work / "arrays")
    return work / "arrays"


@pytest.fixture(scope="session")
def x_test(corpus):
    return np.load(corpus / "x_test.npy").astype(np.float32)[..., None]


@pytest.fixture(scope="session")
def trained(work):
    """Runs by model, each trained when it is first asked for."""
    runs = {}

    def run(model):
        if model not in runs:
            runs[model] = work / f"run-{model}"
            genre_gpu("train", "--model", model, "--epochs", 1, "--out", runs[model])
        return runs[model]

    return run


@pytest.fixture(scope="session")
def keras():
    return pytest.importorskip("keras")


@pytest.mark.parametrize("model", MODELS)
def test_onnx_gives_our_probabilities(model, trained, work, x_test):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    file = work / f"{model}.onnx"
    genre_gpu("export", trained(model), "--out", file)
    proto = onnx.load(file)
    onnx.checker.check_model(proto, full_check=True)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(metadata["class_names"]) == CLASSES
    assert json.loads(metadata["front_end"])["n_mels"] == x_test.shape[1]
    assert proto.producer_name == "genre-gpu" and proto.producer_version
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["spectrogram"]
    found = session.run(["probabilities"], {"spectrogram": x_test})[0]
    note(model, "onnx", found, probabilities(trained(model)))
    for batch in (1, 7):
        part = session.run(None, {"spectrogram": x_test[:batch]})[0]
        assert np.abs(part - found[:batch]).max() <= TOLERANCE


@pytest.mark.parametrize("model", MODELS)
def test_keras_gives_our_probabilities(model, trained, work, x_test, keras):
    file = work / f"{model}.keras"
    genre_gpu("export", trained(model), "--out", file)
    ours = probabilities(trained(model))
    loaded = keras.saving.load_model(file)
    note(model, "keras", loaded.predict(x_test, verbose=0), ours)

    # Weights alone, into new weights.
    weights = work / f"{model}.weights.h5"
    genre_gpu("export", trained(model), "--format", "keras-weights", "--out", weights)
    fresh = keras.models.clone_model(loaded)
    fresh.load_weights(weights)
    note(model, "keras-weights", fresh.predict(x_test, verbose=0), ours)

    # Back, as it was.
    back = work / f"back-{model}"
    genre_gpu("import", file, "--out", back, "--overwrite")
    same = (trained(model) / "model.safetensors").read_bytes()
    assert (back / "model.safetensors").read_bytes() == same

    # What Keras saves again has lost our facts, but nothing that is computed.
    again = work / f"again-{model}.keras"
    loaded.save(again)
    rerun = work / f"again-{model}"
    genre_gpu("import", again, "--classes", ",".join(CLASSES), "--out", rerun, "--overwrite")
    evaluated = work / f"evaluated-{model}"
    genre_gpu("evaluate", rerun, "--data", work / "arrays", "--part", "test", "--out", evaluated)
    note(model, "keras, saved by Keras, imported", probabilities(evaluated), ours)
    loaded.save_weights(work / "again.weights.h5")
    genre_gpu(
        "import", work / "again.weights.h5", "--model", model, "--input", "80x80",
        "--out", work / "again-weights", "--overwrite",
    )
    assert tensors(work / "again-weights") == tensors(trained(model))


def tensors(run):
    """The bytes of all tensors of a run, by name."""
    bytes_ = (run / "model.safetensors").read_bytes()
    length = int.from_bytes(bytes_[:8], "little")
    header, data = json.loads(bytes_[8 : 8 + length]), bytes_[8 + length :]
    header.pop("__metadata__")
    return {name: data[slice(*entry["data_offsets"])] for name, entry in header.items()}


@pytest.mark.parametrize("model", ["p1", "p2", "p2-bands"])
@pytest.mark.parametrize("form", ["keras-weights", "npz", "onnx", "safetensors"])
def test_every_format_comes_back_as_it_was(model, form, trained, work):
    names = {
        "keras-weights": "a.weights.h5", "npz": "a.npz", "onnx": "a.onnx", "safetensors": "a.safetensors",
    }
    file = work / names[form]
    genre_gpu("export", trained(model), "--format", form, "--out", file)
    genre_gpu("import", file, "--out", work / "came", "--overwrite")
    same = (trained(model) / "model.safetensors").read_bytes()
    assert (work / "came" / "model.safetensors").read_bytes() == same


def test_npz_is_what_numpy_reads(trained, work):
    file = work / "p1.npz"
    genre_gpu("export", trained("p1"), "--out", file)
    with np.load(file) as arrays:
        assert arrays["conv2d/kernel"].shape == (5, 5, 1, 4)
        assert arrays["conv2d/kernel"].dtype == np.float32
        facts = json.loads(arrays["genre_gpu.json"])
        plain = {name: arrays[name] for name in arrays.files if name != "genre_gpu.json"}
    assert facts["classes"] == CLASSES
    # Arrays that know nothing of our facts.
    np.savez(work / "plain.npz", **plain)
    genre_gpu("import", work / "plain.npz", "--model", "p1", "--input", "80x80", "--out", work / "plain")
    assert tensors(work / "plain") == tensors(trained("p1"))


# Models that a user of Keras writes.


def p1_sequential(keras):
    layers = keras.layers
    return keras.Sequential([
        keras.Input((80, 80, 1)),
        layers.Conv2D(4, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(8, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(50, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01)),
        layers.Dense(4, activation="softmax"),
    ])


def p1_functional_2d(keras):
    """Input without channels, a Rescaling, BatchNormalization before the activation."""
    layers = keras.layers
    x = inputs = keras.Input((80, 80))
    x = layers.Reshape((80, 80, 1))(x)
    x = layers.Rescaling(1 / 40, 1.0)(x)
    for filters in (4, 8):
        x = layers.Conv2D(filters, (3, 5), padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D((2, 4))(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def residual(keras):
    """Branches, sums, depthwise convolutions, other activations, global pooling, logits."""
    layers = keras.layers
    x = inputs = keras.Input((80, 80, 1))
    x = layers.Cropping2D(((0, 8), (0, 0)))(x)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="elu")(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="gelu")(x)
    y = layers.BatchNormalization(scale=False)(y)
    x = layers.Add()([x, y])
    x = layers.Activation("relu")(x)
    z = layers.AveragePooling2D((2, 2))(x)
    w = layers.MaxPooling2D((2, 2))(x)
    x = layers.Concatenate()([z, w, layers.Activation("tanh")(z)])
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    a, m = layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)
    x = layers.Concatenate()([m, a])
    x = layers.Dense(9, activation="sigmoid")(x)
    return keras.Model(inputs, layers.Dense(4)(x))


@pytest.mark.parametrize("build", [p1_sequential, p1_functional_2d, residual])
def test_a_model_trained_in_keras_evaluates_as_there(build, work, corpus, x_test, keras):
    from_logits = build is residual
    keras.utils.set_random_seed(1)
    x, y = np.load(corpus / "x_train.npy").astype(np.float32), np.load(corpus / "y_train.npy")
    y_test = np.load(corpus / "y_test.npy")
    rescales = build is p1_functional_2d
    mean, deviation = (0.0, 1.0) if rescales else (np.float32(x.mean()), np.float32(x.std()))

    def scaled(x):
        return (x - mean) / deviation

    model = build(keras)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    model.compile("adam", loss, metrics=["accuracy"])
    model.fit(scaled(x)[..., None] if len(model.input_shape) == 4 else scaled(x), y, verbose=0, epochs=1)
    test = scaled(x_test) if len(model.input_shape) == 4 else scaled(x_test)[..., 0]
    accuracy = model.evaluate(test, y_test, verbose=0)[1]
    theirs = model.predict(test, verbose=0)
    if from_logits:
        theirs = np.exp(theirs - theirs.max(1, keepdims=True))
        theirs /= theirs.sum(1, keepdims=True)

    name = build.__name__
    file = work / f"{name}.keras"
    model.save(file)
    flags = ["--classes", ",".join(CLASSES)]
    if not rescales:
        flags += ["--mean", repr(float(mean)), "--deviation", repr(float(deviation))]

    def check(run, form):
        out = work / f"{name}-{form}"
        shutil.rmtree(out, ignore_errors=True)
        text = genre_gpu("evaluate", run, "--data", corpus, "--part", "test", "--json", "--out", out)
        assert abs(json.loads(text)["test"]["accuracy"] - accuracy) < 1e-6
        note(name, form, probabilities(out), theirs)

    run = work / f"{name}-run"
    genre_gpu("import", file, *flags, "--out", run)
    check(run, "keras, imported")

    # Weights alone, with the layers that the import wrote.
    weights = work / f"{name}.weights.h5"
    model.save_weights(weights)
    toml = run / f"{name}.toml"
    scale = json.loads(metadata_of(run))["scale"]
    flags[2:] = ["--mean", repr(scale["offset"]), "--deviation", repr(1 / scale["factor"])]
    weights_flags = ["--model", toml, "--input", "80x80", *flags, "--out", work / f"{name}-weights"]
    if build is residual:
        # Which of its four arrays a batch norm lacks is in the .keras file alone.
        assert "expected 4 arrays of weights, found 3" in genre_gpu("import", weights, *weights_flags, ok=False)
    else:
        genre_gpu("import", weights, *weights_flags)
        check(work / f"{name}-weights", "weights.h5, imported")
    if build is p1_sequential:
        genre_gpu(
            "import", weights, "--model", "p1", "--input", "80x80", *flags, "--out", work / "as-p1",
        )
        check(work / "as-p1", "weights.h5, imported as p1")

    # Exported from there, it is what it was.
    genre_gpu("export", run, "--out", work / f"{name}-again.keras")
    again = keras.saving.load_model(work / f"{name}-again.keras")
    note(name, "imported, exported", again.predict(x_test, verbose=0), theirs)

    # Other commands take it.
    genre_gpu("explain", run, "--data", corpus, "--no-checks", "--part", "test", "--index", "1,2")
    genre_gpu("demo", "--wav", work / "songs", "--songs", "1")
    song = sorted((work / "songs").rglob("*.wav"))[0]
    said = genre_gpu("predict", run, song, ok=False)
    assert "--front-end bristol-80" in said
    genre_gpu("predict", run, song, "--front-end", "bristol-80")
    assert "was imported" in genre_gpu("report", run, ok=False)
    assert "give data with --data" in genre_gpu("evaluate", run, ok=False)
    genre_gpu("summary", "--model", toml)


def metadata_of(run):
    bytes_ = (run / "model.safetensors").read_bytes()
    length = int.from_bytes(bytes_[:8], "little")
    return json.loads(bytes_[8 : 8 + length])["__metadata__"]["genre_gpu"]


def refused(work, file, *flags):
    said = genre_gpu("import", file, *flags, "--out", work / "refused", ok=False)
    assert not (work / "refused").exists()
    assert os.path.basename(file) in said, said
    return said


def test_layers_without_an_operation_are_named(work, keras):
    layers = keras.layers

    def build(*middle, shape=(8, 8, 1)):
        model = keras.Sequential([keras.Input(shape), *middle, layers.Flatten(), layers.Dense(2, "softmax")])
        model.save(work / "odd.keras")
        return refused(work, work / "odd.keras")

    def only(*parts):
        assert all(part in said for part in parts), said

    said = build(layers.Reshape((8, 8)), layers.GRU(3, name="my_gru"))
    only("Reshape", "expected a target")
    said = build(layers.GRU(3, name="my gru"), shape=(8, 8))
    only('"my gru" (GRU)', "supported are Activation")
    said = build(layers.Lambda(lambda x: x * 2, name="twice"))
    only('"twice" (Lambda)')
    said = build(layers.Conv2D(2, 3, dilation_rate=2, name="holes"))
    only('"holes" (Conv2D)', "dilation_rate", "[2,2]")
    said = build(layers.Conv2D(2, 3, activation="swish", name="conv"))
    only('"conv" (Conv2D)', "expected one of linear, relu", "found silu")
    said = build(layers.MaxPooling2D(3, strides=1))
    only("MaxPooling2D", "strides")
    said = build(layers.Conv2D(2, 3), layers.Rescaling(2.0, name="late"))
    only('"late" (Rescaling)', "at the input only")
    said = build(layers.Conv2D(2, 3, data_format="channels_first", name="first"), shape=(1, 8, 8))
    only("channels_last", "channels_first")
    nested = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3)], name="inner")
    said = build(nested)
    only('"inner" (Sequential)')
    shared = layers.Conv2D(1, 3, padding="same", name="twice")
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(shared(shared(inputs)))
    keras.Model(inputs, layers.Dense(2, "softmax")(x)).save(work / "odd.keras")
    said = refused(work, work / "odd.keras")
    only('"twice" is called 2 times')
    keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1, "sigmoid")]).save(
        work / "odd.keras"
    )
    said = refused(work, work / "odd.keras")
    only("expected a softmax")


def test_an_input_of_free_size_needs_one(work, keras):
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((None, None, 1)),
        layers.Conv2D(3, 3, activation="relu", name="a conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ])
    model.save(work / "free.keras")
    assert "--input HxW" in refused(work, work / "free.keras")
    genre_gpu("import", work / "free.keras", "--input", "20x30", "--out", work / "free")
    # A name that Keras cannot run with on TensorFlow is another in what is exported, and itself again here.
    genre_gpu("export", work / "free", "--out", work / "free2.keras")
    loaded = keras.saving.load_model(work / "free2.keras")
    x = np.random.default_rng(1).normal(size=(3, 20, 30, 1)).astype(np.float32)
    assert loaded.get_layer("a_conv").get_weights()[0].shape == (3, 3, 1, 3)
    loaded.predict(x, verbose=0)
    genre_gpu("import", work / "free2.keras", "--out", work / "free2")
    same = (work / "free" / "model.safetensors").read_bytes()
    assert (work / "free2" / "model.safetensors").read_bytes() == same


def test_other_files_are_refused_with_a_way_out(work, keras):
    model = p1_sequential(keras)
    model.save(work / "whole.h5")
    said = refused(work, work / "whole.h5", "--model", "p1", "--input", "80x80")
    assert "keras.saving.load_model" in said
    model.save_weights(work / "w.weights.h5")
    said = refused(work, work / "w.weights.h5")
    assert "--model" in said
    said = refused(work, work / "w.weights.h5", "--model", "p1")
    assert "--input" in said
    said = refused(work, work / "w.weights.h5", "--model", "p1", "--input", "64x80")
    assert "dense/kernel" in said and "expected shape" in said
    said = refused(work, work / "w.weights.h5", "--model", "p2", "--input", "80x80")
    assert "expected" in said
    model.save(work / "m.keras")
    bytes_ = (work / "m.keras").read_bytes()
    for length in (0, 10, 1000, len(bytes_) - 30):
        (work / "cut.keras").write_bytes(bytes_[:length])
        assert "cut.keras" in refused(work, work / "cut.keras")
    weights = (work / "w.weights.h5").read_bytes()
    (work / "cut.weights.h5").write_bytes(weights[: len(weights) // 2])
    refused(work, work / "cut.weights.h5", "--model", "p1", "--input", "80x80")
    # The layers of one model, the weights of another.
    other = keras.Sequential([keras.Input((80, 80, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
    other.save(work / "other.keras")
    with zipfile.ZipFile(work / "m.keras") as ours, zipfile.ZipFile(work / "other.keras") as theirs:
        with zipfile.ZipFile(work / "mixed.keras", "w") as mixed:
            mixed.writestr("metadata.json", ours.read("metadata.json"))
            mixed.writestr("config.json", ours.read("config.json"))
            mixed.writestr("model.weights.h5", theirs.read("model.weights.h5"))
    assert "conv2d" in refused(work, work / "mixed.keras")
    said = genre_gpu("import", work / "m.keras", "--classes", "a,b", "--out", work / "refused", ok=False)
    assert "2 names of 4 classes" in said


def test_all_windows_of_a_standard_deviation(work, corpus, keras):
    """Keras has no such layer: it is written as several."""
    onnxruntime = pytest.importorskip("onnxruntime")
    x_test = np.load(corpus / "x_test.npy").astype(np.float32)[..., None]
    for number, window in enumerate(["[1, \"all\"]", "[7, 3]", "[\"all\", \"all\"]", "[3, \"all\"]", "[4, 2]"]):
        toml = work / f"std{number}.toml"
        toml.write_text(
            f"""
            node = [
                {{name = "conv", op = "conv2d", filters = 3, kernel = [3, 3], strides = [2, 1]}},
                {{name = "std", op = "std_pool2d", window = {window}}},
                {{name = "depth", op = "depthwise_conv2d", kernel = [1, 1], multiplier = 2}},
                {{name = "gelu", op = "activation", function = "gelu"}},
                {{name = "turn", op = "axis_to_channels", axis = "time"}},
                {{name = "bn", op = "batch_norm", activation = "relu"}},
                {{name = "flat", op = "flatten"}},
                {{name = "norm", op = "batch_norm"}},
                {{name = "leaky", op = "activation", function = "leaky_relu", slope = 0.3}},
                {{name = "mel", op = "axis_to_channels", axis = "mel", input = "conv"}},
                {{name = "mels", op = "max_pool2d", window = ["all", "all"]}},
                {{name = "melflat", op = "flatten"}},
                {{name = "joined", op = "concat", input = ["leaky", "melflat"]}},
                {{name = "head", op = "dense", units = "classes", bias = false}},
                {{name = "softmax", op = "softmax"}},
            ]
            """
        )
        run = work / f"std{number}"
        genre_gpu("train", "--model", toml, "--epochs", 1, "--learning-rate", 0.001, "--out", run)
        ours = probabilities(run)
        genre_gpu("export", run, "--out", work / "std.keras")
        loaded = keras.saving.load_model(work / "std.keras")
        note(f"std{window}", "keras", loaded.predict(x_test, verbose=0), ours)
        genre_gpu("import", work / "std.keras", "--out", work / "std-back", "--overwrite")
        same = (run / "model.safetensors").read_bytes()
        assert (work / "std-back" / "model.safetensors").read_bytes() == same
        genre_gpu("export", run, "--out", work / "std.onnx")
        onnx = pytest.importorskip("onnx")
        onnx.checker.check_model(onnx.load(work / "std.onnx"), full_check=True)
        session = onnxruntime.InferenceSession(work / "std.onnx", providers=["CPUExecutionProvider"])
        note(f"std{window}", "onnx", session.run(None, {"spectrogram": x_test})[0], ours)
        genre_gpu("import", work / "std.onnx", "--out", work / "std-back", "--overwrite")
        assert (work / "std-back" / "model.safetensors").read_bytes() == same
