"""`katydid exec SCRIPT args…`: a Python script, run as `python SCRIPT` would, for which `locust` is
katydid."""

from __future__ import annotations

import os
import runpy
import sys


def execute(words: list[str]) -> int:
    """Runs the script and returns its exit code; its exceptions go up with their traceback."""
    if words[:1] == ["--"]:
        words = words[1:]
    script = words[0]
    if not os.path.isfile(script):
        print(f"error: there is no script {script}", file=sys.stderr)
        return 2
    sys.argv = words
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    runpy.run_path(script, run_name="__main__")
    return 0
