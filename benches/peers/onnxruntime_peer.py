"""The forward of P1 and P2 in ONNX Runtime, with the weights that `benches/epoch.rs --evaluate` left;
`run` calls it. Says the fastest batch size, its times, and how far the probabilities are from ours."""

import argparse
import os
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from common import Arrays, Start, say

BATCHES = [1, 4, 8, 16, 32, 64, 128, 256]
# As in benches/epoch.rs.
EVALUATIONS = 7


class Network:
    """An ONNX graph, node after node: each method returns the name of its output."""

    def __init__(self, folder):
        self.weights = Start(folder)
        self.nodes, self.constants = [], []

    def constant(self, value):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def tensor(self, name):
        return self.constant(np.load(os.path.join(self.weights.folder, f"{name}.npy")))

    def node(self, op, *inputs, **attributes):
        name = f"{op}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def conv(self, x, name, bias):
        kernel = self.weights.conv_oihw(name)
        h, w = kernel.shape[2:]
        more = [self.tensor(f"{name}.bias")] if bias else []
        return self.node("Conv", x, self.constant(kernel), *more, pads=[h // 2, w // 2] * 2)

    def norm(self, x, name):
        values = [self.tensor(f"{name}.{part}") for part in ("gamma", "beta", "moving_mean", "moving_variance")]
        return self.node("Relu", self.node("BatchNormalization", x, *values, epsilon=1e-3))

    def pool(self, x, window):
        return self.node("MaxPool", x, kernel_shape=window, strides=window)

    def over_frames(self, op, x):
        """A third faster than a pooling."""
        return self.node(op, x, self.constant(np.array([3])), keepdims=1)

    def dense(self, x, name, shape=None):
        kernel = self.constant(self.weights.dense_oi(name, shape))
        return self.node("Gemm", x, kernel, self.tensor(f"{name}.bias"), transB=1)

    def model(self, logits, shape):
        self.nodes.append(helper.make_node("Softmax", [logits], ["probabilities"], axis=1))
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, *shape])
        y = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", None])
        graph = helper.make_graph(self.nodes, "peer", [x], [y], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def p1(net, shape):
    x = "x"
    for name in ("conv2d", "conv2d_1", "conv2d_2"):
        x = net.pool(net.node("Relu", net.conv(x, name, True)), [2, 2])
    x = net.node("Relu", net.dense(net.node("Flatten", x), "dense", (shape[0] // 8, shape[1] // 8, 16)))
    return net.dense(x, "dense_1")


def p2(net, shape):
    low = shape[0] * 7 // 8
    x = net.node("Slice", "x", net.constant(np.array([0])), net.constant(np.array([low])), net.constant(np.array([2])))

    def frames(x):
        return [net.over_frames(op, x) for op in ("ReduceMax", "ReduceMean")]

    time_maps = net.norm(net.conv(x, "time.conv", False), "time.norm")
    frequency_maps = net.norm(net.conv(x, "frequency.conv", False), "frequency.norm")
    level = frames(x)
    apart = net.node("Sub", x, level[1])
    variance = net.over_frames("ReduceMean", net.node("Mul", apart, apart))
    deviation = net.node("Sqrt", net.node("Add", variance, net.constant(np.float32(1e-3))))
    x = net.node("Concat", *frames(time_maps), *frames(frequency_maps), *level, deviation, axis=1)
    x = net.pool(net.norm(net.conv(x, "band.conv1", False), "band.norm1"), [4, 1])
    x = net.pool(net.norm(net.conv(x, "band.conv2", False), "band.norm2"), [4, 1])
    x = net.node("Relu", net.dense(net.node("Flatten", x), "head.dense", (low // 16, 1, 24)))
    return net.dense(x, "head.logits")


def main():
    parser = argparse.ArgumentParser(description="Called by benches/peers/run.")
    parser.add_argument("--data", required=True, help="folder of x_train.npy, …")
    parser.add_argument("--results", required=True, help="folder of all weights and of our probabilities")
    parser.add_argument("--model", required=True, choices=["p1", "p2"])
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    arrays = Arrays(args.data, False)
    expected = np.load(os.path.join(args.results, "probabilities.npy"))
    x = np.resize(arrays.x_train, (len(expected), *arrays.shape))[:, None]
    net = Network(args.results)
    model = net.model({"p1": p1, "p2": p2}[args.model](net, arrays.shape), arrays.shape)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def evaluate(batch):
        """Seconds and probabilities."""
        begin = time.perf_counter()
        found = [session.run(None, {"x": x[i : i + batch]})[0] for i in range(0, len(x), batch)]
        return time.perf_counter() - begin, np.concatenate(found)

    # Once to warm up, twice to choose.
    by_batch = {batch: min(evaluate(batch)[0] for _ in range(3)) for batch in BATCHES}
    best = min(by_batch, key=by_batch.get)
    runs = [evaluate(best) for _ in range(EVALUATIONS)]
    say(
        event="evaluate", seconds=[seconds for seconds, _ in runs], batch=best, by_batch=by_batch,
        apart=float(np.abs(runs[0][1] - expected).max()), version=f"ONNX Runtime {onnxruntime.__version__}",
    )


main()
