"""The command line: ``python -m genre_gpu train --device cpu``."""

import os
import signal
import sys

from . import _native


def main() -> int:
    """Run the command line on the process's arguments; return its exit code."""
    # Else the program would start its process again to set it (usage.rs), with arguments that it guesses.
    os.environ["XDG_RUNTIME_DIR"] = os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent"
    # The program handles Ctrl-C itself: Python's handler would wait for it to return.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.main(["genre-gpu", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
