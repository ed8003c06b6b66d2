"""Events in the plan: commands that run at their time, begin a phase, and leave nothing behind."""

import json
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE, is_at_work, until

ROOT = Path(__file__).parents[2]
SCENARIO = """
class U(HttpUser):
    wait_time = constant(0.05)

    @task
    def t(self):
        self.client.get("/")
"""
#: Stops the target for so many milliseconds.
FREEZE = """
import sys, urllib.request
url = f"{sys.argv[1]}/_control/freeze?ms={sys.argv[2]}"
print(urllib.request.urlopen(urllib.request.Request(url, method="POST")).status)
"""


def run(katydid: Any, load: str, *words: str, text: str = SCENARIO) -> Any:
    """Runs this load against the target."""
    katydid.write(text)
    host = () if "-H" in words else ("-H", katydid.target)
    return katydid(*host, "--load", load, "--run-dir", "run", *words)


def test_an_event_happens_at_its_time_and_begins_a_phase(katydid: Any, start_target: Any) -> None:
    target = start_target()
    (katydid.folder / "freeze.py").write_text(FREEZE)
    load = f"hold 10 users for 4s, at 2s run '{sys.executable} freeze.py {target} 900' as freeze"
    words = ("--slo", "p50 < 5s in hold after freeze", "--csv", "c", "--html", "r.html")
    done = run(katydid, load, "-H", target, *words).ended(0)
    summary = done.summary
    [event] = summary["events"]
    assert (event["name"], event["outcome"], event["status"]) == ("freeze", "done", 0), event
    assert event["output"] == "200" and event["phase"] == "hold after freeze"
    before, after = summary["phases"]
    assert [before["name"], after["name"]] == ["hold", "hold after freeze"]
    assert before["kind"] == after["kind"] == "hold"
    assert event["at_s"] == pytest.approx(after["began_s"], abs=0.5)
    slowest = [phase["total"]["from_due"]["max"] for phase in (before, after)]
    assert slowest[1] > max(500, slowest[0]), slowest
    both = before["total"]["requests"] + after["total"]["requests"]
    assert both == summary["total"]["requests"]
    assert [slo["phase"] for slo in summary["slos"]] == ["hold after freeze"]
    assert "hold after freeze" in (katydid.folder / "c_phases.csv").read_text()
    assert re.search(r"at \S+ s, event freeze: ", done.err), done.err
    assert "event freeze: done in" in done.err and "\nEvents\n" in done.out
    assert '"events":[{"name":"freeze"' in (katydid.folder / "r.html").read_text()


def test_arrivals_are_as_many_with_events(katydid: Any) -> None:
    load = "ramp to 40/s over 3s, at 1.3s run 'true', arrive at 40/s for 2s, at 4s run 'true'"
    summary = run(katydid, load).ended(0).summary
    flows = [e for e in summary["endpoints"] if e["kind"] == "flow"]
    assert sum(e["requests"] + e["blocked"] + e["missed"] + e["aborted"] for e in flows) == 140
    names = [phase["name"] for phase in summary["phases"]]
    assert names == ["ramp", "ramp after true", "hold", "hold after true 2"]
    assert [event["outcome"] for event in summary["events"]] == ["done", "done"]


def test_users_are_spawned_where_the_ramp_ends(katydid: Any) -> None:
    heard = """
@events.spawning_complete.add_listener
def _(user_count, **_):
    say(**{f"at {user_count}": 1})
"""
    load = "ramp to 10 users over 2s, at 1s run 'true', hold 15 users for 2s, at 3s run 'true'"
    done = run(katydid, load, text=SCENARIO + heard).ended(0)
    assert list(done.said) == ["at 10", "at 15"]


def test_an_event_that_fails_makes_it_another_test(katydid: Any) -> None:
    load = "hold 5 users for 3s, at 1s run 'echo no such host; exit 4' as deploy"
    faces = ("--html", "r.html", "--markdown", "m.md", "--junit", "j.xml")
    done = run(katydid, load, "--slo", "p50 < 5s", *faces).ended(3)
    summary = done.summary
    [event] = summary["events"]
    assert (event["outcome"], event["status"]) == ("failed", 4), event
    assert summary["run"]["complete"] and summary["run"]["exit_code"] == 3
    if summary["run"]["verdict"] != "INVALID":
        assert summary["run"]["verdict"] == "INCOMPLETE"
        assert summary["run"]["reason"].startswith("the event deploy failed with exit status 4")
    assert re.search(r"warning: at \S+ s, event deploy: failed .*: no such host", done.err)
    assert "The event deploy failed with exit status 4" in done.out
    for face in ("r.html", "m.md", "j.xml"):
        assert "failed with exit status 4" in (katydid.folder / face).read_text(), face
    again = katydid("report", "run", "--html", "again.html").ended(0)
    assert "The event deploy failed" in again.out
    assert json.loads((katydid.folder / "run/summary.json").read_text()) == summary


def test_an_event_that_hangs_is_ended(katydid: Any) -> None:
    load = "hold 5 users for 4s, at 1s run 'echo $$ >working; sleep 1000; true' as hang within 1s"
    done = run(katydid, load).ended(3)
    [event] = done.summary["events"]
    assert event["outcome"] == "took_too_long" and event["limit_s"] == 1, event
    assert event["took_s"] >= 1
    assert "event hang: took too long" in done.err
    working = (katydid.folder / "working").read_text()
    until(lambda: not is_at_work(working), "the end of the command")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(katydid: Any, number: int) -> None:
    katydid.write(SCENARIO)
    load = (
        "hold 5 users for 10m, at 1s run 'sleep 1001 & echo $! >left; echo $$ >working; sleep 1000; true', "
        "at 5m run 'touch never'"
    )
    process = katydid.start("-H", katydid.target, "--load", load, "--run-dir", "run")
    working, left = katydid.folder / "working", katydid.folder / "left"
    until(lambda: working.exists() and working.read_text().endswith("\n"), "the command")
    assert is_at_work(working.read_text()) and is_at_work(left.read_text())
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 3), err
    for path in (working, left):
        until(lambda path=path: not is_at_work(path.read_text()), f"the end of what is {path.name}")
    summary = json.loads((katydid.folder / "run/summary.json").read_text())
    assert [event["outcome"] for event in summary["events"]] == ["stopped", "not_run"]
    assert "still at work when the run ended" in out and "not run: the load ended" in out
    assert not (katydid.folder / "never").exists()


def test_the_status_is_known_whoever_waits_for_children(katydid: Any) -> None:
    children = "\n    def on_start(self):\n        import subprocess; subprocess.run(['true'])\n"
    load = "hold 5 users for 3s, at 1500ms run 'exit 7'"
    [event] = run(katydid, load, text=SCENARIO + children).ended(3).summary["events"]
    assert (event["outcome"], event["status"]) == ("failed", 7), event


def test_secrets_of_commands_are_not_kept(katydid: Any) -> None:
    load = "hold 2 users for 2s, at 1s run 'echo $((6 * 7)) token=hunter2' as tell"
    done = run(katydid, load, "--html", "r.html").ended(0)
    assert done.summary["events"][0]["output"] == "42 token=***"
    kept = [done.out, done.err, (katydid.folder / "r.html").read_text()]
    kept += [(done.run / name).read_text() for name in ("manifest.json", "summary.json")]
    assert not any("hunter2" in text for text in kept)


def test_a_file_may_hold_events(katydid: Any) -> None:
    katydid.write(SCENARIO)
    plan = (
        'hold 2 users for 2s, at 1s run "echo $KATYDID_EVENT >seen; test -d $KATYDID_RUN_DIR" as e'
    )
    (katydid.folder / "katydid.toml").write_text(f"[load]\nplan = '{plan}'\n")
    done = katydid("-H", katydid.target, "--run-dir", "run").ended(0)
    assert done.summary["events"][0]["outcome"] == "done"
    assert (katydid.folder / "seen").read_text() == "e\n"


def test_a_plan_shows_events_and_runs_none(katydid: Any) -> None:
    load = "hold 50 users for 10m, at 5m run 'touch done; true password=hunter2' within 2m"
    done = katydid("plan", "--explain", "--load", load).ended(0)
    rows = [line.split() for line in done.out.splitlines()]
    assert ["hold", "after", "touch", "hold", "50", "5m", "5m"] in rows, done.out
    assert "5m  2m      touch done; true password=***" in done.out, done.out
    assert "▲" in done.out and "hunter2" not in done.out
    assert not (katydid.folder / "done").exists()


def test_the_guide_shows_what_a_plan_with_events_prints(katydid: Any) -> None:
    guide = (ROOT / "docs/traffic.md").read_text()
    [(load, shown)] = re.findall(
        r"^```\n\$ katydid plan --load '([^\n]*)'\n(.*?)^```$", guide, re.M | re.S
    )
    assert katydid("plan", "--load", load).ended(0).out.rstrip() == shown.rstrip()


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("hold 5 users 1m, at 2m run 'x'", "the load is over after 1m"),
        ("hold 5 users 1m, at -5s run 'x'", "this is not a time"),
        ("hold 5 users 1m, at 5s run flushall", "the command in quotes"),
        ("hold 5 users 1m, at 5s run 'flush", "this quote is not closed"),
        ("hold 5 users 1m, at 5s run ''", "the command is empty"),
        ("at 5s run 'x'", "how much load is there meanwhile?"),
        ("hold 5 users, at 5s run 'x'", "the load is not clear"),
    ],
)
def test_an_event_that_is_not_clear(katydid: Any, load: str, said: str) -> None:
    katydid.write(SCENARIO)
    for command in ((), ("plan",)):
        done = katydid(*command, "--load", load).ended(2)
        assert said in done.err and "^" in done.err and "Traceback" not in done.err, done.text
