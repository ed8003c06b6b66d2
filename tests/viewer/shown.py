"""Pages in a browser that are watched while a test looks at them, and pages with other data in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browser import Browser, Page

Opened = Callable[..., Page]


@contextmanager
def watched(browser: Browser) -> Iterator[Opened]:
    """Opens pages. At the end none of those has complained, asked for anything, or opened a dialog."""
    pages: list[Page] = []

    def opened(path: Path, width: int = 1280, **media: str) -> Page:
        pages.append(browser.open(path, width, **media))
        return pages[-1]

    yield opened
    for page in pages:
        said = page.events(
            "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"
        )  # fmt: skip
        assert said == []
        asked = [sent["request"]["url"] for sent in page.events("Network.requestWillBeSent")]
        assert [url for url in asked if not url.startswith("file:")] == [] and len(asked) == 1
        page.call("Page.close")


def put(page: str, data: Any) -> str:
    """The page with this in place of its data."""
    text = json.dumps(data).replace("<", "\\u003c")
    pattern = r'(<script type="application/json" id="run">).*?(</script>)'
    found, count = re.subn(pattern, lambda of: of[1] + text + of[2], page, flags=re.S)
    assert count == 1
    return found
