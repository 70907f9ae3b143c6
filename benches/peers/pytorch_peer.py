"""P1 and P2 in PyTorch on the CPU, eager or compiled; `run` calls it. The data set lies in
memory as one tensor, and figures are read once an epoch. For `benches/gpu/run` also on CUDA:
eager, or each step as one CUDA graph."""

import os
import time

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import torch
from torch import nn
from torch.nn import functional as F

from common import BATCH, Arrays, Start, arguments, say, since_start


class P1(nn.Module):
    l2 = 0.01

    def __init__(self, shape, dropout):
        super().__init__()
        height, width = shape
        self.flat = (height // 8, width // 8, 16)
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 5, padding=2) for i, o in [(1, 4), (4, 8), (8, 16)])
        self.dense = nn.Linear(height // 8 * (width // 8) * 16, 50)
        self.output = nn.Linear(50, 4)

    def load(self, start):
        for conv, name in zip(self.convs, ["conv2d", "conv2d_1", "conv2d_2"]):
            assign(conv, start.conv_oihw(name))
        assign(self.dense, start.dense_oi("dense", self.flat))
        assign(self.output, start.dense_oi("dense_1"))

    def forward(self, x):
        for conv in self.convs:
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return self.output(F.relu(self.dense(x.flatten(1))))

    def penalty(self):
        return self.l2 * self.dense.weight.square().sum()


class P2(nn.Module):
    def __init__(self, shape, dropout):
        super().__init__()
        self.low = shape[0] * 7 // 8
        self.flat = (self.low // 16, 1, 24)
        self.time = nn.Conv2d(1, 8, (1, 5), padding=(0, 2), bias=False)
        self.frequency = nn.Conv2d(1, 8, (9, 1), padding=(4, 0), bias=False)
        self.band1 = nn.Conv2d(35, 16, (9, 1), padding=(4, 0), bias=False)
        self.band2 = nn.Conv2d(16, 24, (5, 1), padding=(2, 0), bias=False)
        # Keras's momentum 0.9 is the share that is kept, here it is that which is new.
        self.norms = nn.ModuleList(nn.BatchNorm2d(c, eps=1e-3, momentum=0.1) for c in (8, 8, 16, 24))
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(self.low // 16 * 24, 32)
        self.output = nn.Linear(32, 4)

    def load(self, start):
        assign(self.time, start.conv_oihw("time.conv"))
        assign(self.frequency, start.conv_oihw("frequency.conv"))
        assign(self.band1, start.conv_oihw("band.conv1"))
        assign(self.band2, start.conv_oihw("band.conv2"))
        assign(self.dense, start.dense_oi("head.dense", self.flat))
        assign(self.output, start.dense_oi("head.logits"))

    def forward(self, x):
        x = x[:, :, : self.low]
        time_maps = F.relu(self.norms[0](self.time(x)))
        frequency_maps = F.relu(self.norms[1](self.frequency(x)))
        profile = [t for m in (time_maps, frequency_maps, x) for t in (m.max(3, True).values, m.mean(3, True))]
        deviation = (x.var(3, correction=0, keepdim=True) + 1e-3).sqrt()
        x = torch.cat([*profile, deviation], 1)
        x = F.max_pool2d(F.relu(self.norms[2](self.band1(x))), (4, 1))
        x = F.max_pool2d(F.relu(self.norms[3](self.band2(x))), (4, 1))
        return self.output(F.relu(self.dense(self.dropout(x.flatten(1)))))

    def penalty(self):
        return None


def assign(layer, kernel):
    """Keras's kernels, and biases of zero."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(kernel))
        if layer.bias is not None:
            layer.bias.zero_()


def loss_of(net, x, y):
    logits = net(x)
    loss, penalty = F.cross_entropy(logits, y), net.penalty()
    return (loss if penalty is None else loss + penalty), logits


@torch.no_grad()
def evaluate(net, evaluated, x, y):
    net.eval()
    loss, right = 0.0, 0
    for part in torch.arange(len(x)).split(BATCH):
        batch_loss, logits = evaluated(net, x[part], y[part])
        loss += batch_loss.item() * len(part)
        right += (logits.argmax(1) == y[part]).sum().item()
    net.train()
    return {"val_loss": loss / len(x), "val_accuracy": right / len(x)}


def graph_of(net, optimiser, step, part):
    """Records `step`, which reads the indices of its samples from `part`, as a CUDA graph; parameters
    are as before."""
    state = {name: value.clone() for name, value in net.state_dict().items()}
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step(part)
    torch.cuda.current_stream().wait_stream(aside)
    optimiser.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(part)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            value.copy_(state[name])
    return graph


def main():
    args = arguments(form=["eager", "compiled", "cuda", "cuda-graph"], layout=["channels_first", "channels_last"])
    torch.set_num_threads(args.threads)
    torch.manual_seed(42)
    arrays = Arrays(args.data, args.validate == "yes")
    layout = getattr(torch, {"channels_first": "contiguous_format"}.get(args.layout, args.layout))

    device = "cuda" if args.form.startswith("cuda") else "cpu"

    def tensors(x, y):
        x = torch.from_numpy(x)[:, None].to(device, memory_format=layout)
        return x, torch.from_numpy(y).long().to(device)

    x, y = tensors(arrays.x_train, arrays.y_train)
    val = arrays.val and tensors(*arrays.val)
    start = Start(args.start)
    order = torch.from_numpy(start.order()).long().to(device)
    net = {"p1": P1, "p2": P2}[args.model](arrays.shape, args.dropout)
    net.load(start)
    net = net.to(device, memory_format=layout)
    optimiser = torch.optim.SGD(net.parameters(), lr=args.rate)
    step_loss = torch.compile(loss_of) if args.form == "compiled" else loss_of
    loss_sum = torch.zeros((), device=device)
    right = torch.zeros((), dtype=torch.long, device=device)
    last_loss = torch.zeros((), device=device)

    def step(part):
        x_batch, y_batch = x[part], y[part]
        loss, logits = step_loss(net, x_batch, y_batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        last_loss.copy_(loss.detach())
        loss_sum.add_(loss.detach() * len(part))
        right.add_((logits.detach().argmax(1) == y_batch).sum())

    graph, recorded = None, None
    if args.form == "cuda-graph":
        recorded = order[:BATCH].clone()
        graph = graph_of(net, optimiser, step, recorded)

    for epoch in range(1, args.epochs + 1):
        begin = time.perf_counter()
        loss_sum.zero_()
        right.zero_()
        for i, part in enumerate(order.split(BATCH)):
            if graph is not None and len(part) == BATCH:
                recorded.copy_(part)
                graph.replay()
            else:
                step(part)
            if epoch == 1 and i == 0:
                say(event="first_step", since_start=since_start(), loss=last_loss.item())
        figures = {"loss": loss_sum.item() / len(x), "accuracy": right.item() / len(x)}
        figures["seconds"] = time.perf_counter() - begin
        if val:
            figures |= evaluate(net, step_loss, *val)
        say(event="epoch", epoch=epoch, **figures)
    name = torch.cuda.get_device_name(0) if device == "cuda" else device
    say(event="end", device=name, version=f"PyTorch {torch.__version__}")


main()
