"""Test data: what a file's rows are, who gets which, and what is said about a file that is broken."""

import random
from pathlib import Path
from typing import Any

import pytest

import katydid
from katydid import feed
from katydid.data import Feed, part, share
from katydid.exception import FeedError, FeedExhausted, StopUser

THREE = "name,age\nann,1\nbob,2\ncyd,3\n"


def written(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def names(rows: Feed, number: int) -> list[str]:
    return [rows.next()["name"] for _ in range(number)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("a,b\r\n1,2\r\n3,4", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ("\n\na\n1\n\n2\n\n", [{"a": "1"}, {"a": "2"}]),
        ('a,b\n"x, ""y""\nz",\n', [{"a": 'x, "y"\nz', "b": ""}]),
        ("\ufeffä\nö\n", [{"ä": "ö"}]),
    ],
    ids=["plain", "crlf", "blank lines", "quoted", "utf-8 with a mark"],
)
def test_csv(tmp_path: Path, content: str, expected: list[Any]) -> None:
    rows = feed(written(tmp_path, content))
    assert [rows.next() for _ in range(len(rows))] == expected


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.ndjson", "ROWS.JSONL"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    rows = feed(written(tmp_path, '{"a": [1]}\r\n\n{"a": "\u2028"}', name))
    assert [next(rows), next(rows), next(rows)] == [{"a": [1]}, {"a": "\u2028"}, {"a": [1]}]


def test_orders(tmp_path: Path) -> None:
    path = written(tmp_path, THREE)
    assert names(feed(path), 7) == ["ann", "bob", "cyd", "ann", "bob", "cyd", "ann"]
    assert names(feed(path, order="unique"), 3) == ["ann", "bob", "cyd"]
    random.seed(5)
    expected = [random.choice(["ann", "bob", "cyd"]) for _ in range(9)]
    random.seed(5)
    assert names(feed(path, order="random"), 9) == expected


def test_a_row_is_the_takers_own(tmp_path: Path) -> None:
    rows = feed(written(tmp_path, "name\nann\n"))
    rows.next()["name"] = "changed"
    assert rows.next() == {"name": "ann"}


def test_a_relative_path_counts_from_the_file_that_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, here = tmp_path / "scenario", tmp_path / "here"
    scenario.mkdir()
    here.mkdir()
    written(scenario, "name\nscenario\n")
    written(here, "name\nhere\n")
    monkeypatch.chdir(here)
    text = "from katydid import feed\nname = feed('rows.csv').next()['name']\n"
    called: dict[str, Any] = {"__file__": str(scenario / "locustfile.py")}
    exec(text, called)
    typed: dict[str, Any] = {}
    exec(text, typed)
    assert (called["name"], typed["name"]) == ("scenario", "here")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", "", "rows.csv is empty"),
        ("rows.jsonl", " \n\n", "rows.jsonl is empty"),
        ("rows.csv", "a,b\n", "no rows"),
        ("rows.csv", "a,b\n1,2\n3\n", "line 3: 1 cells, but the header has 2"),
        ("rows.csv", "a,b\n1,2\n\n1,2,3\n", "line 4: 3 cells, but the header has 2"),
        ("rows.csv", 'a,b\n"x\ny",2\n1,2,3\n', "line 4: 3 cells"),
        ("rows.csv", "a,b,a\n1,2,3\n", "line 1: the header has 'a' twice"),
        ("rows.csv", 'a\n1\n"2\n3\n', "line 3: not CSV (unexpected end of data)"),
        ("rows.csv", 'a\n"x"y\n', "line 2: not CSV"),
        ("rows.csv", b"a\n1\n\xff\n", "line 3: not UTF-8"),
        ("rows.csv", b"\xef\xbb\xbfa\n\xe4\n", "line 2: not UTF-8"),
        ("rows.jsonl", '{"a": 1}\n{"a": \n', "line 2: not JSON (Expecting value)"),
        ("rows.jsonl", '{"a": 1}\n\n[1]\n', "line 3: JSON, but not an object"),
        ("rows.txt", "a\n1\n", "feed() reads .csv, .jsonl, .ndjson"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    path = written(tmp_path, content, name)
    with pytest.raises(FeedError) as caught:
        feed(path)
    text = str(caught.value)
    assert text.startswith(str(path)) and said in text and text.endswith(".")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"none\.csv: there is no such file"):
        feed(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FeedError, match=r"folder\.csv cannot be read: Is a directory"):
        feed(tmp_path / "folder.csv")


def test_no_such_order(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="'shuffled': say sequential, random, unique"):
        feed(written(tmp_path, THREE), order="shuffled")


@pytest.mark.parametrize("processes", [1, 2, 3, 7, 10, 11])
def test_parts_are_disjoint_and_complete(processes: int) -> None:
    rows = list(range(10))
    parts = [part(rows, index, processes) for index in range(processes)]
    assert sorted(row for share in parts for row in share) == rows
    assert parts[0][:2] == [0, processes][: len(parts[0])]
    sizes = {len(share) for share in parts}
    assert max(sizes) - min(sizes) <= 1


def test_the_share_of_this_process() -> None:
    assert share({}) == (0, 1)
    assert share({"KATYDID_PROCESS_INDEX": "2", "KATYDID_PROCESSES": "3"}) == (2, 3)
    for index, processes in (("3", "3"), ("-1", "3"), ("x", "3"), ("0", ""), ("0", "0")):
        with pytest.raises(FeedError, match="makes no sense"):
            share({"KATYDID_PROCESS_INDEX": index, "KATYDID_PROCESSES": processes})


def test_a_process_gets_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, THREE)
    monkeypatch.setenv("KATYDID_PROCESSES", "2")
    monkeypatch.setenv("KATYDID_PROCESS_INDEX", "1")
    assert (names(feed(path), 2), len(feed(path, order="unique"))) == (["bob", "bob"], 1)
    assert len(feed(path, order="random")) == 3, "a draw with replacement needs no shares"
    monkeypatch.setenv("KATYDID_PROCESSES", "4")
    with pytest.raises(FeedError, match="3 rows are too few for 4 processes"):
        feed(path)


class Session:
    def __init__(self) -> None:
        self.marks: list[Any] = []

    def mark(self, *mark: str) -> None:
        self.marks.append(mark)


def test_used_up_is_said_once_and_stops_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session()
    monkeypatch.setattr(katydid.events.request, "_session", session)
    rows = feed(written(tmp_path, THREE), order="unique")
    assert [row["name"] for row in (next(rows), next(rows), next(rows))] == ["ann", "bob", "cyd"]
    assert session.marks == []
    for _ in range(3):
        with pytest.raises(FeedExhausted, match=r"rows\.csv is used up: each of its 3 rows") as end:
            next(rows)
        assert isinstance(end.value, StopUser)
    assert session.marks == [("fact", "test data", str(end.value))]
    assert caplog.text.count("is used up") == 1


def test_used_up_outside_of_a_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(katydid.events.request, "_session", None)
    with pytest.raises(FeedExhausted):
        for _ in feed(written(tmp_path, THREE), order="unique"):
            pass
