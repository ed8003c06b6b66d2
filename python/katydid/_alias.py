"""Lets `import locust` mean katydid, in a process whose program is katydid.

`install()` is called by the console command and by `katydid exec`, never by importing katydid: a
script that has real Locust installed keeps it. The modules are the same objects, so classes are
identical whichever name imported them.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

ALIAS = "locust"
REAL = __name__.rpartition(".")[0]


class _Loader(Loader):
    """Hands out the katydid module instead of building one."""

    def __init__(self, real: str) -> None:
        self._real = real
        self._own_spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._real)
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the alias's spec onto the module; give it its own back.
        module.__spec__ = self._own_spec


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != ALIAS and not fullname.startswith(ALIAS + "."):
            return None
        real = REAL + fullname[len(ALIAS) :]
        try:
            known = importlib.util.find_spec(real)
        except ModuleNotFoundError:
            known = None
        if known is None or fullname.rpartition(".")[2].startswith("_"):
            raise ModuleNotFoundError(
                f"katydid does not have '{fullname}' yet. It runs this script in Locust's place; "
                "see `katydid --help` for what it covers, or run the script with Locust itself.",
                name=fullname,
            )
        return ModuleSpec(
            fullname, _Loader(real), is_package=known.submodule_search_locations is not None
        )


_finder = _Finder()


def install() -> None:
    """From now on `locust` is katydid, ahead of an installed Locust. Calling it again changes
    nothing."""
    if _finder in sys.meta_path:
        return
    for name in [n for n in sys.modules if n == ALIAS or n.startswith(ALIAS + ".")]:
        del sys.modules[name]
    sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Undoes `install`; for tests."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [n for n in sys.modules if n == ALIAS or n.startswith(ALIAS + ".")]:
        del sys.modules[name]
