"""OpenTelemetry by Locust's name; not built yet."""

from __future__ import annotations

import logging


def setup_opentelemetry(locustfile: str, profile: str | None = None) -> bool:
    """Always False: says so in the log and lets the run go on."""
    logging.getLogger("locust.opentelemetry").error(
        "OpenTelemetry export is not built into katydid yet."
    )
    return False
