"""What a report's page holds."""

import json
import re
from pathlib import Path
from typing import Any


def run_in(page: Path) -> Any:
    """The data of the run in this page: `summary`, `view`, `texts`."""
    pattern = r'<script type="application/json" id="run">(.*?)</script>'
    found = re.search(pattern, page.read_text(), re.S)
    assert found is not None, f"{page} holds no run"
    return json.loads(found[1])
