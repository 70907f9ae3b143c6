"""Notebooks that can be run again from top to bottom."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("nbconvert")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

import genre_gpu

EXAMPLE = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "assignment.ipynb")


def execute(notebook, folder):
    """Runs all cells in a folder; the executed notebook."""
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--output", "executed.ipynb"]
    done = subprocess.run([*command, str(notebook)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with open(folder / "executed.ipynb", encoding="utf-8") as file:
        return json.load(file)


def pictures(book):
    outputs = [output for cell in book["cells"] for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_the_report_as_a_notebook_makes_its_runs_again(folder, tmp_path):
    program = [sys.executable, "-m", "genre_gpu"]
    for model, run in [("p1", "one"), ("p1-bn", "other")]:
        for command in [
            ["train", "--data", str(folder), "--model", model, "--epochs", "2", "--out", run],
            ["explain", run, "--no-checks"],
        ]:
            subprocess.run([*program, *command, "--quiet"], cwd=tmp_path, check=True)
    report = ["report", "one", "other", "--format", "ipynb", "--out", "report.ipynb", "--quiet"]
    subprocess.run([*program, *report], cwd=tmp_path, check=True)
    book = execute("report.ipynb", tmp_path)
    # Of the first run curves, matrices, maps of two classes; of the second curves and matrices.
    assert pictures(book) >= 2 + 2 + 2
    for run, again in [("one", "p1"), ("other", "p1-bn")]:
        weights = [genre_gpu.load(tmp_path / folder).weights for folder in (run, f"again/{again}")]
        assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])


def test_the_example_runs_on_a_small_corpus(folder, tmp_path):
    with open(EXAMPLE, encoding="utf-8") as file:
        text = file.read()
    book = json.loads(text)
    assert all(not cell.get("outputs") for cell in book["cells"])
    # The settings cell stands for itself: smaller ones here.
    settings = next(cell for cell in book["cells"] if "".join(cell["source"]).startswith("# Settings"))
    settings["source"] = [f"DATA = {str(folder)!r}\n", "EPOCHS = 1\n", "DEVICE = 'cpu'\n"]
    (tmp_path / "assignment.ipynb").write_text(json.dumps(book), encoding="utf-8")
    assert pictures(execute("assignment.ipynb", tmp_path)) >= 6
