"""Does katydid tell a healthy run from a starved one? Makes the runs of `cases.py` and writes bench/validity.md.

.venv/bin/python bench/validity/run.py [--only healthy|starved] [--case TEXT] [--seconds S]
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import machine
from harness.errors import BenchError
from harness.process import Child, end_as_an_error_would
from harness.run import SCRATCH, fresh_scratch
from harness.target import Target
from harness.tools import OUT, install_katydid, locate

from validity.cases import HEALTHY, STARVED, Case
from validity.page import Outcome, line, page
from validity.squeeze import other_cores, pin

_CHECKOUT = Path(__file__).resolve().parents[2]
_PAGE = Path("bench/validity.md")
_GRACE_S = 60.0
_START_LIMIT_S = 20.0
_STEAL_LIMIT = 0.02
_TRIES = 3


def main() -> int:
    """Exit code 0 when every verdict is the expected one."""
    options = _options()
    os.chdir(_CHECKOUT)
    end_as_an_error_would()
    if not options.no_build:
        install_katydid()
    fresh_scratch()
    facts = machine.facts() | {"busy beforehand": f"{100 * machine.busy_beforehand():.0f} %"}
    chosen = [(case, True) for case in HEALTHY] + [(case, False) for case in STARVED]
    if options.only:
        chosen = [one for one in chosen if one[1] is (options.only == "healthy")]
    chosen = [one for one in chosen if options.case in one[0].says()]
    outcomes: list[Outcome] = []
    for number, (case, valid) in enumerate(chosen, 1):
        outcomes.append(_calm_outcome(case, valid, options.katydid, options.seconds, number))
        print(line(number, outcomes[-1]), flush=True)
    whole = not options.only and not options.case
    path = _PAGE if whole else OUT / _PAGE.name
    path.write_text(page(outcomes, facts), encoding="utf-8")
    right = sum(one.right for one in outcomes)
    print(f"{right} of {len(outcomes)} as expected; kept in {path}")
    return 0 if right == len(outcomes) else 1


def _calm_outcome(case: Case, valid: bool, katydid: str, seconds: int, number: int) -> Outcome:
    """Made again when the hypervisor took the machine away: that starves every run."""
    for attempt in range(_TRIES):
        out = SCRATCH / f"validity-{number}-{attempt}"
        outcome = _outcome(case, valid, katydid, seconds, out)
        if outcome.steal < _STEAL_LIMIT:
            break
    return outcome


def _outcome(case: Case, valid: bool, katydid: str, seconds: int, out: Path) -> Outcome:
    try:
        tools = locate(katydid)
        with Target(tools.target, SCRATCH, *case.target) as target:
            if case.squeeze.pinned:
                target.keep_to(other_cores())
            summary = _run(case, target, tools.katydid, seconds, out)
        return Outcome(case, valid, json.loads(summary.read_text(encoding="utf-8")))
    except (BenchError, OSError, ValueError) as error:
        return Outcome(case, valid, None, str(error))


def _run(case: Case, target: Target, katydid: tuple[str, ...], seconds: int, out: Path) -> Path:
    """One run; the squeeze begins with the first request, so that start-up is not what is judged."""
    summary = Path(f"{out}.json")
    kept = ["-t", f"{seconds}s", "--run-dir", f"{out}.run", "--summary", str(summary)]
    argv = [*katydid, *_load(case, target), *kept]
    before = pin if case.squeeze.pinned else None
    with Child(argv, out, _environment(case), before) as child:
        while not target.truth().served and not child.ended():
            if child.seconds > _START_LIMIT_S:
                raise BenchError("no request was made")
            time.sleep(0.05)
        with case.squeeze.apply(child.pid):
            finished = child.wait(seconds + _GRACE_S)
    if not summary.exists():
        raise BenchError(f"ended with {finished.exit_code}: {finished.stderr[-200:]}")
    return summary


def _load(case: Case, target: Target) -> list[str]:
    users = str(case.users)
    if case.attack:
        rate = ["--rate", case.rate] if case.rate else []
        return ["attack", target.url + case.path, "-c", users, *rate]
    scenario = ["-f", "bench/validity/scenario.py", "--headless", "--only-summary"]
    return [*scenario, "-u", users, "-r", users, "-H", target.url]


def _environment(case: Case) -> dict[str, str]:
    return {
        "VALIDITY_WAIT": case.wait,
        "VALIDITY_PATH": case.path,
        "VALIDITY_BURN_MS": str(case.burn_ms),
        "VALIDITY_BLOCK_MS": str(case.block_ms),
        "VALIDITY_HOGS": str(case.hogs),
    }


def _options() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="bench/validity/run.py", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--only", choices=("healthy", "starved"), help="this half")
    parser.add_argument("--case", default="", help="only cases whose line holds this text")
    parser.add_argument("--seconds", type=int, default=6, help="length of a run [6]")
    parser.add_argument("--no-build", action="store_true", help="take the binaries as they are")
    parser.add_argument("--katydid", default=".venv/bin/katydid", help="command of katydid")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BenchError, KeyboardInterrupt) as error_:
        sys.exit(f"bench: {error_}" if isinstance(error_, BenchError) else 130)
