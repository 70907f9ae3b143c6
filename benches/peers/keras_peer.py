"""P1 and P2 in Keras 3 on TensorFlow; `run` calls it. P1 with --determinism yes is the run that
the assignment mandates: set_random_seed(42) gives the weights and the order of samples that
genre-gpu's --seed 42 --shuffle keras3 has. P2's dropouts take seeds from the same list as
kernels, so its kernels are genre-gpu's by --start."""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras
import tensorflow as tf

from common import BATCH, Arrays, Start, arguments, say, since_start

layers = keras.layers


def p1(shape, dropout):
    def conv(name, filters):
        return layers.Conv2D(filters, 5, padding="same", activation="relu", name=name)

    return keras.Sequential([
        layers.Input((*shape, 1)),
        conv("conv2d", 4), layers.MaxPooling2D(2, 2),
        conv("conv2d_1", 8), layers.MaxPooling2D(2, 2),
        conv("conv2d_2", 16), layers.MaxPooling2D(2, 2),
        layers.Flatten(),
        layers.Dense(50, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01), name="dense"),
        layers.Dense(4, activation="softmax", name="dense_1"),
    ])


def p2(shape, dropout):
    height, width = shape

    def conv(x, name, filters, kernel):
        x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=name)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-3)(x))

    def frames(x):
        return [layers.MaxPooling2D((1, width))(x), layers.AveragePooling2D((1, width))(x)]

    def deviation(x):
        return keras.ops.sqrt(keras.ops.var(x, axis=2, keepdims=True) + 1e-3)

    sample = layers.Input((height, width, 1))
    low = layers.Cropping2D(((0, height - height * 7 // 8), (0, 0)))(sample)
    time_maps = conv(low, "time.conv", 8, (1, 5))
    frequency_maps = conv(low, "frequency.conv", 8, (9, 1))
    profile = frames(time_maps) + frames(frequency_maps) + frames(low) + [deviation(low)]
    x = layers.Concatenate()(profile)
    x = layers.MaxPooling2D((4, 1))(conv(x, "band.conv1", 16, (9, 1)))
    x = layers.MaxPooling2D((4, 1))(conv(x, "band.conv2", 24, (5, 1)))
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    x = layers.Dense(32, activation="relu", name="head.dense")(x)
    return keras.Model(sample, layers.Dense(4, activation="softmax", name="head.logits")(x))


class Watch(keras.callbacks.Callback):
    """Clocks training alone; validation follows between end and result."""

    # Keeps Keras's own way of calling callbacks, which does not hold up the steps.
    async_safe = True

    def __init__(self, validate):
        super().__init__()
        self.validate = validate
        self.seconds = self.first = None

    def on_train_batch_end(self, batch, logs=None):
        if self.first is None:
            self.first = since_start(), logs["loss"]

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()
        self.seconds = None

    def on_test_begin(self, logs=None):
        self.seconds = time.perf_counter() - self.begin

    def on_epoch_end(self, epoch, logs=None):
        seconds = self.seconds or time.perf_counter() - self.begin
        if epoch == 0:
            say(event="first_step", since_start=self.first[0], loss=float(self.first[1]))
        figures = {name: float(value) for name, value in logs.items()}
        say(event="epoch", epoch=epoch + 1, seconds=seconds, **figures)


def main():
    args = arguments(determinism=["yes", "no"])
    keras.utils.set_random_seed(42)
    if args.determinism == "yes":
        tf.config.experimental.enable_op_determinism()
    arrays = Arrays(args.data, args.validate == "yes")
    model = {"p1": p1, "p2": p2}[args.model](arrays.shape, args.dropout)
    if args.model == "p2":
        start = Start(args.start)
        for layer in model.layers:
            if isinstance(layer, (layers.Conv2D, layers.Dense)):
                layer.kernel.assign(start.kernel(layer.name))
    model.compile(keras.optimizers.SGD(args.rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    val = arrays.val and (arrays.val[0][..., None], arrays.val[1])
    model.fit(
        arrays.x_train[..., None], arrays.y_train, batch_size=BATCH, epochs=args.epochs, verbose=0,
        validation_data=val, callbacks=[Watch(args.validate == "yes")],
    )
    say(event="end", device="cpu", version=f"Keras {keras.__version__}, TensorFlow {tf.__version__}")


main()
