"""How large the record gets by watching: the demo shop under a small load, with twelve sources watched.

    .venv/bin/python bench/observers/hour.py --minutes 60

The record is taken apart afterwards: what observers wrote, compressed apart in the same way, against the whole. Prints MB per hour.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from prometheus_client import start_http_server

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

from ports import free_port
from run import ROOT, Shop

#: Sources from here on are observers.
OBSERVERS = 1 << 24


def compressed(lines: list[bytes]) -> int:
    done = subprocess.run(["zstd", "-3", "-c"], input=b"".join(lines), capture_output=True)
    return len(done.stdout)


def sizes(frames: Path) -> dict[str, Any]:
    """Bytes of the record, the observers' part of them, and how many frames and series there were."""
    text = subprocess.run(["zstd", "-dc", str(frames)], capture_output=True, check=True).stdout
    lines = text.splitlines(keepends=True)
    watched: list[bytes] = []
    others: list[bytes] = []
    series: Counter[int] = Counter()
    for line in lines:
        frame = json.loads(line)
        (watched if frame["source"] >= OBSERVERS else others).append(line)
        series[frame["source"]] += sum("series" in name for name in frame["body"].get("names", ()))
    apart = compressed(watched), compressed(others)
    whole = frames.stat().st_size
    return {
        "record_bytes": whole,
        "watched_bytes": round(whole * apart[0] / sum(apart)),
        "frames": len(watched),
        "series": sum(count for source, count in series.items() if source >= OBSERVERS),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--users", type=int, default=4)
    options = parser.parse_args()
    page, spans = free_port(), free_port()
    start_http_server(page, "127.0.0.1")
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{spans}"
    with Shop() as shop, tempfile.TemporaryDirectory() as folder:
        pids = [shop["pids"][name] for name in ("worker", "postgres", "valkey")] + [os.getpid()]
        addresses = [
            "env:SHOP_OBSERVER_URL",
            "env:SHOP_VALKEY_URL",
            "env:ORDERS",
            "env:LINES",
            f"prometheus:http://127.0.0.1:{page}/metrics",
            f"otlp:{spans}",
            *(f"pid:{pid}" for pid in pids),
        ]
        watch = [word for address in addresses for word in ("--watch", address)]
        seconds = round(options.minutes * 60)
        command = [str(ROOT / ".venv/bin/katydid"), "-f", str(ROOT / "examples/shop.py"), *watch]
        command += ["-H", shop["app"], "-u", str(options.users), "-r", "4", "-t", f"{seconds}s"]
        command += ["--run-dir", f"{folder}/run"]
        gauge = f"sql:{shop['postgres']}"
        env = {
            **os.environ,
            "SHOP_OBSERVER_URL": shop["observer"],
            "SHOP_VALKEY_URL": shop["valkey"],
            "ORDERS": f"{gauge} orders=SELECT count(*) FROM orders",
            "LINES": f"{gauge} lines=SELECT count(*) FROM order_lines",
        }
        subprocess.run(command, env=env, check=False, capture_output=True)
        found = sizes(Path(folder) / "run/frames.jsonl.zst")
        summary = json.loads((Path(folder) / "run/summary.json").read_text())
    hours = summary["run"]["duration_s"] / 3600
    target = summary["target"]
    found |= {
        "sources": {one["subject"]: [one["looks"], one["cost_share"]] for one in target},
        "requests": summary["total"]["requests"],
        "duration_s": summary["run"]["duration_s"],
        "watched_mb_per_hour": round(found["watched_bytes"] / 1e6 / hours, 2),
        "observers_share_of_a_core": round(sum(one["cost_share"] or 0 for one in target), 5),
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
