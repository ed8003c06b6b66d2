"""`--seed`: the same draws again, user by user."""

from typing import Any

SCENARIO = """
drawn = {}

class U(FastHttpUser):
    wait_time = between(0.001, 0.01)

    def on_start(self):
        self.number = len(drawn)
        drawn[self.number] = []

    def note(self, task):
        if len(drawn[self.number]) < 12:
            drawn[self.number].append((task, self.wait_time()))

    @task(3)
    def a(self):
        self.note("a")
        self.client.get("/")

    @task
    def b(self):
        self.note("b")
        self.client.get("/")

@events.quitting.add_listener
def told(**kwargs):
    say(drawn=drawn)
"""


def drawn(katydid: Any, *words: str) -> Any:
    katydid.write(SCENARIO)
    done = katydid("-H", katydid.target, "-u", "4", "-r", "100", "-t", "2s", *words)
    found = done.ended(0).said["drawn"]
    assert [len(draws) for draws in found.values()] == [12] * 4, done.text
    return found


def test_the_same_seed_gives_the_same_draws(katydid: Any) -> None:
    once, again = (drawn(katydid, "--seed", "7", "--run-dir", name) for name in ("one", "two"))
    assert once == again
    # Each user has its own.
    assert len({str(draws) for draws in once.values()}) == 4
    other = drawn(katydid, "--seed", "8", "--run-dir", "three")
    assert all(once[user] != other[user] for user in once)
