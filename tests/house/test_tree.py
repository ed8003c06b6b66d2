"""What every file of the project keeps to."""

import re
import sys
from pathlib import Path

import pytest

from tree import ROOT, below, files, text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LONGEST = 700
WRITTEN = {".rs", ".py", ".pyi", ".ts", ".tsx", ".css", ".html", ".md", ".toml", ".sh", ".sql"}
# Made by tools, or texts of others.
MADE = re.compile(r"(^|/)(Cargo\.lock|package-lock\.json|LICENSE-.*|.*\.snap)$")
# A folder of somebody's machine. In pieces, so that this file does not hold one.
PLACES = ("root", "work", "home/" + r"[a-z]\w*", "Users/" + r"\w+")
MACHINE = re.compile(rf"(?<![\w.~$}}*-])/(?:{'|'.join(PLACES)})/")
# Documents that readers of the repository do not have.
UNSEEN = re.compile(r"\bDESIGN(?:\.md)?,? §|\bshared/|reference/\w+\.md")


def test_no_file_is_too_long() -> None:
    """A longer one gives its reason near its top: `Long because …`."""
    long = {}
    for path in files():
        if path.suffix not in WRITTEN or MADE.search(str(path)):
            continue
        lines = text(path).splitlines()
        if len(lines) > LONGEST and not any("Long because" in line for line in lines[:15]):
            long[str(path)] = len(lines)
    assert long == {}


def test_the_makefile_holds_verbs_only() -> None:
    assert len(text(Path("Makefile")).splitlines()) <= 60


@pytest.mark.parametrize("pattern", [MACHINE, UNSEEN], ids=["machine", "unseen"])
def test_no_path_that_others_do_not_have(pattern: re.Pattern[str]) -> None:
    found = []
    for path in files():
        if MADE.search(str(path)) or path == Path(__file__).relative_to(ROOT):
            continue
        for number, line in enumerate(text(path).splitlines(), 1):
            if hit := pattern.search(line):
                found.append(f"{path}:{number}: {hit.group()}")
    assert found == []


def test_modules_say_what_they_are_for() -> None:
    def opens_with_it(path: Path) -> bool:
        opening = text(path).lstrip()
        begins = {".rs": ("//!", "#!["), ".ts": ("// ",), ".css": ("/* ",)}
        return not opening or opening.startswith(begins.get(path.suffix, ('"""',)))

    product = [path for path in below("crates", ".rs") if "src" in path.parts]
    product += below("python/katydid", ".py") + below("demo", ".py")
    product += below("viewer/src", ".ts", ".css")
    assert [path for path in product if path.stem != "tests" and not opens_with_it(path)] == []


def test_the_extra_demo_is_the_shops_list() -> None:
    project = tomllib.loads(text(Path("pyproject.toml")))["project"]
    extra = {need.split(";")[0].strip() for need in project["optional-dependencies"]["demo"]}
    lines = text(Path("demo/shop/requirements.txt")).splitlines()
    assert extra == {line for line in lines if line and not line.startswith("#")}


def test_the_maturin_of_the_makefile_is_the_builds() -> None:
    needs = tomllib.loads(text(Path("pyproject.toml")))["build-system"]["requires"]
    assert all(f'"{need}"' in text(Path("Makefile")) for need in needs)


def test_links_in_documents_lead_somewhere() -> None:
    lost = []
    for path in [path for path in files() if path.suffix == ".md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text(path)):
            if "://" not in target and not (ROOT / path.parent / target).exists():
                lost.append(f"{path}: {target}")
    assert lost == []
