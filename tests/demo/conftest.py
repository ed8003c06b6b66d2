"""One shop for all tests of this folder, and how to run a second one.

Needs demo/shop/requirements.txt and httpx.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "demo/shop"))

import httpx

from katydid_shop.stack import Stack

ROOT = Path(__file__).parents[2]


def manager(*arguments: str) -> subprocess.Popen[str]:
    """A stack in a process of its own; its first line of output is its URLs, as JSON."""
    return subprocess.Popen(
        [sys.executable, "-m", "katydid_shop.stack", "run", "--json", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "demo/shop")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The shop, up and seeded."""
    with Stack() as up:
        yield up


@pytest.fixture
def stranger(stack: Stack) -> Iterator[httpx.Client]:
    """A client that has not logged in."""
    with httpx.Client(base_url=stack.urls.app) as client:
        yield client


@pytest.fixture
def seller(stack: Stack) -> Iterator[httpx.Client]:
    """A client logged in at the busiest tenant."""
    with httpx.Client(base_url=stack.urls.app) as client:
        user = {"email": "user1@tenant-01.example", "password": "katydid"}
        client.post("/login", json=user).raise_for_status()
        yield client
