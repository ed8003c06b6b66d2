"""Who may use whom: ARCHITECTURE.md's rules, read from what cargo says and from the sources."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tree import ROOT, below, text

# Each crate, and the crates of ours that it may name outside its tests.
MAY_USE = {
    "katydid-record": set(),
    "katydid-engine": {"record"},
    "katydid-observe": {"record"},
    "katydid-analyze": {"record"},
    "katydid-report": {"record"},
    "katydid": {"record", "engine", "observe", "analyze", "report"},
    "katydid-python": {"record", "engine", "analyze", "report", "katydid"},
    "katydid-target": set(),
}
# Crates of others, and the only crates of ours that may name them, in tests too.
ONLY_IN = {
    "pyo3": {"katydid-python"},
    "mio": {"katydid-engine", "katydid-target"},
    "clap": {"katydid", "katydid-target"},
    "anyhow": {"katydid"},
    "redis": {"katydid-observe"},
    "tokio-postgres": {"katydid-observe"},
}
# What a pure crate does not touch: files, network, clocks, processes, chance without a seed.
IMPURE = re.compile(
    r"\b(?:std::(?:fs|net|env|process|thread)\b|SystemTime|Instant::now|Timestamp::now|Zoned::now"
    r"|fastrand|thread_rng|from_entropy)"
)
PURE = ("katydid-analyze", "katydid-report")


@cache
def crates() -> dict[str, list[dict[str, Any]]]:
    """Name of each crate → what it depends on."""
    told = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    return {crate["name"]: crate["dependencies"] for crate in json.loads(told)["packages"]}


def names(crate: str, tests: bool) -> set[str]:
    """What a crate depends on, without or only with what its tests need."""
    return {found["name"] for found in crates()[crate] if (found["kind"] == "dev") == tests}


def test_every_crate_is_in_the_table() -> None:
    assert crates().keys() - MAY_USE.keys() == set()


def test_folders_are_called_as_their_crates() -> None:
    assert {path.parent.name for path in (ROOT / "crates").glob("*/Cargo.toml")} == set(crates())


@pytest.mark.parametrize("crate", sorted(MAY_USE))
def test_crates_of_ours(crate: str) -> None:
    if crate not in crates():
        pytest.skip("not built yet")
    ours = {name for name in names(crate, tests=False) if name.startswith("katydid")}
    allowed = {name if name == "katydid" else f"katydid-{name}" for name in MAY_USE[crate]}
    assert ours - allowed == set()


@pytest.mark.parametrize("crate", sorted(MAY_USE))
def test_what_tests_may_add(crate: str) -> None:
    if crate not in crates():
        pytest.skip("not built yet")
    ours = {name for name in names(crate, tests=True) if name.startswith("katydid")}
    allowed = {name if name == "katydid" else f"katydid-{name}" for name in MAY_USE[crate]}
    assert ours - allowed - {"katydid-target"} == set()


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_crates_of_others(library: str) -> None:
    users = {
        crate
        for crate in crates()
        if library in names(crate, tests=False) | names(crate, tests=True)
    }
    assert users - ONLY_IN[library] == set()


def test_the_record_knows_no_runtime() -> None:
    assert names("katydid-record", tests=False) & {"tokio", "hyper", "pyo3", "clap"} == set()


@pytest.mark.parametrize("crate", PURE)
def test_pure(crate: str) -> None:
    found = []
    for path in below(f"crates/{crate}/src", ".rs"):
        for number, line in enumerate(text(path).splitlines(), 1):
            if "#[cfg(test)]" in line:
                break
            if IMPURE.search(line) and not line.lstrip().startswith("//"):
                found.append(f"{path}:{number}: {line.strip()}")
    assert found == []


def _naming(pattern: str, paths: list[Path]) -> list[Path]:
    return [path for path in paths if re.search(pattern, text(path))]


def test_only_the_bindings_name_pyo3() -> None:
    others = [path for path in below("crates", ".rs") if "katydid-python" not in path.parts]
    assert _naming(r"\bpyo3\b", others) == []


def test_only_the_package_names_gevent() -> None:
    # In code: a comment of the bindings may say what a hub is.
    assert _naming(r"^\s*(?:import|from) gevent\b", below("demo", ".py")) == []
    assert _naming(r"(?m)^(?!\s*//).*\bgevent\b", below("crates", ".rs")) == []


def test_the_shop_knows_nothing_of_katydid() -> None:
    assert _naming(r"(?m)^\s*(?:import|from) (?:katydid|locust)\b", below("demo", ".py")) == []


def test_no_face_computes_a_percentile() -> None:
    assert _naming(r"\bquantile_us\b", below("crates/katydid-report/src", ".rs")) == []
