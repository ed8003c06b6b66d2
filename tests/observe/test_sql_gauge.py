"""Numbers that a query of one's own gives: what they are, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from looking import looking
from postgres import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a table of jobs."""
    with serving(tmp_path_factory.mktemp("gauge"), "18") as running:
        running.do(
            "CREATE TABLE job (id int GENERATED ALWAYS AS IDENTITY, state text)",
            "INSERT INTO job (state) SELECT 'ready' FROM generate_series(1, 7)",
            "INSERT INTO job (state) VALUES ('done'), ('done')",
        )
        yield running


def test_a_number_and_rows_of_them(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "address"
    place.write_text(server.url() + "\n")
    jobs = "SELECT count(*) FROM job WHERE state = 'ready';"
    by_state = (
        "WITH all_jobs AS (SELECT * FROM job) SELECT state, count(*) FROM all_jobs GROUP BY 1"
    )
    env = {**os.environ, "JOBS_AT": server.url()}
    words = (f"sql:env:JOBS_AT ready jobs={jobs}", f"sql:file:{place} jobs={by_state} -- by state")
    with looking(*words, env=env) as look:
        look.until(lambda look: len(look.watched()) == 2)
        assert {watched["subject"] for watched in look.watched()} == {
            "gauge ready jobs",
            "gauge jobs",
        }
        look.until(lambda look: look.last("value", label="ready") == 7)
        assert look.last("value", label="done") == 2
        server.do("INSERT INTO job (state) VALUES ('ready')")
        look.until(lambda look: look.last("value", label="ready") == 8)
        assert 7 in look.series("value")
    assert server.password not in json.dumps(look.frames)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT no_such FROM job", 'column "no_such" does not exist'),
        ("SELECT 1, 2, 3", "gives 3 columns"),
        ("SELECT 1; DELETE FROM job", "cannot be used"),
        ("SELECT 1) AS x; DELETE FROM job; SELECT (1", "cannot be used"),
        ("WITH gone AS (DELETE FROM job RETURNING 1) SELECT count(*) FROM gone", "cannot be used"),
        ("SELECT state FROM job", "invalid input syntax"),
        ("SELECT count(*) FROM job, pg_sleep(3)", "statement timeout"),
        ("SELECT nextval('job_id_seq')", "read-only transaction"),
    ],
)
def test_what_is_refused(server: Server, query: str, why: str) -> None:
    with looking(f"sql:{server.url()} jobs={query}") as look:
        look.until(lambda look: look.marks("lost"))
        assert why in look.marks("lost")[0]["why"]
    rows = server.do("SELECT count(*) FROM job")
    assert rows[0][0] >= 9
