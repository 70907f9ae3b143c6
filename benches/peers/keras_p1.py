"""P1 as the assignment mandates it, in Keras, on the arrays that genre-gpu trains on.

  genre-gpu demo --arrays arrays
  python benches/peers/keras_p1.py arrays --epochs 5
  genre-gpu train --epochs 5 --shuffle keras3

prints the wall time of each epoch (training and validation) and the figures to
compare. Needs tensorflow (tensorflow-cpu==2.21.0, Keras 3.15.1 was used). A
folder of x_train.npy, y_train.npy, … or an .npz with X_train, y_train, …
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--epochs", type=int, default=5)
args = parser.parse_args()

if args.data.endswith(".npz"):
    archive = np.load(args.data)
    arrays = {key.lower(): archive[key] for key in archive.files}
else:
    names = [f"{role}_{part}" for part in ("train", "val", "test") for role in ("x", "y")]
    arrays = {name: np.load(os.path.join(args.data, f"{name}.npy")) for name in names}

mean = np.float32(arrays["x_train"].mean(dtype="f8"))
deviation = np.float32(arrays["x_train"].std(dtype="f8"))
for part in ("train", "val", "test"):
    x = arrays[f"x_{part}"].astype("f4")
    arrays[f"x_{part}"] = ((x - mean) / deviation)[..., None]

tf.keras.utils.set_random_seed(42)
tf.config.experimental.enable_op_determinism()
layers = tf.keras.layers
conv = lambda filters: layers.Conv2D(filters, 5, padding="same", activation="relu")
l2 = tf.keras.regularizers.L2(0.01)
model = tf.keras.Sequential([
    layers.Input(arrays["x_train"].shape[1:]),
    conv(4), layers.MaxPooling2D(2, 2),
    conv(8), layers.MaxPooling2D(2, 2),
    conv(16), layers.MaxPooling2D(2, 2),
    layers.Flatten(),
    layers.Dense(50, activation="relu", kernel_regularizer=l2),
    layers.Dense(4, activation="softmax"),
])
model.compile(tf.keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])


class Watch(tf.keras.callbacks.Callback):
    seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.begin)
        print(f"Epoch {epoch + 1} - {self.seconds[-1]:.2f}s", logs, flush=True)


model.fit(
    arrays["x_train"], arrays["y_train"], batch_size=32, epochs=args.epochs, verbose=0,
    validation_data=(arrays["x_val"], arrays["y_val"]), callbacks=[Watch()],
)
print("median seconds per epoch after the first:", np.median(Watch.seconds[1:]))
print("test loss, accuracy:", model.evaluate(arrays["x_test"], arrays["y_test"], verbose=0))
