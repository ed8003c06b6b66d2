"""Options that a script adds, called like some of katydid's own."""

import json
from typing import Any

SCENARIO = """
from locust import events

@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--load", default="light")
    parser.add_argument("--summary")
    parser.add_argument("--watch", type=int, default=3)

class U(FastHttpUser):
    wait_time = constant(0.2)

    @task
    def t(self):
        options = self.environment.parsed_options
        self.client.get("/", name=f"{options.load} {options.summary} {options.watch}")
"""


def test_what_is_called_so_is_the_scripts(katydid: Any) -> None:
    katydid.write(SCENARIO)
    words = ("--summary", "short", "-u", "1", "-t", "1s", "--run-dir", "run")
    done = katydid("-H", katydid.target, *words, env={"KATYDID_SUMMARY": "own.json"}).ended(0)
    assert [row["name"] for row in done.summary["endpoints"]] == ["light short 3"]
    assert "--summary is an option of the script here" in done.err, done.text
    assert "given by KATYDID_SUMMARY" in done.err
    # katydid's own are what they were: there was no --load, nothing more was watched, and the file is where the variable says.
    assert not (katydid.folder / "short").exists()
    own = json.loads((katydid.folder / "own.json").read_text())
    assert own["endpoints"] == done.summary["endpoints"]
