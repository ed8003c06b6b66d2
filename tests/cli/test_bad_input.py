"""What a user gets wrong before the first request: one clear message, the right exit code."""

from typing import Any

import pytest

USER = "class U(HttpUser):\n    @task\n    def t(self):\n        self.client.get('/')\n"


def test_no_locustfile(katydid: Any) -> None:
    done = katydid("-u", "1", "-t", "1s")
    assert done.code == 2
    assert "Could not find" in done.err and "locustfile" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("def broken(:\n    pass\n", ["line 1", "def broken(:", "SyntaxError"]),
        ("import no_such_thing\n", ["line 1", "No module named 'no_such_thing'"]),
        (
            "def deep():\n    return {}['key']\n\ndeep()\n",
            ["line 4", "line 2, in deep", "KeyError: 'key'"],
        ),
        ("import json\njson.loads('{')\n", ["line 2", "JSONDecodeError"]),
    ],
    ids=["syntax", "import", "exception", "inside a library"],
)
def test_a_broken_locustfile(katydid: Any, content: str, said: list[str]) -> None:
    path = katydid.folder / "locustfile.py"
    path.write_text(content)
    done = katydid("-u", "1", "-t", "1s", "-H", "http://127.0.0.1:1")
    assert done.code == 2
    assert str(path) in done.err
    for part in said:
        assert part in done.err, done.text
    assert "katydid/" not in done.err and "importlib" not in done.err, "our own frames help nobody"


def test_an_error_in_an_imported_file_names_both(katydid: Any) -> None:
    (katydid.folder / "pages.py").write_text("def page():\n    raise ValueError('no page')\n")
    (katydid.folder / "locustfile.py").write_text("import pages\npages.page()\n")
    done = katydid("-u", "1", "-t", "1s")
    assert done.code == 2
    assert "pages.py" in done.err and "locustfile.py" in done.err and "no page" in done.err


def test_no_user_class(katydid: Any) -> None:
    done = katydid.scenario("x = 1\n")
    assert (done.code, "No User class found" in done.err) == (2, True), done.text


def test_no_host(katydid: Any) -> None:
    katydid.write(USER)
    done = katydid("-u", "1", "-t", "1s")
    assert done.code == 2
    assert "--host" in done.err and "Traceback" not in done.err


@pytest.mark.parametrize(
    ("flag", "near"),
    [("--user", None), ("--spwan-rate", "--spawn-rate"), ("--headles", None), ("--htm", None)],
)
def test_unknown_flags(katydid: Any, flag: str, near: str | None) -> None:
    """argparse's way: a beginning will do; anything else is refused with the nearest."""
    katydid.write(USER)
    if near is None:
        assert "unrecognized" not in katydid("-l", flag, "1").err
        return
    done = katydid("-u", "1", flag, "3")
    assert done.code == 2
    assert flag in done.err and near in done.err, done.text
    assert "Traceback" not in done.err


def test_an_unknown_command(katydid: Any) -> None:
    """A word that is no command is a user class, as in Locust."""
    katydid.write(USER)
    done = katydid("-u", "1", "-t", "1s", "-H", "http://127.0.0.1:1", "Nobody")
    assert done.code == 2
    assert "Unknown User(s): Nobody" in done.err and "U" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["--master"],
        ["--worker"],
        ["--expect-workers", "2"],
        ["--web-port", "1"],
        ["--web-host", "x"],
        ["--autostart"],
    ],
    ids=lambda words: words[0],
)
def test_what_is_not_built_is_refused(katydid: Any, words: list[str]) -> None:
    katydid.write(USER)
    done = katydid("-u", "1", "-t", "1s", "-H", "http://127.0.0.1:1", *words)
    assert done.code == 2
    assert done.err.count("\n") == 1, done.text
    assert words[0] in done.err and "not built" in done.err
    assert not (katydid.folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-u", "many"], "-u"),
        (["-u", "1", "-t", "soon"], "-t"),
        (["-u", "1", "-L", "LOUD"], "LOUD"),
        (["-H", "http://127.0.0.1:1"], "-u"),
    ],
    ids=["number", "time", "choice", "no load"],
)
def test_values_that_make_no_sense(katydid: Any, words: list[str], said: str) -> None:
    katydid.write(USER)
    done = katydid(*words)
    assert done.code == 2
    assert said in done.err and "Traceback" not in done.err, done.text


def test_a_tag_nobody_has(katydid: Any) -> None:
    # As under Locust, a user without tasks raises again and again until the run ends.
    done = katydid.scenario(USER, "-T", "nonsuch", "-t", "2")
    assert done.code != 0
    assert "No tasks defined" in done.err or "tag" in done.err, done.text


@pytest.mark.parametrize("what", ["empty folder", "no run", "newer", "truncated manifest"])
def test_report_of_what_is_no_run(katydid: Any, what: str) -> None:
    folder = katydid.folder / "it"
    folder.mkdir()
    if what == "no run":
        (folder / "notes.txt").write_text("hello\n")
    elif what == "newer":
        (folder / "manifest.json").write_text('{"format": 999, "version": 999}\n')
    elif what == "truncated manifest":
        (folder / "manifest.json").write_text('{"format": 1, "vers')
    done = katydid("report", "it")
    assert done.code == 2, done.text
    assert "it" in done.err and len(done.err.splitlines()) <= 3
    assert "panicked" not in done.err and "Traceback" not in done.err


def test_report_without_runs(katydid: Any) -> None:
    assert katydid("report", "last").code == 2
    assert katydid("report", "nonsuch").code == 2
    done = katydid("runs")
    assert done.code in (0, 2) and "Traceback" not in done.err
