"""The native half of katydid. Times are seconds (float) unless a name says otherwise; instants named `*_ns` are
CLOCK_MONOTONIC nanoseconds, the clock of `time.perf_counter_ns`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

from greenlet import greenlet

__version__: str

# ---------------------------------------------------------------------------------------------------------- command line

class OptionRow(TypedDict):
    """One row of the option table, as `LocustArgumentParser` is generated from it."""

    flags: list[str]  # ["-u", "--users"]; empty for a positional
    dest: str  # Locust's dest: "num_users"
    env: str | None
    default: Any
    action: str  # "store" | "store_true" | "append"
    nargs: str | None  # None | "*" | "?"
    type: str  # "str" | "int" | "float" | "timespan"
    choices: list[str] | None
    help: str
    group: str

def option_table() -> list[OptionRow]: ...
def command(argv: Sequence[str]) -> int | None:
    """Runs what needs no Python (`attack`, `report`, `runs`, `--help`, `--version`) and returns its exit code;
    None when `argv` is a run, `check`, `exec` or `demo`, which are Python's."""

def locate(argv: Sequence[str]) -> dict[str, Any]:
    """First pass, unknown words allowed: {"locustfiles": [str], "loglevel": str, "logfile": str | None,
    "skip_log_setup": bool}. Raises UsageError."""

def resolve(argv: Sequence[str], custom: Sequence[OptionRow]) -> dict[str, Any]:
    """Second pass, strict: every Locust dest with its value from command line, environment, config files or default.
    `argv` no longer holds the custom options; `custom` says which keys of config files and which environment
    variables belong to them, their texts are returned under "custom_from_files": {dest: str}. Raises UsageError."""

class UsageError(Exception):
    """Bad usage: print `error: <str>` and exit 2."""

# ------------------------------------------------------------------------------------------------------------- a session

class Session:
    """A running test: the I/O thread, the log and this process's own recorder. One hub (thread) drains it."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Options: "record": bool (write a run directory), "run_dir": str | None, "name": str, "plan": {...} (goes into the
        manifest), "progress": bool, "run_time": float | None, "scenario": [paths to copy and hash]."""

    @property
    def event_fd(self) -> int:
        """Readable when `drain` has something."""
    def drain(self) -> list[Any]:
        """Completions, flat: greenlet, value, greenlet, value… A pacer message comes as (None, ("spawn", n)),
        where n is the number of users due by now, or (None, ("tick",)). Re-arms the wake-up when the queue is empty."""

    # users ---------------------------------------------------------------------------------------------------------
    def ramp(self, start: int, target: int, rate: float) -> None:
        """From now on the pacer sends ("spawn", n) as the number of users due moves from `start` to `target`, at `rate` users/s,
        spread evenly; ends with n == target. A new call replaces the former ramp."""
    def users(self, alive: int) -> None: ...

    # the second inlet ----------------------------------------------------------------------------------------------
    def endpoint(self, kind: str, method: str, name: str) -> int:
        """Interns (kind: "request" | "flow" | "job" | "custom", method, name). Past the cap: the id of "(other)"."""
    def record(
        self,
        endpoint: int,
        response_time_ms: float | None,
        content_length: int,
        failure: tuple[str, str] | None = None,
        instants: tuple[int, int, int, int] | None = None,
    ) -> None:
        """One attempt, judged. `failure`: (cause, text). `instants`: (due, asked, send, done) ns; without them the end is now and
        everything is derived from response_time_ms."""

    # marks ---------------------------------------------------------------------------------------------------------
    def mark(self, kind: str, text: str, detail: str = "") -> None:
        """kind: "warning" | "exception" (text=first line, detail=traceback) | "reset" | "user_target" (text="N", detail="rate")
        | "fact" (text=topic, detail=text)."""

    # reading -------------------------------------------------------------------------------------------------------
    def stats(self) -> dict[str, Any]:
        """Locust-shaped totals up to this instant since the last reset: {"entries": [entry], "total": entry, "errors": [
        {"method","name","error","occurrences","first_seen","last_seen"}], "start_time": epoch}. entry = {"method","name","num_requests",
        "num_none_requests","num_failures","total_response_time","min_response_time","max_response_time","total_content_length",
        "start_time","last_request_timestamp","response_times": {ms: count}, "num_reqs_per_sec": {epoch: n}, "num_fail_per_sec": {…},
        "current_rps","current_fail_per_sec"}. Times in ms; current_* over the last 10 whole seconds by the wall clock."""
    def percentile(self, method: str | None, name: str | None, q: float, window: float | None = None) -> float | None:
        """Locust's response time (asked → done, failures included) in ms at quantile q of one entry (None, None: all), over the
        whole run or the last `window` seconds."""

    def finish(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Drains, closes the record, prints the summary, writes what was asked ("html", "csv", "summary", "json", "json_file",
        "reason", "script_exit_code", "exit_code_on_error", "unhandled", "has_errors") and returns {"exit_code": int, "run_dir": str | None, "valid": bool}."""

def now_ns() -> int: ...
