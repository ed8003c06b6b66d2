"""What pipelines read: JUnit XML, Markdown, GitHub's annotations; and the recipe of docs/ci.md."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

SCENARIO = """
class U(FastHttpUser):
    wait_time = constant(0.01)

    @task
    def t(self):
        self.client.get("/delay?ms=20", name="quick | `one`")
"""

FAILING = """
class U(FastHttpUser):
    wait_time = constant(0.01)

    @task(3)
    def good(self):
        self.client.get("/null", name="/good")

    @task
    def bad(self):
        self.client.get("/status/503", name="/bad")
"""

PASSED, FAILED, SKIPPED = "passed", "failure", "skipped"


def cases(path: Path) -> tuple[str, dict[str, str]]:
    """The suite's name, and what became of each case; asserts that the counts are right."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "testsuites"
    (suite,) = root
    found = {}
    for case in suite.iter("testcase"):
        (end,) = [child.tag for child in case] or [PASSED]
        found[case.attrib["name"]] = end
    ends = list(found.values())
    counts = {"tests": len(ends), "failures": ends.count(FAILED), "errors": ends.count("error")}
    for name, number in counts.items():
        assert root.attrib[name] == suite.attrib[name] == str(number)
    assert suite.attrib["skipped"] == str(ends.count(SKIPPED))
    assert float(suite.attrib["time"]) > 0
    return suite.attrib["name"], found


def github(katydid: Any) -> tuple[dict[str, str], Path]:
    """The variables of GitHub Actions, and the file of the step's summary, which holds a line."""
    step = katydid.folder / "step.md"
    step.write_text("said before")
    return {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(step)}, step


def annotations(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("::error ", "::warning "))]


def test_the_recipe(katydid: Any, root: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    (script,) = re.findall(r"^```sh\n(.*?)^```$", (root / "docs/ci.md").read_text(), re.S | re.M)
    katydid.write(SCENARIO)
    (katydid.folder / "load-test.sh").write_text(script)
    variables, step = github(katydid)
    path = f"{Path(katydid.command).parent}{os.pathsep}{os.environ['PATH']}"
    ours = {
        "PATH": path,
        "HOST": katydid.target,
        "START": "sleep 100",
        "LOAD": "ramp to 10 users over 1s, hold 4s",
        "RESULTS": "results",
    }
    done = subprocess.run(
        ["sh", "load-test.sh"],
        cwd=katydid.folder,
        env={**katydid.env, **variables, **ours},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    results = katydid.folder / "results"
    suite, found = cases(results / "junit.xml")
    assert suite == "objectives"
    assert found == {
        "validity": PASSED,
        "p95 < 300ms in hold": PASSED,
        "errors < 1% in hold": PASSED,
    }
    markdown = (results / "summary.md").read_text()
    assert markdown.startswith("**PASS** — 2 objectives were kept\n")
    assert step.read_text() == f"said before\n\n{markdown}"
    assert annotations(said) == []
    verdict, _ = done.stdout.splitlines()[-2:]
    assert verdict.split()[:2] == ["Verdict", "PASS"]
    assert json.loads((results / "run/summary.json").read_text())["run"]["verdict"] == "PASS"


def test_a_broken_objective(katydid: Any) -> None:
    variables, step = github(katydid)
    done = katydid.scenario(
        SCENARIO,
        *("-u", "5", "-r", "5", "-t", "3s", "--junit", "out/j.xml", "--markdown", "out/m.md"),
        *("--slo", "p50 < 19ms", "--slo", "/never p95 < 1s"),
        env=variables,
    )
    assert done.code == 99, done.text
    _, found = cases(katydid.folder / "out/j.xml")
    assert found == {
        "validity": PASSED,
        "p50 < 19ms in hold": FAILED,
        "/never p95 < 1s in hold": SKIPPED,
    }
    markdown = (katydid.folder / "out/m.md").read_text()
    assert markdown.startswith("**FAIL** — p50 < 19ms in hold: ")
    assert step.read_text().endswith(markdown)
    # A name with a pipe and backticks stays in its cell.
    (row,) = [line for line in markdown.splitlines() if "quick" in line and line.startswith("|")]
    assert row.count("|") == 9 and "`" not in row
    lines = done.out.splitlines()
    broken, open_ = annotations(done.out)
    assert broken.startswith("::error title=katydid::FAIL: p50 < 19ms in hold: 100 %25 of ")
    assert open_.startswith("::warning title=katydid::UNDECIDED: /never p95 < 1s in hold: ")
    heading = next(i for i, line in enumerate(lines) if " against " in line)
    assert lines.index(broken) < lines.index(open_) < heading
    assert [line.split()[0] for line in lines[-2:]] == ["Verdict", "Reason"]


def test_without_objectives(katydid: Any) -> None:
    variables, step = github(katydid)
    done = katydid.scenario(FAILING, "--junit", "j.xml", runs=80, env=variables).ended(1)
    suite, found = cases(katydid.folder / "j.xml")
    assert suite == "endpoints"
    assert {name: found[name] for name in ("GET /good", "GET /bad")} == {
        "GET /good": PASSED,
        "GET /bad": FAILED,
    }
    if done.code == 1:
        assert found["validity"] == found["scenario"] == PASSED
        (failures,) = annotations(done.out)
        assert failures.startswith("::error title=katydid::FAILURES: ")
        assert "**FAILURES** — " in step.read_text()


def test_attack_leaves_standard_output_to_markdown(katydid: Any) -> None:
    variables, step = github(katydid)
    done = katydid(
        *("attack", f"{katydid.target}/delay?ms=20", "-c", "4", "-t", "2s", "--run-dir", "run"),
        *("--slo", "p95 < 19ms", "--slo", "errors < 5%", "--junit", "j.xml", "--markdown", "-"),
        env=variables,
    )
    assert done.code == 99, done.text
    assert done.out.startswith("**FAIL** — p95 < 19ms: ")
    assert step.read_text() == f"said before\n\n{done.out}"
    _, found = cases(katydid.folder / "j.xml")
    assert found == {"validity": PASSED, "p95 < 19ms": FAILED, "errors < 5%": PASSED}
    assert annotations(done.out) == []
    (broken,) = annotations(done.err)
    assert broken.startswith("::error title=katydid::FAIL: p95 < 19ms: ")
    assert [line.split()[0] for line in done.err.splitlines()[-2:]] == ["Verdict", "Reason"]


def test_the_record_gives_the_same_files(katydid: Any) -> None:
    words = ("attack", f"{katydid.target}/null", "-c", "2", "-t", "1s", "--run-dir", "run")
    variables, step = github(katydid)
    katydid(*words, "--junit", "j.xml", "--markdown", "m.md", env=variables).ended(0)
    told = step.read_text()
    again = katydid("report", "run", "--junit", "again.xml", "--markdown", env=variables).ended(0)
    assert again.out == (katydid.folder / "m.md").read_text()
    junit = (katydid.folder / "again.xml").read_bytes()
    assert junit == (katydid.folder / "j.xml").read_bytes()
    assert step.read_text() == told and annotations(again.text) == []


def test_nothing_is_told_where_nobody_listens(katydid: Any) -> None:
    words = ("attack", f"{katydid.target}/status/503", "-c", "1", "-t", "1s", "--run-dir", "run")
    done = katydid(*words, env={"GITHUB_ACTIONS": "false", "GITHUB_STEP_SUMMARY": ""}).ended(1)
    assert annotations(done.text) == []


def test_what_cannot_be_written(katydid: Any) -> None:
    (katydid.folder / "taken").mkdir()
    attack = ("attack", f"{katydid.target}/null", "-c", "1", "-t", "1s")
    for option in ("--junit", "--markdown"):
        done = katydid(*attack, "--run-dir", f"run{option}", option, "taken")
        assert done.code == 3 and "error: cannot write taken: " in done.err, done.text
    # Nobody but the environment asked for this one.
    done = katydid(*attack, "--run-dir", "run", env={"GITHUB_STEP_SUMMARY": "taken"}).ended(0)
    assert "warning: cannot append to GITHUB_STEP_SUMMARY (taken): " in done.err


@pytest.mark.parametrize("words", [("--json", "--summary"), ("--summary", "--markdown")])
def test_standard_output_holds_one_thing(katydid: Any, words: tuple[str, str]) -> None:
    katydid.write(SCENARIO)
    asked = [part for word in words for part in ((word,) if word == "--json" else (word, "-"))]
    commands: list[tuple[str, ...]] = [
        ("-H", katydid.target, "-u", "1", "-t", "1s"),
        ("report", "last"),
    ]
    if "--json" not in words:
        commands.append(("attack", katydid.target))
    for command in commands:
        done = katydid(*command, *asked).ended(2)
        assert "ask for standard output" in done.err and done.out == "", done.text
        assert not list(katydid.folder.glob("runs/*"))
