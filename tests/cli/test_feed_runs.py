"""Test data in whole runs: a broken file is a broken scenario, and what happens when rows are used up."""

from typing import Any

import pytest

SCENARIO = """
accounts = feed({})

class U(User):
    wait_time = constant(0.01)

    def on_start(self):
        self.mine = accounts.next()["name"]

    @task
    def t(self):
        say(**{{self.mine: True}})
"""


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (None, "accounts.csv: there is no such file."),
        ("", "accounts.csv is empty."),
        ("name\n", "accounts.csv has a header but no rows."),
        ("name\nann\nbob,2\n", "accounts.csv, line 3: 2 cells, but the header has 1."),
    ],
    ids=["missing", "empty", "no rows", "ragged"],
)
def test_a_broken_file(katydid: Any, file: str | None, said: str) -> None:
    folder = katydid.folder / "scenario"
    folder.mkdir()
    path = katydid.write(SCENARIO.format("'accounts.csv'"), "scenario/locustfile.py")
    if file is not None:
        (folder / "accounts.csv").write_text(file)
    done = katydid("-f", "scenario/locustfile.py", "-u", "1", "-t", "1s")
    assert done.code == 2, done.text
    first, *_, last = done.err.splitlines()
    assert first == f"{path} could not be loaded:"
    assert last.startswith(f"{folder}/{said}")
    assert "accounts = feed('accounts.csv')" in done.err and ", in <module>" in done.err
    assert "Traceback" not in done.err and "katydid/" not in done.err.replace(str(folder), "")
    assert len(done.err.splitlines()) <= 5, done.text


def test_an_order_that_there_is_not(katydid: Any) -> None:
    done = katydid.scenario(SCENARIO.format("'accounts.csv', order='shuffled'"))
    assert done.code == 2 and "does not know the order 'shuffled'" in done.err, done.text


def test_used_up(katydid: Any) -> None:
    """The users that came too late stop, the others go on, and the report says it."""
    (katydid.folder / "accounts.csv").write_text("name\nann\nbob\n")
    text = SCENARIO.format("'accounts.csv', order='unique'")
    done = katydid.scenario(text, "-u", "5", "-r", "100", "-t", "2s").ended(0)
    assert done.said == {"ann": True, "bob": True}
    note = "accounts.csv is used up: each of its 2 rows was given out once."
    assert [n for n in done.summary["notes"] if note in n] != [], done.text
    assert "accounts.csv is used up" in done.out
    assert done.err.count("accounts.csv is used up") == 1 and "Traceback" not in done.err


def test_used_up_in_check(katydid: Any) -> None:
    (katydid.folder / "accounts.csv").write_text("name\nann\n")
    katydid.write(
        "accounts = feed('accounts.csv', order='unique')\n"
        "class U(User):\n    @task\n    def t(self):\n        next(accounts); next(accounts)\n"
    )
    done = katydid("check")
    assert done.code == 0, done.text
    assert "FeedExhausted: accounts.csv is used up" in done.out, done.text
