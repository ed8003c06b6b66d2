"""Every example runs under katydid against the demo shop, and the shop's report opens in a browser."""

import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
PATIENCE = 180


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """The shop's URL. It runs in a process of its own, which cleans up when its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "katydid_shop.stack", "run", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "demo/shop")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = re.search(r'"app": *"([^"]+)"', process.stdout.readline())
    assert found is not None, "the shop did not start"
    yield found[1]
    process.terminate()
    process.communicate(timeout=PATIENCE)


def run(katydid: str, shop: str, name: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    words = [katydid, "-f", str(ROOT / "examples" / name), "-H", shop, "--headless"]
    load = ["-u", "4", "-r", "4", "-t", "3s", "--run-dir", "run", "--html", "report.html"]
    return subprocess.run(
        [*words, *load], cwd=folder, capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_runs(katydid: str, shop: str, name: str, tmp_path: Path) -> None:
    done = run(katydid, shop, name, tmp_path)
    # 3: this machine was too busy for its numbers to be valid, which the run says in its first line.
    starved = done.returncode == 3 and done.stdout.startswith("INVALID")
    assert done.returncode == 0 or starved, done.stdout + done.stderr
    aggregated = re.search(r"Aggregated +([\d,]+) +(\d+)", done.stdout)
    assert aggregated is not None and aggregated[1] != "0", done.stdout
    assert aggregated[2] == "0", done.stdout


def test_the_report_opens_in_a_browser(katydid: str, shop: str, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: scripts/test-packages")
    done = run(katydid, shop, "shop.py", tmp_path)
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    shown = subprocess.run(
        [
            chromium,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"),
            *quiet,
            *("--enable-logging=stderr", "--v=0", f"--user-data-dir={tmp_path}/browser"),
            *("--dump-dom", (tmp_path / "report.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    # Long names may be broken after a slash, which the page says with <wbr>.
    dom = html.unescape(shown.stdout).replace("<wbr>", "")
    title = re.search(r"<title>([^<]+)</title>", dom)
    assert title is not None and "shop" in title[1], dom[:500]
    endpoints = ("/login", "/dashboard", "/orders", "/orders?page=[n]", "/orders/[id]")
    assert [name for name in endpoints if name not in dom] == [], (
        done.stdout + done.stderr + dom[-3000:]
    )
    console = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
    assert console == []
