"""The files of the project, as the rules see them: what git holds, and what it would take."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Every file that is committed or could be, as paths below the root; links are left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    found = (Path(name) for name in listed.split("\0") if name)
    return tuple(
        sorted(path for path in found if (ROOT / path).is_file() and not (ROOT / path).is_symlink())
    )


def below(folder: str, *suffixes: str) -> list[Path]:
    """The files of a folder, with one of these suffixes if any are given."""
    return [
        path
        for path in files()
        if path.is_relative_to(folder) and (not suffixes or path.suffix in suffixes)
    ]


def text(path: Path) -> str:
    """A file's text; empty if it holds none."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""
