"""The native half of katydid. Times are seconds (float) unless a name says otherwise; instants named `*_ns` are
CLOCK_MONOTONIC nanoseconds, the clock of `time.perf_counter_ns`."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from greenlet import greenlet
from typing_extensions import disjoint_base

__all__ = [
    "__version__",
    "UsageError",
    "InvalidUrl",
    "Client",
    "Response",
    "Session",
    "option_table",
    "command",
    "locate",
    "resolve",
    "no_load_text",
    "require_baseline",
    "require_here",
    "now_ns",
    "parse_json",
    "redact",
]
__version__: str

# ---------------------------------------------------------------------------------------------------------- command line

def option_table() -> list[dict[str, Any]]:
    """One row per option, from which `LocustArgumentParser` is made: "flags" (["-u", "--users"]; empty for a positional), "dest"
    (Locust's: "num_users"), "env", "default", "action" ("store" | "store_true" | "append"), "nargs" (None | "*" | "?"), "type" ("str" |
    "int" | "float" | "timespan"), "choices", "help", "group", "status"."""

def command(argv: Sequence[str]) -> int | None:
    """Runs what needs no Python (`attack`, `report`, `runs`, `--help`, `--version`) and returns its exit code;
    None when `argv` is a run, `check`, `exec` or `demo`, which are Python's."""

def locate(argv: Sequence[str]) -> dict[str, Any]:
    """First pass, unknown words allowed: {"locustfiles": [str], "loglevel": str, "logfile": str | None,
    "skip_log_setup": bool}. Raises UsageError."""

def resolve(argv: Sequence[str], custom: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Second pass, strict: every Locust dest with its value from command line, environment, config files or default.
    `argv` no longer holds the custom options; `custom` says which keys of config files and which environment
    variables belong to them, their texts are returned under "custom_from_files": {dest: str}. Raises UsageError."""

def no_load_text() -> str:
    """What to say when nothing asks for load."""

def require_baseline() -> None:
    """Refuses to compare with a baseline if none is pinned. Raises UsageError."""

def require_here(
    conditions: Sequence[Mapping[str, Any]], hosts: Sequence[tuple[str, str | None]]
) -> None:
    """Raises UsageError if there are conditions (a plan's "abort_on_machine") and one of the hosts, each with who says it, is not this
    machine. Resolves names, connects to nobody."""

class UsageError(Exception):
    """Bad usage: print `error: <str>` and exit 2."""

class InvalidUrl(ValueError):
    """Not a URL that can be requested."""

# ------------------------------------------------------------------------------------------------------------- a session

@final
class Session:
    """A running test: the I/O thread, the log and this process's own recorder. One hub (thread) drains it."""

    def __new__(cls, options: Mapping[str, Any]) -> Session:
        """Options: "record": bool (write a run directory), "run_dir": str | None, "name": str, "argv": [str], "plan": {...} (goes
        into the manifest), "progress": bool, "scenario": [paths to hash], "csv": prefix | None, "csv_full_history": bool.
        Raises UsageError when the run directory cannot be written."""

    @property
    def event_fd(self) -> int:
        """Readable when `drain` has something."""

    @property
    def run_dir(self) -> str | None:
        """Where the run is recorded."""

    def drain(self, readable: bool, comes_back: bool) -> list[Any]:
        """Up to a batch of what has ended, flat: greenlet, value, greenlet, value…; messages have None for the greenlet: ("spawn", n)
        where n is the number of users due by now, ("time_up",), ("io_ended",) should the I/O thread be lost. Empty only when nothing
        is queued and, unless `comes_back`, the descriptor will become readable with the next. `readable`: the loop said that it is.
        `comes_back`: the caller asks again by itself, soon."""

    def hold(self) -> None:
        """Requests made from now on may share wake-ups of the I/O thread, until `let_go`. `drain` does so while it returns something."""

    def let_go(self) -> None:
        """Whatever was held back goes."""

    # users ---------------------------------------------------------------------------------------------------------
    def ramp(self, start: int, target: int, rate: float) -> None:
        """From now on ("spawn", n) comes as the number of users due moves from `start` to `target` at `rate` users/s, spread
        evenly; ends with n == target. A new call replaces the former ramp."""

    def follow(self, schedule: dict[str, Any], began_ns: int | None = None) -> None:
        """("spawn", n) comes whenever the number of users of the schedule (as in the plan) changes; each of its phases is
        marked, and ("time_up",) comes at its end. It began, or begins, at `began_ns`; now without that."""

    def load_began(self, began_ns: int) -> None:
        """The load begins at this instant, in other processes: the plan's events count from it."""

    def end_load(self) -> None:
        """Nothing of the schedule, the ramp or the time limit comes any more."""

    def end_events(self) -> None:
        """No event of the plan is begun any more."""

    def worker_lost(self, worker: int) -> None:
        """A worker ended before its time."""

    def problem(self, text: str) -> None:
        """The record is not whole: why."""

    def begin_phase(self, kind: str, which: tuple[int, int] | None = None) -> None:
        """A phase of this kind begins now; "ramp" or "hold". `which`, where other processes begin it too: its number, and of how
        many of its kind it is the last."""

    def time_limit(self, seconds: float) -> None:
        """("time_up",) comes after so many seconds from now."""

    def users(self, alive: int) -> None: ...
    def max_rate(self, per_second: float) -> None:
        """Requests of the engine beyond so many per second (> 0) wait for their turn, which no response time has in it."""

    def no_wait(self, no_wait: bool) -> None:
        """Whether users loop without any wait: the generator's own limits then only warn."""

    # the second inlet ----------------------------------------------------------------------------------------------
    def tags_count(self) -> None:
        """Requests of greenlets with an attribute `katydid_tag` ("read" or "write") are what it says."""

    def endpoint(self, kind: str, method: str, name: str, tagged: str | None = None) -> int:
        """Interns (kind: "request" | "flow" | "job" | "custom", method, name). Past the cap: the id of "(other)". `tagged`: "read" or
        "write", if the task says so."""

    def record(
        self,
        endpoint: int,
        response_time_ms: float | None,
        content_length: int,
        failure: tuple[str, str] | None = None,
        instants: tuple[int, int, int, int] | None = None,
        status: int = 0,
        shape: str | None = None,
        trace: str | None = None,
    ) -> None:
        """One attempt, judged. `failure`: (cause, text). `instants`: (due, asked, send, done) ns. With `response_time_ms` the
        beginning is derived from it; with neither, it counts without a time. `shape`: a redacted outline of the response.
        `trace`: the id by which the target's spans of it can be found."""

    def skipped_slots(self, endpoint: int, blocked: int, missed: int) -> None:
        """Slots that passed before a request that the engine does not make."""

    def judged_well(self, response: Response) -> None:
        """What `response` tells of itself went well, in its own row."""

    def aborted(self, endpoint: int, age_ms: float) -> None:
        """Something under way that was given up, so many ms after it was due."""

    def unjudged(self, endpoint: int) -> None:
        """A completed request that its script left without judging it."""

    # marks ---------------------------------------------------------------------------------------------------------
    def mark(self, kind: str, text: str, detail: str = "") -> None:
        """kind: "warning" | "exception" (text=first line, detail=traceback) | "reset" | "user_target" (text="N", detail="rate")
        | "fact" (text=topic, detail=text)."""

    # a probe -------------------------------------------------------------------------------------------------------
    def look(self) -> tuple[bool, int]:
        """Has what counts exactly tell its counters now: (whether all of it did within 2 s, the time in ns). Blocks until then."""

    def probed(self, probed: dict[str, Any], began_ns: int, ended_ns: int) -> None:
        """What was asked between two looks, that were over at these times: {"pass": "idle" | "first" | "again" | "together" | "beside" |
        "other" | "cold", "method", "name", "took_us": [int], "failed": int, "entries": int | None, "beside": (method, name) | None,
        "same": bool | None, "arm": {"experiment", "number", "changed"} | None}."""

    def experiments(self, disposable: list[str]) -> list[dict[str, Any]]:
        """The experiments that findings so far propose, of those that may be made: number, what it is about, endpoints. Blocks."""
    def clear_experiments(self, disposable: list[str]) -> list[str]:
        """Drops what earlier experiments have left behind; why it could not. Blocks."""
    def set_experiment(self, number: int, there: bool) -> str:
        """Builds what an experiment is about, or drops it; why it could not, or an empty text. Blocks."""
    def experiment_failed(self, number: int, why: str) -> None:
        """An experiment did not come to its end."""
    def caches(self, disposable: list[str]) -> list[str]:
        """Caches whose keys may be deleted."""
    def search_keys(self, on: str) -> tuple[bool, str]:
        """A step of the search for the keys that a request is answered from, asked for before it is made and after: whether it is to be
        made once more, and why the search ended early, or an empty text. Blocks."""
    def take_keys(self, on: str) -> str:
        """Deletes the keys that were found; why it could not, or an empty text. Blocks."""
    def stop_search(self, on: str) -> str:
        """Ends a search before its end; why something is not back that it has taken, or an empty text. Blocks."""
    def cold(self, on: str, endpoint: str, problem: str) -> int:
        """Notes which keys an endpoint is answered from, or why that was not found: how many forms of them there are."""

    # reading -------------------------------------------------------------------------------------------------------
    def stats(self) -> dict[str, Any]:
        """Locust-shaped totals up to this instant since the last reset: {"entries": [entry], "total": entry, "errors": [
        {"method","name","error","occurrences","first_seen","last_seen"}], "start_time": epoch}. entry = {"method","name",
        "num_requests","num_none_requests","num_failures","total_response_time","min_response_time","max_response_time",
        "total_content_length","start_time","last_request_timestamp","response_times": [[ms, count]],"current_rps",
        "current_fail_per_sec","total_rps","total_fail_per_sec"}. Times in ms; current_* over the last 10 whole seconds."""

    def percentile(
        self, method: str | None, name: str | None, q: float, window: float | None = None
    ) -> float | None:
        """Locust's response time (asked → done, failures included) in ms at quantile q of one entry (None, None: all), over the
        whole run or the last `window` seconds."""

    def finish(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Ends the run: aborts what is in flight, closes the record, prints the summary, writes what was asked. Options: "reason",
        "script_exit_code", "exit_code_on_error", "unhandled", "has_errors", "html", "csv", "summary", "junit", "markdown", "json",
        "json_file", "quiet".
        Returns {"exit_code": int, "run_dir": str | None, "valid": bool}."""

@final
class Client:
    """The connections, defaults and timeouts of one session of one user."""

    def __new__(
        cls,
        session: Session,
        base_url: str,
        fast_list: bool,
        tls: str,
        proxy: str | None,
        connect_timeout: float,
        read_timeout: float,
        headers: Sequence[tuple[str, str]],
    ) -> Client:
        """`tls`: "verify", "accept" or the path of a PEM file. `fast_list`: FastHttpUser's statuses and names."""

    @property
    def id(self) -> int: ...
    def set_base(self, base_url: str, tls: str, proxy: str | None) -> None: ...
    def set_headers(self, headers: Sequence[tuple[str, str]]) -> None: ...
    def set_cookies(self, cookies: str | None) -> None:
        """The Cookie header of every request to the base URL's origin."""

    def get(
        self,
        greenlet: greenlet,
        url: str,
        name: str | None,
        judged: Any,
        due: int = 0,
        blocked: int = 0,
        missed: int = 0,
        /,
    ) -> int:
        """The plain GET, recorded by the engine when it goes well, unless `judged` (truthy). Returns its token; the Response is
        switched into `greenlet`. Raises InvalidUrl."""

    def submit(
        self,
        greenlet: greenlet,
        method: str,
        url: str,
        name: str | None,
        headers: Sequence[tuple[Any, Any]] | None,
        defaults: bool,
        body: bytes | None,
        judge: int,
        due: int,
        blocked: int,
        missed: int,
        timeouts: tuple[float, float] | None,
        stream: bool,
        /,
    ) -> int:
        """Any request. `judge`: 0 the script, 1 the engine if it is plainly well and no redirect, 2 the engine if it is plainly
        well. `due`: ns, 0 for now. Returns its token. Raises InvalidUrl, or ValueError for headers that cannot be sent."""

    def cancel(self, token: int) -> None: ...
    def read(self, token: int, greenlet: greenlet) -> bool:
        """Asks for the next piece of a streamed body; bytes, an int (the instant of its end) or a failed Response is switched into
        `greenlet`. False when the stream is over."""

    def close_idle(self) -> None: ...

@disjoint_base
class Response:
    """The end of one request, as the engine saw it. `katydid.contrib.fasthttp` gives it the rest of FastResponse."""

    def __new__(cls) -> Response:
        """One that stands for a request which the engine did not make."""

    # Given to it by katydid._fast_response, where text and JSON are at home:
    encoding: Any
    error: Any
    history: Any
    stream: Any
    @property
    def elapsed(self) -> Any: ...
    @property
    def headers(self) -> Any: ...
    @property
    def ok(self) -> bool: ...
    @property
    def request(self) -> Any: ...
    @property
    def text(self) -> str: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *_: Any) -> Any: ...
    def failure(self, *_: Any) -> None: ...
    def info(self) -> Any: ...
    def iter_content(self, chunk_size: int = 1024, decode_content: bool = True) -> Any: ...
    def json(self, **kwargs: Any) -> Any: ...
    def raise_for_status(self) -> None: ...
    def read(self, *_: Any) -> bytes: ...
    def release(self) -> None: ...
    def success(self, *_: Any) -> None: ...
    # Its own:
    @property
    def status_code(self) -> int: ...
    @property
    def plain(self) -> bool:
        """Recorded as a success, and no cookies to take."""

    @property
    def simple(self) -> bool:
        """Whole, and with nothing to do but to judge it: no failure, no cookies to take, no content coding, no redirect."""

    @property
    def endpoint(self) -> int:
        """The row it counts in unless its script renames it."""

    def event(self, request_type: Any, name: Any, context: Any, response: Any, /) -> dict[str, Any]:
        """What listeners of `events.request` are told of it as a success; without a `name` it is path and query. `response` is what
        they get to see."""

    @property
    def recorded(self) -> bool: ...
    @property
    def reused(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def method(self) -> str | None:
        """None for a plain GET."""

    @property
    def url(self) -> str | None: ...
    @property
    def path_url(self) -> str: ...
    @property
    def problem(self) -> tuple[str, str, int | None] | None:
        """(cause, text, errno) when it failed below HTTP."""

    @property
    def instants_ns(self) -> tuple[int, int, int, int, int, int, int]:
        """due, asked, taken, connected, send, first byte, done."""

    @property
    def trace(self) -> str | None:
        """Its trace id, where the target was asked for spans."""

    @property
    def response_time(self) -> float:
        """asked → done, ms."""

    @property
    def start_time(self) -> float:
        """Seconds since 1970."""

    @property
    def has_cookies(self) -> bool: ...
    @property
    def is_encoded(self) -> bool: ...
    @property
    def body_bytes(self) -> int: ...
    @property
    def says_utf8(self) -> bool:
        """The body is UTF-8 as far as its headers tell: they say so, or nothing."""

    @property
    def http_version(self) -> int: ...
    @property
    def content(self) -> bytes:
        """The decoded body. Raises ValueError when it cannot be decoded."""

    def header(self, name: str) -> str | None: ...
    def header_items(self) -> list[tuple[str, str]]: ...

def now_ns() -> int:
    """CLOCK_MONOTONIC."""

def redact(text: str) -> str:
    """`text` without what looks like a secret in it: passwords in URLs, tokens, cookies, values of keys with such names."""

def parse_json(text: bytes) -> Any:
    """Equal to what `json.loads` returns. Raises ValueError where it will not parse, which may yet be JSON for the standard library."""
