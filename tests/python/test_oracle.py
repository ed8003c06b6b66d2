"""The same script on Locust and on katydid prints the same. `KATYDID_ORACLE=/path/to/python` names one that has Locust."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ORACLE = os.environ.get("KATYDID_ORACLE", "")

CHOICES = """
import random
from LIB import SequentialTaskSet, TaskSet, User, between, constant, task
from LIB.env import Environment
from LIB.exception import StopUser
log = []
class U(User):
    wait_time = between(0, 0)
    def note(self, letter):
        log.append(letter)
        if len(log) >= 400: raise StopUser()
    @task(3)
    def a(self): self.note("a")
    @task
    class S(SequentialTaskSet):
        def on_start(self): log.append("(")
        def on_stop(self): log.append(")")
        @task(2)
        def x(self): self.user.note("x")
        @task
        def y(self):
            self.user.note("y")
            if random.random() < 0.3: self.interrupt(reschedule=random.random() < 0.5)
    @task(2)
    class N(TaskSet):
        wait_time = constant(0)
        @task
        def z(self): self.user.note("z")
        @task
        def leave(self): self.interrupt()
for seed in range(5):
    log.clear(); random.seed(seed)
    U(Environment()).run()
    print("".join(log))
"""

STATISTICS = """
import random
from LIB import stats
random.seed(3)
own = stats.RequestStats()
for i in range(5000):
    t = None if i % 97 == 0 else random.lognormvariate(4, 2)
    own.log_request(random.choice(["GET", "POST"]), random.choice(["/a", "/b?x"]), t, i)
own.log_error("GET", "/a", ValueError("x"))
for key in sorted(own.entries):
    e = own.entries[key]
    print(key, e.median_response_time, e.avg_response_time, [e.get_response_time_percentile(i / 1000) for i in range(1001)])
    print(e.to_string(current=False).split("|")[:2], e.percentile())
print(stats.get_percentile_stats_summary(own), stats.get_error_report_summary(own), list(own.errors))
"""

RATIO = """
from LIB import TaskSet, User, task
from LIB.user.inspectuser import print_task_ratio, print_task_ratio_json
class A(User):
    weight = 3
    @task(3)
    def one(self): ...
    @task
    class Two(TaskSet):
        @task
        def inner(self): ...
class B(User):
    fixed_count = 2
    @task
    def three(self): ...
for users in (None, 7):
    for total in (False, True): print_task_ratio([A, B], users, total)
    print_task_ratio_json([A, B], users)
"""


@pytest.mark.oracle
@pytest.mark.skipif(not ORACLE, reason="KATYDID_ORACLE names no Python with Locust")
@pytest.mark.parametrize(
    "script", [CHOICES, STATISTICS, RATIO], ids=["choices", "statistics", "ratio"]
)
def test_prints_the_same(script: str, tmp_path: Path) -> None:
    printed = []
    for python, library in ((ORACLE, "locust"), (sys.executable, "katydid")):
        path = tmp_path / f"with_{library}.py"
        path.write_text(script.replace("LIB", library))
        done = subprocess.run([python, path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert printed[0] == printed[1]
