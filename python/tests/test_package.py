"""The package as it is installed."""

import os
import re
import subprocess
import sys

import genre_gpu

HERE = os.path.dirname(os.path.abspath(__file__))


def test_the_first_lines_of_the_readme_train_p1():
    with open(os.path.join(HERE, "..", "README.md"), encoding="utf-8") as file:
        text = file.read()
    lines = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    assert lines.count("\n") == 4 and "fit(data)" in lines
    # One epoch instead of 20, and a check.
    check = "assert len(history.epoch) == 1 and model.predict(data.x_test).shape == (1800, 4)\n"
    code = lines.replace("fit(data)", "fit(data, epochs=1)") + check
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_the_command_line_is_in_the_package():
    def run(*arguments):
        command = [sys.executable, "-m", "genre_gpu", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    assert run("--version").stdout.startswith(f"genre-gpu {genre_gpu.__version__}")
    assert run("train", "--epochs", "0").returncode == 2
    missing = run("evaluate", "no-such-run")
    assert missing.returncode == 1 and "no-such-run" in missing.stderr


def test_every_public_name_is_documented():
    for name in genre_gpu.__all__:
        assert name == "__version__" or getattr(genre_gpu, name).__doc__, name
    methods = [name for name in vars(genre_gpu.Model) if not name.startswith("_")]
    assert "fit" in methods and all(getattr(genre_gpu.Model, name).__doc__ for name in methods)
