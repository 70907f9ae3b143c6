"""What the peers in Python share: their flags, the arrays as genre-gpu scales them, the
weights that it starts from, and lines of JSON."""

import argparse
import json
import os
import time

import numpy as np

BATCH = 32


def arguments(**choices):
    """The flags that `run` calls every peer with; `choices` are the peer's own."""
    parser = argparse.ArgumentParser(description="Called by benches/peers/run.")
    parser.add_argument("--data", required=True, help="folder of x_train.npy, y_train.npy, …")
    parser.add_argument("--start", required=True, help="folder of initial kernels and order.npy")
    parser.add_argument("--model", required=True, choices=["p1", "p2"])
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="learning rate, constant")
    parser.add_argument("--dropout", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--validate", required=True, choices=["yes", "no"])
    for name, values in choices.items():
        parser.add_argument(f"--{name}", required=True, choices=values)
    return parser.parse_args()


def say(**line):
    """A line of JSON."""
    print(json.dumps(line), flush=True)


def since_start():
    """Seconds since `run` started this process."""
    return time.time() - float(os.environ["PEERS_START"])


class Arrays:
    """Samples [n, bands, frames] and labels, scaled by the training part's mean and deviation."""

    def __init__(self, folder, validate):
        x, y = self._read(folder, "train")
        offset = np.float32(x.mean(dtype="f8"))
        factor = np.float32(1 / x.std(dtype="f8"))
        self.x_train, self.y_train = (x - offset) * factor, y
        self.shape = x.shape[1:]
        self.val = None
        if validate:
            x, y = self._read(folder, "val")
            self.val = (x - offset) * factor, y

    @staticmethod
    def _read(folder, part):
        x, y = (np.load(os.path.join(folder, f"{role}_{part}.npy")) for role in "xy")
        return x.astype("f4", copy=False), y


class Start:
    """Initial kernels in Keras's layouts, and the order of samples of every epoch."""

    def __init__(self, folder):
        self.folder = folder

    def kernel(self, name):
        return np.load(os.path.join(self.folder, f"{name}.kernel.npy"))

    def conv_oihw(self, name):
        """[k_h, k_w, c_in, c_out] as [c_out, c_in, k_h, k_w]."""
        return np.ascontiguousarray(self.kernel(name).transpose(3, 2, 0, 1))

    def dense_oi(self, name, shape=None):
        """[in, out] as [out, in]; behind a flattened map of `shape` (h, w, c) the inputs go from
        Keras's order to (c, h, w), so that both compute the same."""
        kernel = self.kernel(name)
        if shape is not None:
            kernel = kernel.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        return np.ascontiguousarray(kernel.T)

    def order(self):
        return np.load(os.path.join(self.folder, "order.npy"))
