"""`katydid demo`: the shop is up while the load runs, and gone afterwards."""

import importlib.util
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest
from waiting import is_at_work, until

from conftest import ROOT
from katydid_shop.stack.process import listening


def _demo() -> ModuleType:
    """The module alone: it needs nothing of the built extension."""
    spec = importlib.util.spec_from_file_location("demo", ROOT / "python/katydid/demo.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_run_sees_the_shop() -> None:
    seen: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        host = arguments[arguments.index("-H") + 1]
        with urllib.request.urlopen(f"{host}/healthz", timeout=5) as answer:
            assert answer.status == 200
        seen.append(arguments)
        return 7

    # 0: it has shown what it had to show, whatever the run says of itself.
    assert _demo().main(["--users", "8", "-t", "5s", "--html", "x.html"], run) == 0
    (arguments,) = seen
    assert Path(arguments[1]).read_text() == (ROOT / "examples/shop.py").read_text()
    assert arguments[2:9] == ["--headless", "-u", "8", "-r", "1.6", "-t", "5s"]
    assert arguments[-2:] == ["--html", "x.html"]
    assert not listening(int(arguments[10].rsplit(":", 1)[1]))


def test_the_shop_goes_when_the_run_raises() -> None:
    hosts: list[str] = []

    def run(arguments: list[str]) -> int:
        hosts.append(arguments[arguments.index("-H") + 1])
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        _demo().main([], run)
    assert not listening(int(hosts[0].rsplit(":", 1)[1]))


def _searches_of(parent: int) -> list[str]:
    """The processes of `katydid find` that this one has started."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [pid for pid in children if b"\0find\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_search_ends_with_the_demo_that_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "katydid", "demo", "--prove"]
    with open(tmp_path / "output", "w") as output:
        demo = subprocess.Popen(argv, cwd=tmp_path, stdout=output, stderr=output)
    said = tmp_path / "output"
    until(lambda: "Arrivals begin" in said.read_text() or demo.poll() is not None, "a search")
    (search,) = _searches_of(demo.pid)
    demo.kill()
    demo.wait()
    until(lambda: not is_at_work(search), "the search's end")


def test_what_proves_makes_several_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--prove", "--run-dir", str(tmp_path / "run")]
    assert _demo().main(words, lambda arguments: 0) == 2
    assert "leave it out" in capsys.readouterr().err


def test_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = _demo()
    monkeypatch.setattr(demo, "_NEEDED", ("no_such_package",))
    assert demo.main([], lambda arguments: 0) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_load_follows_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = _demo()
    loads = []
    for cores in (1, 2, 8, 64):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        loads.append(demo.default_users())
    assert loads == [30, 60, 240, 240]
