"""How often `katydid validate` calls the same something else, on the real demo shop: A/A validations of short pairs.

.venv/bin/python bench/validate/shop.py [N]

Each of the N [10] is three pairs of 12 s, two minutes. Each is a line of bench/validate/shop.md, written when it is over. Knows the
command and the files that it writes, nothing of how they come about.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.shop import Shop, shop, watching

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = Path(__file__).with_name("shop.md")
_LOAD = ("--load", "arrive at 40/s for 12s", "--warm-up", "3s", "--pairs", "3", "--no-probe")
_HEAD = """\
# The same shop on both sides

Made by `.venv/bin/python bench/validate/shop.py` ([README.md](README.md)): `katydid selftest --aa` with three pairs of
12 s at 40 arrivals/s of `examples/shop.py`. IMPROVED and REGRESSED are wrong; at most one of ten may be.
*Finds*: the change of p95 that it says it would find in four of five cases.

| | verdict | p95 before, ms | after, ms | change | 95 % interval | finds |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Prints each line, too."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=10)
    n = parser.parse_args().n
    lines: list[str] = []
    wrong = 0
    with shop() as up:
        for number in range(1, n + 1):
            told = _validated(up)
            wrong += told["verdict"] in ("IMPROVED", "REGRESSED")
            lines.append(_line(number, told))
            print(lines[-1], flush=True)
            end = f"\n{wrong} of {number} called the same something else.\n"
            _PAGE.write_text(_HEAD + "\n".join(lines) + "\n" + end, encoding="utf-8")


def _validated(up: Shop) -> Any:
    words, more = watching(up)
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "katydid", "selftest", "--aa", "-H", up["app"]]
        run += ["-f", str(_ROOT / "examples/shop.py"), *_LOAD, *words, "--run-dir", "set"]
        # 99 is a verdict, 3 that there is none.
        done = subprocess.run(
            run, cwd=folder, env={**os.environ, **more}, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 3, 99):
            raise SystemExit(done.stderr[-2000:])
        return json.loads(Path(folder, "set/comparison.json").read_text())


def _line(number: int, told: Any) -> str:
    first = next((one for one in told["changes"] if one["primary"]), None)
    if first is None:
        return f"| {number} | {told['verdict']} | | | | | |"
    percent = [f"{100 * first[name]:+.1f} %" for name in ("change", "low", "high")]
    finds = first["detectable"]
    finds = f"{100 * finds:.0f} %" if finds is not None else ""
    return (
        f"| {number} | {told['verdict']} | {first['before']:.1f} | {first['after']:.1f} "
        f"| {percent[0]} | {percent[1]} to {percent[2]} | {finds} |"
    )


if __name__ == "__main__":
    main()
