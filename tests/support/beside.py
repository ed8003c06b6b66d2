"""A scenario under a command, be it Locust's or katydid's, and what it did."""

from __future__ import annotations

import csv
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from recorder import Request, recorder

HERE = Path(__file__).parents[1] / "compatibility"
SAID = "said: "


@dataclass(frozen=True)
class Did:
    """What a scenario did under one of the two."""

    requests: list[Request]
    #: What the scenario printed, line by line.
    said: list[str]
    exit_code: int
    #: By file (`stats`, `failures`, `exceptions`): its rows.
    files: dict[str, list[dict[str, str]]]
    #: All output, for a failure's message.
    output: str


def did(command: str, folder: Path, name: str, words: tuple[str, ...]) -> Did:
    folder.mkdir()
    with recorder() as target:
        argv = [command, "-f", str(HERE / "scenarios" / f"{name}.py"), "--headless"]
        argv += ["-H", target.url, "--csv", "out", "-t", "30s", *words]
        env = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            argv, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        output = (done.stdout + done.stderr).replace(target.url, "http://TARGET")
        port = target.url.rsplit(":", 1)[1]
        rows = {kind: _rows(folder / f"out_{kind}.csv", port) for kind in _FILES}
    said = [line[len(SAID) :] for line in done.stdout.splitlines() if line.startswith(SAID)]
    said = [line.replace(port, "PORT") for line in said]
    requests = [_without(request, port) for request in target.requests]
    return Did(requests, said, done.returncode, rows, output)


_FILES = ("stats", "failures", "exceptions")


def _without(request: Request, port: str) -> Request:
    """The port is another for each run, and so is what stands between the parts of a form."""
    found = re.search(r"boundary=(\S+)", dict(request.headers).get("content-type", ""))
    varies = {port: "PORT", **({found[1]: "BOUNDARY"} if found else {})}

    def same(text: str) -> str:
        for this, that in varies.items():
            text = text.replace(this, that)
        return text

    headers = tuple((name, same(value)) for name, value in request.headers)
    return Request(request.method, request.path, headers, same(request.body))


def _rows(path: Path, port: str) -> list[dict[str, str]]:
    if not path.exists():
        return []
    text = path.read_text().replace(port, "PORT")
    return list(csv.DictReader(text.splitlines()))
