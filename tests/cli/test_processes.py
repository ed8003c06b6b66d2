"""`--processes`: users, arrivals and data split exactly over worker processes, and what happens when one of them dies."""

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE, is_at_work, until

SCENARIO = """
class A(FastHttpUser):
    weight = 3
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/", name="/a")

class B(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/", name="/b")
"""


@pytest.fixture(scope="module")
def target(start_target: Any) -> str:
    """A target of these tests alone: another's still answers late what others' runs have given up."""
    return str(start_target())


def run(katydid: Any, *words: str, text: str = SCENARIO) -> Any:
    katydid.write(text)
    return katydid("-H", katydid.target, "--run-dir", "run", *words)


def served(katydid: Any) -> int:
    """How many requests the target has answered, as it says itself."""
    with urllib.request.urlopen(katydid.target + "/_truth") as answer:
        return int(json.load(answer)["total"]["served"])


def workers_of(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in listed]


def under_load(katydid: Any, *words: str) -> "tuple[subprocess.Popen[str], list[int]]":
    """A run of two workers that has recorded for more than a second, and their process ids."""
    katydid.write(SCENARIO)
    process = katydid.start(
        *("-u", "10", "-r", "100", "-H", katydid.target, "--run-dir", "run"),
        *("--processes", "2", *words),
    )
    frames = katydid.folder / "run/frames.jsonl.zst"
    sizes: set[int] = set()

    def recorded() -> bool:
        if frames.exists():
            sizes.add(frames.stat().st_size)
        return process.poll() is not None or len(sizes) >= 5

    until(recorded, "frames")
    return process, workers_of(process.pid)


@pytest.mark.parametrize("processes", [2, 3])
def test_arrivals_are_split_exactly(katydid: Any, processes: int) -> None:
    load = ("--load", "ramp to 200/s over 1s, hold 2s", "--processes", str(processes))
    before = served(katydid)
    summary = run(katydid, *load).ended(0).summary
    assert served(katydid) - before == 500
    requests = {
        row["name"]: row["requests"] for row in summary["endpoints"] if row["kind"] == "request"
    }
    assert requests == {"/a": 375, "/b": 125}
    flows = {row["name"]: row["requests"] for row in summary["endpoints"] if row["kind"] == "flow"}
    assert flows == {"A": 375, "B": 125}
    assert [phase["name"] for phase in summary["phases"]] == ["ramp", "hold"]
    assert sum(phase["total"]["requests"] for phase in summary["phases"]) == 500
    assert len([mark for mark in summary["marks"] if mark["text"] == "phase hold (hold)"]) == 1


def test_users_are_split_exactly(katydid: Any) -> None:
    """What the workers counted is what the server saw; iterations and users are those that were asked for."""
    text = (
        SCENARIO
        + """
import os

@events.test_start.add_listener
def _(environment, **_):
    say(**{type(environment.runner).__name__ + str(environment.runner.worker_index): environment.runner.worker_count})

@events.spawning_complete.add_listener
def _(user_count, **_):
    say(**{"users in " + os.environ.get("KATYDID_PROCESS_INDEX", "parent"): user_count})

@events.quitting.add_listener
def _(environment, **_):
    say(**{"requests in " + os.environ.get("KATYDID_PROCESS_INDEX", "parent"): environment.stats.total.num_requests})
"""
    )
    before = served(katydid)
    done = run(
        katydid, *("-u", "9", "-r", "100", "-i", "301", "--processes", "2"), text=text
    ).ended(0)
    assert done.summary["total"]["requests"] == served(katydid) - before == 301
    assert done.summary["run"]["users"] == 9
    said = done.said
    assert said["MasterRunner-1"] == said["WorkerRunner0"] == said["WorkerRunner1"] == 2
    assert {said["users in 0"], said["users in 1"]} == {4, 5} and said["users in parent"] == 9
    assert (said["requests in 0"], said["requests in 1"]) == (151, 150)
    assert said["requests in parent"] == 301


def test_a_schedule_of_users(katydid: Any) -> None:
    load = "ramp to 12 users over 1s, hold 1s, spike to 30 users for 1s, hold 1s"
    summary = run(katydid, "--load", load, "--processes", "2").ended(0).summary
    users = {phase["name"]: phase["users"] for phase in summary["phases"]}
    assert users == {"ramp": 12, "hold": 12, "spike": 30, "recovery": 12}
    assert summary["total"]["failures"] == 0 and summary["total"]["aborted"] <= 30


def test_a_shape_is_the_parents(katydid: Any) -> None:
    shape = """
class S(LoadTestShape):
    def tick(self):
        t = self.get_run_time()
        return None if t > 3 else (8, 100) if t > 1 else (4, 100)
"""
    done = run(katydid, "--processes", "2", text=SCENARIO + shape).ended(0)
    assert done.summary["run"]["users"] == 8
    assert [m["text"] for m in done.summary["marks"] if m["text"].startswith("to ")] == [
        "to 4 users at 100 per second",
        "to 8 users at 100 per second",
    ]


def test_each_row_of_data_goes_to_one_user(katydid: Any) -> None:
    (katydid.folder / "rows.csv").write_text("name\n" + "".join(f"n{i}\n" for i in range(41)))
    text = """
rows = feed("rows.csv", order="unique")
assert len(rows) == 41, "before there are processes, all are there"

class U(User):
    @task
    def t(self):
        name = rows.next()["name"]
        self.environment.events.request.fire(request_type="ROW", name=name, response_time=1, response_length=0)
"""
    done = run(katydid, "-u", "4", "-r", "100", "-t", "2s", "--processes", "2", text=text).ended(0)
    rows = {row["name"]: row["requests"] for row in done.summary["endpoints"]}
    assert rows == {f"n{i}": 1 for i in range(41)}
    notes = [note for note in done.summary["notes"] if "used up" in note]
    assert len(notes) == 2 and "each of its 21 rows" in notes[0] + notes[1], notes


def test_messages(katydid: Any) -> None:
    """`runner.send_message`, both ways."""
    text = """
@events.init.add_listener
def _(environment, runner, **_):
    if isinstance(runner, runners.WorkerRunner):
        def told(environment, msg, **_):
            environment.runner.send_message("answer", {"from": environment.runner.worker_index, "heard": msg.data})
        runner.register_message("question", told)
    else:
        def answered(environment, msg, **_):
            say(**{f"answer {msg.node_id}": msg.data})
        runner.register_message("answer", answered)

@events.spawning_complete.add_listener
def _(user_count, **_):
    pass

@events.test_start.add_listener
def _(environment, **_):
    if isinstance(environment.runner, runners.MasterRunner):
        environment.runner.send_message("question", [1, "two"])
"""
    text = "from locust import runners\n" + SCENARIO + text
    done = run(katydid, "-u", "2", "-t", "1s", "--processes", "2", text=text).ended(0)
    assert "Uncaught exception in the listener of message unknown" not in done.err
    assert done.said == {f"answer {i}": {"from": i, "heard": [1, "two"]} for i in (0, 1)}


def test_what_stops_the_test_in_a_worker_stops_all(katydid: Any) -> None:
    text = """
class U(HttpUser):
    wait_time = constant(0.01)
    @task
    def t(self):
        pass

@events.init.add_listener
def _(environment, runner, **_):
    if runner.worker_index == 0:
        environment.host = "http://127.0.0.1:9"
"""
    katydid.write(text)
    words = ("-u", "4", "-r", "100", "-t", "60s", "--processes", "2", "--run-dir", "run")
    done = katydid(*words)
    assert done.code in (1, 3), done.text
    assert "You must specify the base host." in done.err, done.text
    assert done.summary["run"]["duration_s"] < 30


def test_a_worker_that_quits_is_not_lost(katydid: Any) -> None:
    text = (
        SCENARIO
        + """
@events.spawning_complete.add_listener
def _(user_count, **_):
    import gevent
    from locust import events
    if os.environ.get("KATYDID_PROCESS_INDEX") == "1":
        gevent.spawn(runner_of["me"].quit)

runner_of = {}

@events.init.add_listener
def _(runner, **_):
    runner_of["me"] = runner
"""
    )
    done = run(
        katydid, "-u", "4", "-r", "100", "-t", "3s", "--processes", "2", text="import os\n" + text
    )
    done.ended(0)
    assert "lost" not in done.text and done.summary["run"]["complete"]
    assert done.summary["series"]["users"][-1] == 2


def test_a_worker_that_dies(katydid: Any) -> None:
    """It is said, the others go on, and the run does not count as whole."""
    process, (first, _) = under_load(katydid, "-t", "6s")
    os.kill(first, signal.SIGKILL)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, err
    assert "Worker 0 is lost: it was killed by SIGKILL." in err
    assert "Worker 0 ended before its time." in out
    summary = json.loads((katydid.folder / "run/summary.json").read_text())
    assert not summary["run"]["complete"]
    (lost,) = [mark for mark in summary["marks"] if mark["text"] == "lost: worker 0"]
    users = dict(zip(summary["series"]["t_s"], summary["series"]["users"], strict=True))
    after = [n for t, n in users.items() if lost["at_s"] + 1 < t < 5]
    assert after and set(after) == {5}, (lost, users)
    again = katydid("report", "run", "--summary", "-")
    rebuilt = json.loads(again.out)
    assert rebuilt["run"] == summary["run"] and rebuilt["notes"] == summary["notes"]


def test_without_its_parent_a_worker_ends(katydid: Any) -> None:
    process, workers = under_load(katydid, "-t", "300s")
    process.kill()
    process.communicate(timeout=PATIENCE)
    until(lambda: not any(is_at_work(pid) for pid in workers), "workers that end")


@pytest.mark.parametrize("to_all", [False, True], ids=["the parent", "the whole group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(katydid: Any, number: int, to_all: bool) -> None:
    process, workers = under_load(katydid, "-t", "300s")
    for pid in [*(workers if to_all else ()), process.pid]:
        os.kill(pid, number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 3), err
    assert "Aggregated" in out and "lost" not in err
    assert not any(is_at_work(pid) for pid in workers)


def test_no_more_processes_than_users(katydid: Any) -> None:
    done = run(katydid, "-u", "1", "-i", "3", "--processes", "8").ended(0)
    assert done.summary["total"]["requests"] == 3
    assert "1 users need no more than as many processes" in done.err


@pytest.mark.parametrize("number", ["0", "-2", "1000000"])
def test_what_is_no_number_of_processes(katydid: Any, number: str) -> None:
    done = run(katydid, "-u", "4", "-t", "1s", "--processes", number)
    assert done.code == 2 and "is not a number of processes" in done.err, done.text


def test_too_few_rows(katydid: Any) -> None:
    (katydid.folder / "rows.csv").write_text("name\nann\n")
    text = 'rows = feed("rows.csv", order="unique")\n' + SCENARIO
    done = run(katydid, "-u", "4", "-t", "1s", "--processes", "2", text=text)
    assert done.code == 2 and "1 rows are too few for 2 processes" in done.err, done.text
    assert not (katydid.folder / "run").exists()


def test_a_worker_that_does_not_begin(katydid: Any) -> None:
    text = (
        SCENARIO
        + """
@events.init.add_listener
def _(runner, **_):
    if runner.worker_index == 1:
        os._exit(7)
"""
    )
    done = run(katydid, "-u", "4", "-t", "60s", "--processes", "2", text="import os\n" + text)
    assert done.code == 3 and "Worker 1 is lost: it ended with exit code 7." in done.err, done.text


def test_an_event_is_run_once_and_cuts_the_phase_in_all(katydid: Any) -> None:
    load = 'hold 6 users for 3s, at 1s run "echo once >> ran" as mark'
    summary = run(katydid, "--load", load, "--processes", "2").ended(0).summary
    assert (katydid.folder / "ran").read_text() == "once\n"
    assert [phase["name"] for phase in summary["phases"]] == ["hold", "hold after mark"]
    assert [phase["users"] for phase in summary["phases"]] == [6, 6]
    (event,) = summary["events"]
    assert event["outcome"] == "done" and 1 <= event["at_s"] < 2, event


def test_users_that_compute_all_the_time_are_stopped_as_others(katydid: Any) -> None:
    """They fill their event loop; what the parent says still comes through."""
    text = """
class U(FastHttpUser):
    @task
    def t(self):
        self.client.get("/")
        sum(i * i for i in range(50_000))
"""
    words = ("-u", "20", "-r", "100", "-t", "3s", "--processes", "2")
    done = run(katydid, *words, text=text)
    assert "killed" not in done.err and "lost" not in done.err, done.text
    assert done.summary["run"]["complete"], done.text


def test_a_listener_of_messages_that_raises_is_said_and_no_more(katydid: Any) -> None:
    text = """
@events.init.add_listener
def _(environment, runner, **_):
    runner.register_message("boom", lambda environment, msg: 1 / 0)

@events.test_start.add_listener
def _(environment, **_):
    environment.runner.send_message("boom")
"""
    done = run(katydid, "-u", "2", "-t", "1s", "--processes", "2", text=SCENARIO + text).ended(0)
    assert done.err.count("Uncaught exception in the listener of message boom") == 4, done.text
    assert done.summary["run"]["complete"] and "lost" not in done.err


def test_the_load_begins_when_all_are_prepared(katydid: Any) -> None:
    text = """
import time

@events.test_start.add_listener
def _(environment, **_):
    if environment.runner.worker_index == 1:
        time.sleep(2.5)
"""
    load = ("--load", "arrive at 100/s for 2s", "--processes", "2")
    summary = run(katydid, *load, text=SCENARIO + text).ended(0).summary
    assert summary["total"]["requests"] == 200 and summary["total"]["missed"] == 0


def test_an_exit_code_that_a_worker_sets(katydid: Any) -> None:
    text = (
        SCENARIO
        + """
@events.test_stop.add_listener
def _(environment, **_):
    if environment.runner.worker_index == 1:
        environment.process_exit_code = 42
"""
    )
    done = run(katydid, "-u", "2", "-t", "1s", "--processes", "2", text=text)
    assert done.code in (42, 3), done.text


def test_phases_have_the_same_numbers_in_all(katydid: Any) -> None:
    """A shape that changes just when a ramp ends: a worker may come to hold before that, and another not."""
    shape = """
class S(LoadTestShape):
    def tick(self):
        t = int(self.get_run_time())
        return (11 * (t + 1), 10) if t < 5 else None
"""
    summary = run(katydid, "--processes", "3", text=SCENARIO + shape).ended(0).summary
    assert [p["kind"] for p in summary["phases"] if p["name"].startswith("ramp")] == ["ramp"] * 5
    assert all(p["name"].startswith(p["kind"]) for p in summary["phases"])
