"""A live search of a queue whose limit is known: `katydid find` against `katydid-target`, real requests, real time.

    python bench/search/live.py [--time-budget 20m]

prints a line for bench/search/live.md. It takes as long as the search, 15 to 40 minutes. The truth is simulated here: arrivals at equal
distances, as the search makes them, at servers behind one queue.
"""

import argparse
import heapq
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "target/release/katydid-target"
KATYDID = Path(sys.executable).parent / "katydid"

SERVERS = 8
MEDIAN_MS, SIGMA = 44.1, 0.5  # a mean of 50 ms
LIMIT_MS = 200.0
BUDGET = 0.05

SCENARIO = f"""
from locust import FastHttpUser, task

class Customer(FastHttpUser):
    @task
    def ask(self):
        self.client.get("/queue?k={SERVERS}&dist=lognormal&median={MEDIAN_MS}&sigma={SIGMA}", name="/queue")
"""


def bad(rate: float, requests: int) -> float:
    """Share of requests over the limit."""
    draw = random.Random(7)
    free = [0.0] * SERVERS
    slow = 0
    for number in range(requests):
        at = number / rate
        service = MEDIAN_MS / 1e3 * draw.lognormvariate(0.0, SIGMA)
        done = max(at, heapq.heappop(free)) + service
        heapq.heappush(free, done)
        slow += (done - at) * 1e3 > LIMIT_MS
    return slow / requests


def truth() -> float:
    """The rate at which as many are bad as may be, per second."""
    low, high = 100.0, 160.0
    while high / low > 1.002:
        rate = (low * high) ** 0.5
        if bad(rate, 1_000_000) > BUDGET:
            high = rate
        else:
            low = rate
    return (low * high) ** 0.5


def search(budget: str | None) -> Any:
    """What `katydid find` left in its summary."""
    target = subprocess.Popen([TARGET, "--bind", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        assert target.stdout is not None
        url = target.stdout.readline().split()[-1]
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "locustfile.py").write_text(SCENARIO)
            words = ["find", "-H", url, "--slo", f"p{100 - 100 * BUDGET:.0f} < {LIMIT_MS:.0f}ms"]
            more = ["--time-budget", budget] if budget else []
            more += ["--no-discovery"]
            run = [KATYDID, *words, *more, "--run-dir", "run"]
            subprocess.run(run, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            return json.loads(Path(folder, "run/summary.json").read_text())
    finally:
        target.terminate()
        target.wait()


def main() -> None:
    """Prints the line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--time-budget")
    budget = parser.parse_args().time_budget
    limit = truth()
    summary = search(budget)
    found = summary["search"]
    holds = found["low"] is not None and found["low"] <= limit <= found["high"]
    cells = [
        f"{limit:.1f}",
        found["answer"],
        "yes" if holds else "no",
        "–" if found["confirmed"] is None else f"{found['confirmed']:.1f}",
        f"{len(found['steps'])}, {sum(not step['counts'] for step in found['steps'])}",
        f"{summary['run']['duration_s'] / 60:.0f}",
    ]
    print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
