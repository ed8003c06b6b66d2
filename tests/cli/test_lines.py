"""`--load` with a line for each user class: each follows its own, the run is their sum."""

from typing import Any

import pytest

SCENARIO = """
class Shopper(FastHttpUser):
    wait_time = constant(0.05)

    def on_start(self):
        self.client.get("/", name="shopper begins")

    @task
    def t(self):
        self.client.get("/", name="shopper")

class Admin(FastHttpUser):
    wait_time = constant(0.05)
    weight = 100

    def on_start(self):
        self.client.get("/", name="admin begins")

    @task
    def t(self):
        self.client.get("/", name="admin")

class Guest(FastHttpUser):
    @task
    def t(self):
        self.client.get("/", name="guest")

@events.init.add_listener
def _(environment, runner, **_):
    if type(runner).__name__ != "WorkerRunner":
        environment.events.spawning_complete.add_listener(
            lambda user_count, **_: print("spawned", user_count, flush=True)
        )
"""


def run(katydid: Any, load: str, *words: str, text: str = SCENARIO) -> Any:
    katydid.write(text)
    return katydid("-H", katydid.target, "--load", load, "--run-dir", "run", *words)


def rows(summary: Any, kind: str) -> dict[str, int]:
    """Requests of each row of this kind."""
    found = [row for row in summary["endpoints"] if row["kind"] == kind]
    return {row["name"]: row["requests"] for row in found}


@pytest.mark.parametrize("processes", ["1", "2"])
def test_users_of_each_class(katydid: Any, processes: str) -> None:
    load = "Shopper: ramp to 7 users over 1s, hold 3s as busy\nAdmin: hold 3 users 3s"
    done = run(katydid, load, "--processes", processes).ended(0)
    summary = done.summary
    begun = rows(summary, "request")
    assert begun["shopper begins"] == 7 and begun["admin begins"] == 3 and "guest" not in begun
    assert "no line for Guest" in done.err and "no line for Admin" not in done.err
    assert summary["run"]["users"] == 10
    assert [(p["name"], p["kind"]) for p in summary["phases"]] == [
        ("ramp", "ramp"),
        ("busy", "hold"),
        ("busy 2", "hold"),
    ]
    assert max(summary["series"]["users"]) == 10
    last = summary["phases"][2]["endpoints"]
    assert {row["name"] for row in last if row["requests"] > 20} == {"shopper"}, last
    # The users of the line that is over have gone: a level of its own.
    assert [line for line in done.out.splitlines() if "spawned" in line] == [
        "spawned 10",
        "spawned 7",
    ]


@pytest.mark.parametrize("processes", ["1", "3"])
def test_arrivals_of_each_class(katydid: Any, processes: str) -> None:
    load = "Shopper: ramp to 100/s over 1s, hold 2s; Admin: arrive at 20/s"
    summary = run(katydid, load, "--processes", processes).ended(0).summary
    assert rows(summary, "flow") == {"Shopper": 250, "Admin": 60}
    requests = rows(summary, "request")
    assert (requests["shopper"], requests["admin"]) == (250, 60)


def test_an_event_among_lines(katydid: Any) -> None:
    load = "Shopper: hold 4 users 3s, at 1s run 'touch done' as flush; Admin: hold 1 user"
    summary = run(katydid, load).ended(0).summary
    assert (katydid.folder / "done").exists()
    assert [phase["name"] for phase in summary["phases"]] == ["hold", "hold after flush"]
    begun = rows(summary, "request")
    assert begun["shopper begins"] == 4 and begun["admin begins"] == 1


def test_a_class_that_is_not_there(katydid: Any) -> None:
    done = run(katydid, "Shoper: hold 4 users 3s").ended(2)
    assert "Shoper, which is no user class of this run: there is Shopper, Admin, Guest" in done.err
    katydid.write(SCENARIO)
    words = ("-H", katydid.target, "--load", "Shopper: hold 4 users 3s", "Admin")
    assert "there is Admin" in katydid(*words).ended(2).err


def test_a_fixed_count_gives_way_to_a_line_of_arrivals(katydid: Any) -> None:
    text = SCENARIO.replace("weight = 100", "fixed_count = 50")
    load = "Shopper: arrive at 20/s for 1s; Admin: arrive at 30/s"
    assert rows(run(katydid, load, text=text).ended(0).summary, "flow") == {
        "Shopper": 20,
        "Admin": 30,
    }


def test_a_class_of_weight_0_takes_part_by_its_line(katydid: Any) -> None:
    text = SCENARIO.replace("weight = 100", "weight = 0")
    done = run(katydid, "Shopper: arrive at 20/s for 1s; Admin: arrive at 30/s", text=text)
    assert rows(done.ended(0).summary, "flow") == {"Shopper": 20, "Admin": 30}


def test_a_fixed_count_gives_way_to_a_line(katydid: Any) -> None:
    text = SCENARIO.replace("weight = 100", "fixed_count = 50")
    done = run(katydid, "Shopper: hold 2 users 2s; Admin: hold 3 users", text=text).ended(0)
    assert rows(done.summary, "request")["admin begins"] == 3


def test_plan_shows_the_classes(katydid: Any) -> None:
    load = "Shopper: ramp to 200 users over 2m, hold 10m; Admin: hold 5 users"
    shown = katydid("plan", "--load", load).ended(0).out
    assert "205 users at most" in shown
    assert (
        "Shopper  0 → 200  0s      2m\nShopper  200      2m      10m\nAdmin    0 → 5    0s      12m"
        in shown
    )


def test_a_plan_of_several_lines_in_a_file(katydid: Any) -> None:
    text = """[load]
plan = '''
Shopper: ramp to 200 users over 2m, hold 10m
Admin: hold 5 users
'''
"""
    (katydid.folder / "katydid.toml").write_text(text)
    shown = katydid("plan", "--explain").ended(0).out
    assert "205 users at most" in shown
    joined = (
        "load    Shopper: ramp to 200 users over 2m, hold 10m; Admin: hold 5 users  katydid.toml"
    )
    assert joined in shown
