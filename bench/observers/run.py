"""What being watched costs the target: pairs of runs of the demo shop, one watched and one not, in random order.

    .venv/bin/python bench/observers/run.py --pairs 10 --seconds 20

CPU time of the shop's processes (app, worker, PostgreSQL, Valkey) per request, watched over not watched, with the 95 % interval of
the mean of the logarithms (Student's t over pairs), and what the observers themselves say that they cost. Knows the shop and the
command, nothing of how either works.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.shop import Shop, shop, watching

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
#: 97.5 % points of Student's t by degrees of freedom; beyond, the normal's.
STUDENT = [
    12.71,
    4.30,
    3.18,
    2.78,
    2.57,
    2.45,
    2.36,
    2.31,
    2.26,
    2.23,
    2.20,
    2.18,
    2.16,
    2.14,
    2.13,
]


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def cpu_s(pids: list[int]) -> float:
    """CPU time of these processes, of all below them, and of those that they have waited for."""
    total = 0
    for pid in {each for root in pids for each in tree(root)}:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def run(up: Shop, watched: bool, seconds: int, users: int) -> dict[str, float]:
    """One run: CPU time per request of the shop, µs; of a watched one also what watching cost."""
    words, env = watching(up)
    if not watched:
        words = ["--no-discovery"]
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        command = [str(ROOT / ".venv/bin/katydid"), "-f", str(ROOT / "examples/shop.py")]
        command += ["-H", up["app"], "-u", str(users), "-r", str(users), "-t", f"{seconds}s"]
        command += ["--seed", "1", "--run-dir", f"{folder}/run", "--summary", str(summary), *words]
        pids = list(up["pids"].values())
        before = cpu_s(pids)
        subprocess.run(command, env={**os.environ, **env}, check=False, capture_output=True)
        used = cpu_s(pids) - before
        found = json.loads(summary.read_text())
    requests = found["total"]["requests"]
    costs = [target["cost_share"] or 0 for target in found["target"]]
    return {"us": used / requests * 1e6, "requests": requests, "cost": sum(costs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--out", type=Path, help="write the pairs and the result here, as JSON")
    options = parser.parse_args()
    chance = random.Random(1)
    pairs: list[dict[str, Any]] = []
    with shop() as up:
        run(up, True, 5, options.users)  # caches and pools are warm then
        for number in range(options.pairs):
            order = [True, False]
            chance.shuffle(order)
            made = {watched: run(up, watched, options.seconds, options.users) for watched in order}
            ratio = made[True]["us"] / made[False]["us"]
            pairs.append({"watched": made[True], "not_watched": made[False], "ratio": ratio})
            print(
                f"pair {number + 1}: watched {made[True]['us']:.0f} µs, not {made[False]['us']:.0f} µs, ratio {ratio:.3f}"
            )
    logs = [math.log(pair["ratio"]) for pair in pairs]
    mean = sum(logs) / len(logs)
    result: dict[str, Any] = {"ratio": math.exp(mean)}
    if len(logs) > 1:
        spread = math.sqrt(sum((log - mean) ** 2 for log in logs) / (len(logs) - 1))
        t = STUDENT[len(logs) - 2] if len(logs) - 2 < len(STUDENT) else 1.96
        half = t * spread / math.sqrt(len(logs))
        result["interval"] = [math.exp(mean - half), math.exp(mean + half)]
    result["observers_share_of_a_core"] = sum(p["watched"]["cost"] for p in pairs) / len(pairs)
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.write_text(json.dumps({"result": result, "pairs": pairs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
