"""The table, from the records of all rounds."""

from statistics import median

from programs import CPU, GPU, ONNX


def spread(values, digits):
    """`median (lowest to highest)`."""
    if not values:
        return "–"
    low, high = min(values), max(values)
    text = f"{median(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} ({low:.{digits}f} to {high:.{digits}f})"


class Figures:
    """All that was measured of one model."""

    def __init__(self, records, model):
        self.records = [r for r in records if r["model"] == model]

    def of(self, name, kind):
        """By round."""
        return {r["round"]: r for r in self.records if r["program"] == name and r["kind"] == kind}

    def epoch(self, name):
        """Median seconds of a round's epochs after the warm-up, by round."""
        return {i: median(r["epoch_seconds"][1:]) for i, r in self.of(name, "epochs").items()}

    def forward(self, name):
        """Median seconds of a round's forwards of all samples, by round."""
        return {i: median(r["forward_seconds"]) for i, r in self.of(name, "forward").items()}

    def wall(self, name, kind):
        return {i: r["wall_seconds"] for i, r in self.of(name, kind).items()}


def ratios(these, those):
    """Round by round."""
    return [these[i] / those[i] for i in sorted(these) if i in those]


def least(columns):
    """By round, the lowest of several programs that all have it."""
    rounds = set.intersection(*(set(column) for column in columns)) if columns else set()
    return {i: min(column[i] for column in columns) for i in rounds}


def rows(figures, programs):
    """One for each program that was measured."""
    for program in programs:
        epochs = figures.epoch(program.name)
        if not epochs:
            continue
        whole = figures.of(program.name, "whole")
        kept = whole or figures.of(program.name, "epochs")
        peak = [r["peak_bytes"] / 1e6 for r in kept.values()]
        start = [r["start_up_seconds"] for r in figures.of(program.name, "epochs").values()]
        wall = figures.wall(program.name, "whole")
        yield {
            "program": program.name,
            "label": program.label,
            "epoch_seconds": list(epochs.values()),
            "epoch_ratios": ratios(epochs, figures.epoch(program.ours)),
            "start_up_seconds": start,
            "peak_megabytes": peak,
            "peak_of": "whole" if whole else "epochs",
            "whole_seconds": list(wall.values()),
            "whole_ratios": ratios(wall, figures.wall(program.ours, "whole")),
        }


def summary(figures, programs):
    """The ratios that matter, each by round: (what, values)."""
    names = [p.name for p in programs]

    def best(prefix):
        return least([e for n in names if n.startswith(prefix) if (e := figures.epoch(n))])

    ours, one = figures.epoch(CPU), figures.epoch("ours-1")
    cpu_burn = least([e for n in ("burn-flex", "burn-ndarray") if (e := figures.epoch(n))])
    lines = [
        ("epoch: Keras, deterministic / ours", ratios(figures.epoch("keras"), ours)),
        ("epoch: the faster Keras / ours", ratios(best("keras"), ours)),
        ("epoch: the faster PyTorch / ours", ratios(best("torch"), ours)),
        ("epoch: burn's faster CPU backend / ours", ratios(cpu_burn, ours)),
        ("epoch on the GPU: burn on wgpu / ours", ratios(figures.epoch("burn-wgpu"), figures.epoch(GPU))),
        ("epoch: ours on one thread / on all", ratios(one, ours)),
        (
            "cold start: Keras, deterministic, 3 epochs without validation / our whole run",
            ratios(figures.wall("keras", "three"), figures.wall(CPU, "whole")),
        ),
        ("forward alone: ONNX Runtime / ours", ratios(figures.forward(ONNX), figures.forward(CPU))),
    ]
    return [(what, values) for what, values in lines if values]


def render(model, settings, figures, programs):
    """Markdown that reads as plain text too."""
    heads = ["", "s per epoch", "÷ ours", "start-up s", "peak MB", f"{settings['whole_epochs']} epochs s", "÷ ours"]
    body = []
    for row in rows(figures, programs):
        own = row["program"] in (CPU, GPU)
        body.append([
            row["label"],
            spread(row["epoch_seconds"], 3),
            "1" if own else spread(row["epoch_ratios"], 1),
            spread([median(row["start_up_seconds"])], 2),
            spread([median(row["peak_megabytes"])], 0) + ("" if row["peak_of"] == "whole" else "*"),
            spread([median(row["whole_seconds"])] if row["whole_seconds"] else [], 1),
            "1" if own and row["whole_seconds"] else spread(row["whole_ratios"], 1),
        ])
    text = [f"{model.upper()}, {'{:,} samples of {}×{}'.format(*settings['shape'])}, batch 32", "", *grid(heads, body), ""]
    text += forward_table(model, settings, figures)
    for what, values in summary(figures, programs):
        text.append(f"- {what}: {spread(values, 2)}")
    return "\n".join(text)


def forward_table(model, settings, figures):
    """The lines of the forward alone; none where it was not measured."""
    heads = ["", "s", "µs per sample", "÷ ours", "samples in a call", "peak MB"]
    samples, body = settings["samples"], []
    for name, label in [(ONNX, "ONNX Runtime"), (CPU, f"genre-gpu, {settings['threads']} threads")]:
        seconds, records = figures.forward(name), figures.of(name, "forward")
        if not seconds:
            continue
        body.append([
            label,
            spread(list(seconds.values()), 3),
            f"{median(seconds.values()) / samples * 1e6:.1f}",
            "1" if name == CPU else spread(ratios(seconds, figures.forward(CPU)), 2),
            "all" if name == CPU else ", ".join(map(str, sorted({r["batch"] for r in records.values()}))),
            spread([median(r["peak_bytes"] / 1e6 for r in records.values())], 0),
        ])
    return [f"{model.upper()}, forward alone of {samples:,} samples", "", *grid(heads, body), ""] if body else []


def grid(heads, body):
    """The lines of a table."""
    widths = [max(len(line[i]) for line in [heads, *body]) for i in range(len(heads))]

    def line(cells):
        first, *others = (cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths)))
        return "| " + " | ".join([first, *others]) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return [line(heads), rule, *map(line, body)]
