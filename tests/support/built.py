"""Examples, built as the Rust tests build them: a crate that is built alone has dependencies of other features, and compiles them anew."""

import json
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def example(name: str) -> str:
    """Its program."""
    command = ["cargo", "build", "--release", "--workspace", "--exclude", "katydid-python"]
    told = subprocess.run(
        [*command, "--example", name, "--message-format", "json"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    made = [json.loads(line) for line in told.stdout.splitlines()]
    (program,) = [
        one["executable"] for one in made if one.get("executable") and one["target"]["name"] == name
    ]
    return str(program)
