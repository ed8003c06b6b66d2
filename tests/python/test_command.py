"""The console command as a user meets it: files that are wrong, what it lists, a short run,
`check`, `exec`, the alias."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SCENARIO = """
from locust import HttpUser, TaskSet, between, constant, events, tag, task

class Shopper(HttpUser):
    wait_time = constant(0.02)
    @task(3)
    def home(self):
        self.client.get("/")
    @tag("bad")
    @task
    def missing(self):
        self.client.get("/missing", name="gone")

class Idler(HttpUser):
    wait_time = between(1, 2)
    @task
    class Part(TaskSet):
        @task
        def one(self):
            self.interrupt()

@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--greeting", env_var="GREETING", default="hello", is_secret=True)

@events.quitting.add_listener
def _(environment, **_):
    print("greeting", environment.parsed_options.greeting)
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "locustfile.py"
    path.write_text(SCENARIO)
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "import nonsuch_module\n",
            ["line 1", "import nonsuch_module", "No module named 'nonsuch_module'"],
        ),
        ("def broken(:\n", ["line 1", "SyntaxError"]),
        ("def f():\n    1/0\nf()\n", ["line 3", "line 2, in f", "ZeroDivisionError"]),
        ("x = 1\n", ["No User class found!"]),
        ("import locust.contrib.mqtt\n", ["katydid does not have 'locust.contrib.mqtt' yet"]),
        ("from locust import HttpLocust\nclass A(HttpLocust): pass\n", ["renamed to HttpUser"]),
    ],
)
def test_broken_files(content: str, said: list[str], tmp_path: Path, run_katydid: Any) -> None:
    path = tmp_path / "locustfile.py"
    path.write_text(content)
    done = run_katydid("-u", "1")
    assert done.returncode == 2
    for text in said:
        assert text in done.stderr
    assert "katydid/util" not in done.stderr and "importlib" not in done.stderr
    if "No User" not in said[0]:
        assert str(path) in done.stderr


def test_missing_file(run_katydid: Any) -> None:
    done = run_katydid("-f", "nothere.py", "-u", "1")
    assert done.returncode == 2 and "Could not find 'nothere.py'" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-u", "1", "Nobody"], "Unknown User(s): Nobody"),
        (["-u", "1"], "You must specify the base host"),
        (["-H", "http://127.0.0.1:1"], "nothing says how much load"),
        (["-u", "1", "--bogus"], "unrecognized arguments: --bogus"),
        (["-u", "many"], "-u/--users"),
    ],
)
def test_usage(words: list[str], said: str, scenario: Path, run_katydid: Any) -> None:
    done = run_katydid(*words)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_list_and_ratio(scenario: Path, run_katydid: Any) -> None:
    assert run_katydid("-l").stdout == "Available Users:\n    Shopper\n    Idler\n"
    ratio = json.loads(run_katydid("--show-task-ratio-json").stdout)
    assert ratio["per_class"]["Shopper"]["tasks"] == {
        "home": {"ratio": 0.75},
        "missing": {"ratio": 0.25},
    }
    shown = run_katydid("--show-task-ratio").stdout
    assert "Task ratio per User class" in shown and "50.0" in shown


def test_several_files_and_folders(tmp_path: Path, run_katydid: Any) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.py").write_text(
            f"from locust import User\nclass {name.upper()}(User): pass\n"
        )
    (folder / "_skipped.py").write_text("1/0\n")
    assert run_katydid("-f", "more", "-l").stdout.split()[2:] == ["A", "B"]
    # Of another length: within the second, Python takes bytecode of the same length for this file's.
    (folder / "b.py").write_text("from locust import User\n\nclass A(User): pass\n")
    done = run_katydid("-f", "more/a.py,more/b.py", "-l")
    assert done.returncode == 2 and "Duplicate user class names: A" in done.stderr


def test_a_run(scenario: Path, target: str, tmp_path: Path, run_katydid: Any) -> None:
    done = run_katydid(
        "-u",
        "3",
        "-r",
        "10",
        "-t",
        "2s",
        "-H",
        target,
        "--run-dir",
        "run",
        "--greeting",
        "ciao",
        "--summary",
        "summary.json",
        "Shopper",
    )
    log = done.stderr
    for text in (
        "Ramping to 3 users at a rate of 10.00 per second",
        'All users spawned: {"Shopper": 3} (3 total users)',
        "Run time limit set to 2 seconds",
        "--run-time limit reached, shutting down",
        f"Shutting down (exit code {done.returncode})",
    ):
        assert text in log
    assert "greeting ciao" in done.stdout
    assert (tmp_path / "run" / "frames.jsonl.zst").exists() and (tmp_path / "summary.json").exists()
    assert '"gone"' in (tmp_path / "summary.json").read_text()
    # 3 when this machine was too busy for the numbers to be valid; failed requests otherwise.
    assert done.returncode in (1, 3)


def test_tags_and_iterations(scenario: Path, target: str, run_katydid: Any) -> None:
    done = run_katydid("-u", "2", "-i", "5", "-H", target, "-E", "bad", "Shopper")
    assert "All task iterations are done" in done.stderr
    assert done.returncode in (0, 3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_runs_keep_everything(
    number: int, scenario: Path, target: str, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "katydid",
            "-u",
            "2",
            "-H",
            target,
            "--run-dir",
            "run",
            "--html",
            "r.html",
            "Shopper",
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "All users spawned" in line:
            break
    time.sleep(0.1)  # a moment under load: there is something to keep
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert "Shutting down" in err and "greeting" in out
    assert (tmp_path / "r.html").exists() and (tmp_path / "run" / "summary.json").exists()


def test_the_second_interrupt_does_not_wait(tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(
        "import gevent\nfrom locust import User, task\nclass U(User):\n"
        "    @task\n    def t(self): gevent.sleep(100)\n"
        "    def on_stop(self): print('stopping', flush=True); gevent.sleep(100)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "katydid", "-u", "1", "--run-dir", "run"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None and process.stdout is not None
    for line in process.stderr:
        if "All users spawned" in line:
            break
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopping\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert (tmp_path / "run" / "summary.json").exists()


def test_listener_mistakes(scenario: Path, target: str, run_katydid: Any) -> None:
    scenario.write_text(
        SCENARIO
        + "\n@events.test_start.add_listener\ndef _(**_):\n    raise KeyError('in a listener')\n"
    )
    done = run_katydid("-u", "1", "-t", "1s", "-H", target, "-E", "bad", "Shopper")
    assert "in a listener" in done.stderr and done.returncode in (2, 3)
    scenario.write_text(
        SCENARIO + "\n@events.init.add_listener\ndef _(**_):\n    raise KeyError('early')\n"
    )
    done = run_katydid("-u", "1", "-t", "1s", "-H", target)
    assert "early" in done.stderr and done.returncode == 1


def test_custom_options_from_the_environment(scenario: Path, target: str, run_katydid: Any) -> None:
    done = run_katydid("-u", "1", "-t", "1s", "-H", target, "Idler", GREETING="hallo")
    assert "greeting hallo" in done.stdout


def test_check(scenario: Path, target: str, run_katydid: Any) -> None:
    done = run_katydid("check", "-H", target)
    assert done.returncode == 1
    assert "GET " + target + "/ -> 200" in done.stdout and "(counted as gone) -> 404" in done.stdout
    assert (
        "FAILED: 404 Client Error" in done.stdout and "Part" in done.stdout and "one" in done.stdout
    )
    assert (
        "very-secret" not in done.stdout
        and "katydid" not in done.stdout.split("Set-Cookie")[1].split("\n")[0]
    )
    assert '{"name": "<7 characters>"}' in done.stdout
    assert run_katydid("check", "-H", target, "-E", "bad").returncode == 0


def test_exec(tmp_path: Path, run_katydid: Any) -> None:
    (tmp_path / "script.py").write_text(
        "import sys, locust, katydid, katydid.user.task\n"
        "from locust.user.task import TaskSet\nfrom locust import wait_time\n"
        "print(locust is katydid, TaskSet is katydid.user.task.TaskSet, sys.argv)\n"
        "print(katydid.__spec__.name, locust.user.task.__name__)\nsys.exit(7)\n"
    )
    done = run_katydid("exec", "script.py", "a", "-u")
    assert done.stdout.splitlines() == [
        "True True ['script.py', 'a', '-u']",
        "katydid katydid.user.task",
    ]
    assert done.returncode == 7
    assert run_katydid("exec", "gone.py").returncode == 2


def test_importing_katydid_leaves_locust_alone(tmp_path: Path) -> None:
    (tmp_path / "locust.py").write_text("real = True\n")
    code = "import katydid, katydid.main, locust; print(locust.real)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "True\n", done.stderr
