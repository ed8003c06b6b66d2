"""What a run leaves: tables, CSV, JSON, HTML, the summary; and the options that steer it."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCENARIO = """
class U(HttpUser):
    wait_time = constant(0.01)
    @task(3)
    def good(self):
        self.client.get("/null")
    @tag("bad")
    @task
    def bad(self):
        self.client.get("/status/500", name='of, "quotes"')

class V(FastHttpUser):
    @tag("other")
    @task
    def other(self):
        self.client.post("/echo")
"""
GOOD = "class U(HttpUser):\n    @task\n    def t(self):\n        self.client.get('/null')\n"
STATS = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,"
    "Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,"
    "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
)


def schema(root: Path, summary: Any) -> None:
    """Asserts that it is what docs/schema promises."""
    jsonschema.validate(summary, json.loads((root / "docs/schema/summary.schema.json").read_text()))


def test_csv(katydid: Any) -> None:
    done = katydid.scenario(SCENARIO, "--csv", "x", "--csv-full-history", "U", runs=40)
    raw = (katydid.folder / "x_stats.csv").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == 4
    assert raw.split(b"\r\n")[0].decode() == STATS
    rows = list(csv.DictReader(raw.decode().splitlines()))
    assert [r["Name"] for r in rows][-1] == "Aggregated" and 'of, "quotes"' in {
        r["Name"] for r in rows
    }
    assert int(rows[-1]["Request Count"]) == done.summary["total"]["requests"] == 40
    failures = (katydid.folder / "x_failures.csv").read_bytes()
    assert failures.startswith(b"Method,Name,Error,Occurrences,First Seen,Last Seen\r\n")
    assert (
        (katydid.folder / "x_exceptions.csv")
        .read_bytes()
        .startswith(b"Count,Message,Traceback,Nodes\r\n")
    )
    history = (katydid.folder / "x_stats_history.csv").read_text()
    assert history.startswith("Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%")


def test_json(katydid: Any) -> None:
    done = katydid.scenario(SCENARIO, "--json", "U", runs=20)
    rows = json.loads(done.out)
    assert sum(row["num_requests"] for row in rows) == 20
    assert {"name", "method", "response_times", "num_failures", "total_response_time"} <= set(
        rows[0]
    )


def test_json_file_and_summary_on_standard_output(katydid: Any, root: Path) -> None:
    done = katydid.scenario(SCENARIO, "--json-file", "s", "--summary", "-", "U", runs=20)
    assert len(json.loads((katydid.folder / "s.json").read_text())) == 2
    summary = json.loads(done.out)
    schema(root, summary)
    assert summary == done.summary and summary["total"]["requests"] == 20


def test_summary_is_the_only_thing_on_standard_output(katydid: Any, root: Path) -> None:
    done = katydid.scenario(GOOD, "--summary", "-").ended(0)
    schema(root, json.loads(done.out))


def test_html_is_one_file(katydid: Any) -> None:
    katydid.scenario(SCENARIO, "--html", "{u}-{r}-{t}.html", "-r", "2", "-t", "1s")
    page = (katydid.folder / "1-2-1.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>") and "Aggregated" in page
    parts = Outside()
    parts.feed(page)
    assert parts.found == [] and not re.search(r"@import|url\(", "".join(parts.styles))
    links = set(re.findall(r"https?://[^\s\"'<>)`\\]+", page))
    strange = [u for u in links if not u.startswith((katydid.target, "http://www.w3.org/"))]
    assert strange == []


class Outside(HTMLParser):
    """What elements of a page would load; and its styles."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str | None]] = []
        self.styles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loads = {"src", "href", "srcset", "data", "action", "poster", "style"}
        self.found += [(tag, name, value) for name, value in attrs if name in loads]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.styles.append(data)


def test_runs_and_report(katydid: Any, root: Path) -> None:
    katydid.write(GOOD)
    words = ("-u", "1", "-i", "5", "-H", katydid.target, "--name")
    for name in ("first", "second"):
        assert katydid(*words, name).code in (0, 3)
    listed = katydid("runs")
    assert listed.code == 0
    assert 0 < listed.out.index("first") < listed.out.index("second")
    done = katydid("report", "last", "--summary", "s.json", "--csv", "x", "--html", "r.html")
    assert done.code in (0, 3) and "Aggregated" in done.out
    summary = json.loads((katydid.folder / "s.json").read_text())
    schema(root, summary)
    (run,) = (katydid.folder / "runs").glob("*-second")
    assert summary == json.loads((run / "summary.json").read_text())
    assert (katydid.folder / "r.html").read_text() == (run / "report.html").read_text()
    assert (katydid.folder / "x_stats.csv").read_text().startswith(STATS)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["-T", "bad", "other"], {"bad", "other"}),
        (["-E", "bad"], {"good", "other"}),
    ],
    ids=["-T", "-E"],
)
def test_tags(katydid: Any, words: list[str], names: set[str]) -> None:
    done = katydid.scenario(SCENARIO, *words, "-u", "2", "-r", "100", runs=20)
    called = {'of, "quotes"': "bad", "/null": "good", "/echo": "other"}
    counted = {row["name"] for row in done.summary["endpoints"] if row["requests"]}
    assert counted and {called[name] for name in counted} <= names, done.text


def test_list_and_task_ratio(katydid: Any) -> None:
    katydid.write(SCENARIO)
    assert katydid("-l").out.split() == ["Available", "Users:", "U", "V"]
    ratio = katydid("--show-task-ratio")
    assert ratio.code == 0 and "75.0" in ratio.out
    assert json.loads(katydid("--show-task-ratio-json").out)["per_class"]


def test_iterations(katydid: Any) -> None:
    done = katydid.scenario(GOOD, "-u", "3", "-r", "100", runs=10).ended(0)
    assert done.counts == {"GET /null": (10, 0)}


def test_load_shape(katydid: Any) -> None:
    text = GOOD + (
        "    wait_time = constant(0.05)\n"
        "class Shape(LoadTestShape):\n"
        "    def tick(self):\n"
        "        return (3, 100) if self.get_run_time() < 1.5 else None\n"
    )
    katydid.write(text)
    done = katydid("-H", katydid.target, "--run-dir", "run").ended(0)
    assert max(done.summary["series"]["users"]) == 3
    assert "Shape test completed" in done.err


CUSTOM = """
@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--greeting", env_var="GREETING", default="hello")

class U(User):
    @task
    def t(self):
        say(greeting=self.environment.parsed_options.greeting, host=self.host)
"""


def test_custom_arguments(katydid: Any) -> None:
    katydid.write(CUSTOM)
    words = ("-u", "1", "-i", "1")

    def greeting(*more: str, **env: str) -> Any:
        return katydid(*words, *more, env=env).said["greeting"]

    assert greeting() == "hello"
    assert greeting(GREETING="env") == "env"
    assert greeting("--greeting", "ciao", GREETING="env") == "ciao"
    assert katydid(*words, "--greting", "x").code == 2


def test_configuration_and_environment(katydid: Any) -> None:
    katydid.write(CUSTOM)
    conf = katydid.folder / "my.conf"
    conf.write_text("users = 1\niterations = 1\nhost = http://file\ngreeting = file\n")
    done = katydid("--config", "my.conf")
    assert done.said == {"greeting": "file", "host": "http://file"}, done.text
    done = katydid("--config", "my.conf", env={"LOCUST_HOST": "http://env"})
    assert done.said["host"] == "http://env"
    done = katydid("--config", "my.conf", "-H", "http://word", env={"LOCUST_HOST": "http://env"})
    assert done.said["host"] == "http://word"
    conf.rename(katydid.folder / "locust.conf")
    assert katydid().said["host"] == "http://file"


def test_exit_codes(katydid: Any) -> None:
    bad = GOOD.replace("/null", "/status/500")
    quit_with = "@events.quitting.add_listener\ndef _(environment, **_):\n"
    quit_with += "    environment.process_exit_code = {}\n"
    for number, (text, words, code) in enumerate(
        [
            (GOOD, (), 0),
            (bad, (), 1),
            (bad, ("--exit-code-on-error", "0"), 0),
            (bad, ("--exit-code-on-error", "42"), 42),
            (GOOD + quit_with.format(7), (), 7),
            (bad + quit_with.format(0), (), 0),
        ]
    ):
        done = katydid.scenario(text, "--run-dir", f"run{number}", *words)
        assert done.code in (code, 3), done.text


def test_check(katydid: Any) -> None:
    katydid.write(SCENARIO)
    done = katydid("check", "-H", katydid.target)
    assert done.code == 1
    for shown in ("good", "bad", "other", "/null", "-> 200", "-> 500"):
        assert shown in done.out
    assert not (katydid.folder / "runs").exists()
    assert katydid("check", "-H", katydid.target, "V").code == 0


def test_exec_and_run_single_user(katydid: Any) -> None:
    text = GOOD + "        raise StopUser\n".replace(
        "StopUser", "__import__('locust').exception.StopUser()"
    )
    text = text.replace("class U(HttpUser):", f"class U(HttpUser):\n    host = {katydid.target!r}")
    katydid.write(text + "\nif __name__ == '__main__':\n    run_single_user(U)\n", "debug.py")
    done = katydid("exec", "debug.py")
    assert done.code == 0, done.text
    assert re.search(r"GET\s+/null", done.out), done.text
    assert katydid("exec", "nonsuch.py").code == 2


def test_attack(katydid: Any, root: Path) -> None:
    url = katydid.target + "/null"
    done = katydid("attack", url, "-c", "3", "-t", "1s", "--summary", "-", "--run-dir", "run")
    assert done.code in (0, 3), done.text
    summary = json.loads(done.out)
    schema(root, summary)
    assert summary == done.summary
    assert summary["total"]["requests"] > 0 == summary["total"]["failures"]
    assert summary["generator"]["connections_opened"] == 3


def test_attack_at_a_rate(katydid: Any) -> None:
    words = ("--rate", "50", "-t", "2s", "--run-dir", "run", "--html", "r.html", "--csv", "x")
    done = katydid("attack", katydid.target + "/null", *words)
    assert done.code in (0, 3), done.text
    total = done.summary["total"]
    slots = sum(total[key] for key in ("requests", "aborted", "blocked", "missed"))
    assert 98 <= slots <= 102, total
    assert (katydid.folder / "r.html").exists() and (katydid.folder / "x_stats.csv").exists()


def test_attack_posts_a_body(katydid: Any) -> None:
    words = ("-d", '{"a": 1}', "-H", "Content-Type: application/json", "-t", "1s", "-c", "1")
    done = katydid("attack", katydid.target + "/echo", *words, "--run-dir", "run")
    assert done.code in (0, 3), done.text
    assert list(done.counts) == ["POST /echo"]
