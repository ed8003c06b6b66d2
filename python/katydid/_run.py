"""A run of a locustfile from the command line: from its words to its exit code.

Knows the order of things. Options are resolved, load is paced and numbers are finished in Rust;
users are the runner's.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gevent
import gevent.os
from gevent.event import Event

from . import _core, _scenario, data, events, log, stats
from ._parent import end_with_parent
from ._target import hosts, require_here
from .argument_parser import parse
from .contrib.fasthttp import FastHttpUser
from .env import Environment
from .exception import FeedError
from .input_events import input_listener
from .user.inspectuser import print_task_ratio, print_task_ratio_json
from .user.users import NO_HOST, HttpUser

logger = logging.getLogger("locust.main")

#: File descriptors a run wants; users hold sockets.
OPEN_FILES = 10_000


class Ready:
    """A scenario with its options, about to run."""

    def __init__(self, words: list[str]) -> None:
        located = _core.locate(words)
        files = _scenario.find(located["locustfiles"])
        self.scenario = _scenario.load(files)
        _load_plugins()
        self.options, self.resolved = parse(words)
        self.own = argparse.Namespace(**self.resolved)
        """Options without those of scripts, which may be called like one that Locust has not."""
        stats.validate_stats_configuration()
        if not self.options.skip_log_setup:
            log.setup_logging(self.options.loglevel, self.options.logfile)

    def user_classes(self) -> list[Any]:
        """The classes that take part. ScenarioError if there are none, or one that was named does
        not exist."""
        available = self.scenario.user_classes
        if not available:
            raise _scenario.ScenarioError("No User class found!")
        named = list(dict.fromkeys(self.options.user_classes))
        unknown = [name for name in named if name not in available]
        if unknown:
            raise _scenario.ScenarioError(
                f"Unknown User(s): {', '.join(unknown)}. The locustfile has: {', '.join(available)}"
            )
        return [available[name] for name in named] or list(available.values())

    def environment(self, user_classes: list[Any]) -> Environment:
        from .main import create_environment

        scenario = self.scenario
        environment = create_environment(
            user_classes,
            self.options,
            events=events,
            shape_class=next(iter(scenario.shapes.values()), None),
            locustfile=os.path.basename(scenario.files[0]),
            parsed_locustfiles=scenario.files,
            available_user_classes=scenario.user_classes,
            available_shape_classes=scenario.shapes,
            available_user_tasks={n: u.tasks for n, u in scenario.user_classes.items()},
        )
        for settings in self.options.config_users or ():
            for item in settings:
                try:
                    environment.update_user_class(item)
                except KeyError as error:
                    raise _scenario.ScenarioError(
                        f"--config-users names a user class that the locustfile does not have: {error}"
                    ) from error
        return environment

    def session(self, environment: Environment, **more: Any) -> Any:
        """The native session of this run."""
        options, own, plan = self.options, self.own, dict(self.resolved["plan"])
        plan["user_classes"] = [
            {"name": u.__name__, "weight": float(u.weight), "fixed_count": int(u.fixed_count)}
            for u in environment.user_classes
        ]
        if environment.shape_class is not None:
            plan["shape"] = type(environment.shape_class).__name__
        environment._session = _core.Session(
            {
                "record": True,
                "run_dir": own.run_dir,
                "name": self.resolved["run_name"],
                "argv": sys.argv,
                "plan": plan,
                "progress": not options.only_summary,
                "scenario": self.scenario.files,
                "csv": options.csv_prefix,
                "csv_full_history": options.stats_history_enabled,
                "watch": own.watch or [],
                "probed": own.probed,
                "prometheus": own.prometheus,
                "otlp": own.otlp,
                "otel": options.otel,
                "hosts": [] if own.no_discovery else hosts(environment),
                **more,
            }
        )
        return environment._session


def _load_plugins() -> None:
    """locust_plugins registers options and patches task sets when it is imported."""
    try:
        import locust_plugins  # type: ignore[import-not-found]  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "locust_plugins":
            logging.warning("locust_plugins is installed, but could not be loaded: %s", error)
    except Exception as error:
        logging.warning("locust_plugins is installed, but could not be loaded: %s", error)


def prepared(words: list[str]) -> Ready | int:
    """Everything up to the options, or the exit code of what was wrong, which has been said."""
    try:
        return Ready(words)
    except _core.UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except _scenario.ScenarioError as error:
        print(error, file=sys.stderr)
        return 2


def run(words: list[str]) -> int:
    """`katydid -f …`: the exit code."""
    ready = prepared(words)
    if isinstance(ready, int):
        return ready
    options = ready.options
    if options.list_commands:
        print("Available Users:")
        for name in ready.scenario.user_classes:
            print("    " + name)
        return 0
    try:
        user_classes = _with_a_line(ready, ready.user_classes())
        environment = ready.environment(user_classes)
        searches = ready.resolved["plan"].get("search") is not None
        if searches and environment.shape_class is not None:
            shape = type(environment.shape_class).__name__
            logger.warning(
                "find says itself how much load there is: the locustfile's %s is not used.", shape
            )
            environment.shape_class = None
        if options.show_task_ratio or options.show_task_ratio_json:
            return _show_ratio(options, environment.user_classes)
        _require_hosts(environment)
        require_here(ready.resolved["plan"], environment, final=False)
        if environment.shape_class is not None and ready.own.load:
            shape = type(environment.shape_class).__name__
            print(
                f"error: --load and the locustfile's {shape} both say how many users there are: leave one of them out",
                file=sys.stderr,
            )
            return 2
        schedule = ready.resolved["plan"]["schedule"] or {}
        share = schedule.get("model") == "arrivals" and not schedule.get("lines")
        fixed = [u.__name__ for u in environment.user_classes if u.fixed_count]
        if share and fixed:
            print(
                f"error: arrivals start as many users as they need, but {fixed[0]} has a fixed_count: remove it"
                + (", or search --closed" if searches else ", or give --load in users"),
                file=sys.stderr,
            )
            return 2
        if environment.shape_class is None and not ready.resolved["load_given"]:
            print(f"error: {_core.no_load_text()}", file=sys.stderr)
            return 2
        # A load given runs at once: for listeners and runners that is what Locust calls headless.
        options.headless = True
        logger.info("Starting Locust %s (katydid)", _core.__version__)
        if ready.own.baseline:
            _core.require_baseline()
        _raise_open_files()
        _explain_options(environment, options)
        if ready.own.probe or ready.own.experiment:
            ready.own.probed = _probe_first(ready, environment)
        processes = _processes_of(ready, environment)
        if processes > 1:
            from ._crew import go

            return go(ready, environment, processes)
        return Run(ready, environment).go()
    except _core.UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (_scenario.ScenarioError, FeedError, ValueError) as error:
        logger.error("%s", error)
        return 2


def _with_a_line(ready: Ready, user_classes: list[Any]) -> list[Any]:
    """Those that --load has a line for, if it has one for each class. ScenarioError when it names another."""
    lines = (ready.resolved["plan"]["schedule"] or {}).get("lines", ())
    if not lines:
        return user_classes
    names = [u.__name__ for u in user_classes]
    asked = [line["class"] for line in lines]
    for name in asked:
        if name not in names:
            raise _scenario.ScenarioError(
                f"--load has a line for {name}, which is no user class of this run: there is {', '.join(names)}"
            )
    for name in names:
        if name not in asked:
            logger.warning("--load has no line for %s: none of its users takes part.", name)
    with_a_line = [u for u in user_classes if u.__name__ in asked]
    for user_class in with_a_line:
        if not user_class.weight:
            user_class.weight = 1  # 0 says that it takes no part
    return with_a_line


def _processes_of(ready: Ready, environment: Environment) -> int:
    """How many workers the run has; no more than there are users for. FeedError if test data cannot be shared by so many."""
    asked = ready.options.processes or 1
    processes = (os.cpu_count() or 1) if asked == -1 else asked
    if environment.shape_class is None and ready.resolved["plan"]["users"] < processes:
        processes = max(1, ready.resolved["plan"]["users"])
        logger.info("%d users need no more than as many processes.", processes)
    data.can_be_shared(processes)
    return int(processes)


def check(words: list[str]) -> int:
    """`katydid check -f …`: every task once, without load."""

    def go(ready: Ready, environment: Environment) -> int:
        from ._check import check_environment

        ready.session(environment, record=False, progress=False, csv=None)
        return check_environment(environment)

    return _without_load(words, go)


#: How long a probe asks, where --run-time does not say it, in seconds.
PROBE_WITHIN = 90.0


def probe(words: list[str]) -> int:
    """`katydid probe -f …`: what each endpoint asks for, without load."""

    def go(ready: Ready, environment: Environment) -> int:
        require_here(ready.resolved["plan"], environment, final=False)
        options = ready.options
        outputs = {"html": options.html_file, **_reports(ready.own)}
        within = float(options.run_time or PROBE_WITHIN)
        return _probe(ready, environment, outputs, within, run_dir=ready.own.run_dir)[0]

    return _without_load(words, go)


def _without_load(words: list[str], go: Callable[[Ready, Environment], int]) -> int:
    """The exit code of a command that does the tasks of a scenario by itself; what is wrong with the scenario is said."""
    ready = prepared(words)
    if isinstance(ready, int):
        return ready
    try:
        environment = ready.environment(ready.user_classes())
        _require_hosts(environment)
        return go(ready, environment)
    except _core.UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (_scenario.ScenarioError, ValueError) as error:
        logger.error("%s", error)
        return 2


def _reports(own: argparse.Namespace) -> dict[str, Any]:
    """katydid's own outputs, as `finish` takes them."""
    return {
        "summary": own.summary,
        "junit": own.junit,
        "markdown": own.markdown,
    }


def _probe(
    ready: Ready,
    environment: Environment,
    outputs: dict[str, Any],
    within: float,
    **more: Any,
) -> tuple[int, str]:
    """A probe's exit code, and its folder."""
    from ._probe import probe_environment

    session = ready.session(environment, progress=False, csv=None, probed=None, **more)
    reason, went_well = "done", 1
    # As Ctrl-C: what an experiment has built is dropped, and what is known is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        prober = probe_environment(environment, within, ready.own)
        went_well = prober.succeeded
    except KeyboardInterrupt:
        reason = "interrupted"
    environment.stats._flush()
    ended = session.finish({"reason": reason, "script_exit_code": 0, **outputs})
    if not went_well:
        print(
            "error: no request of the probe went well, so nothing is known of any: katydid check shows why",
            file=sys.stderr,
        )
    return (0 if went_well else 1), str(ended["run_dir"])


def _probe_first(ready: Ready, environment: Environment) -> str | None:
    """Probes in a process of its own, so that nothing of it is left in this one; the folder that it is in, or None if it failed."""
    if ready.own.run_dir:
        place = {"run_dir": f"{ready.own.run_dir}-probe"}
    else:
        place = {"name": "-".join(filter(None, (ready.resolved["run_name"], "probe")))}
    logger.info("Probing: one request at a time, then the load.")
    sys.stdout.flush()
    sys.stderr.flush()
    end, its_end = os.pipe()
    pid = gevent.os.fork()
    if pid == 0:
        code = 1
        end_with_parent()
        try:
            ready.resolved["plan"].update(command="probe", search=None, schedule=None)
            code, folder = _probe(ready, environment, {"quiet": True}, PROBE_WITHIN, **place)
            os.write(its_end, folder.encode())
        except Exception as error:
            logger.error("The probe failed: %s", error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(its_end)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(end, "rb") as said:
        folder = said.read().decode()
    if status == 0 and folder:
        logger.info("Probed: katydid report %s", folder)
        return folder
    logger.warning("The probe failed: findings will not know from it what each endpoint asks for.")
    return None


def _require_hosts(environment: Environment) -> None:
    """ScenarioError if a user will have no host. A constructor or a listener of `init` may still
    set one: then it is asked when the first user is made."""
    if environment.host or events.init._handlers:
        return
    for user_class in environment.user_classes:
        made_by_us = user_class.__init__ in (HttpUser.__init__, FastHttpUser.__init__)
        if made_by_us and not user_class.host:
            raise _scenario.ScenarioError(f"{user_class.__name__} has no host. {NO_HOST}")


def _show_ratio(options: argparse.Namespace, user_classes: list[Any]) -> int:
    if options.show_task_ratio_json:
        print_task_ratio_json(user_classes, options.num_users)
        return 0
    for title, total in (("Task ratio per User class", False), ("Total task ratio", True)):
        print(f"\n {title}\n" + "-" * 80)
        print_task_ratio(user_classes, options.num_users, total)
    return 0


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        logger.warning(
            "Only %d files may be open (ulimit -n): more users than that cannot connect.", soft
        )


def _explain_options(environment: Environment, options: argparse.Namespace) -> None:
    shape = environment.shape_class
    if shape is not None and not shape.use_common_options:
        names = {"num_users": "users", "spawn_rate": "spawn-rate", "run_time": "run-time"}
        given = [f"--{flag}" for dest, flag in names.items() if getattr(options, dest, None)]
        if given:
            logger.warning(
                "--run-time, --users or --spawn-rate have no impact on LoadShapes unless the shape class explicitly "
                "reads them."
            )
            logger.warning("The following option(s) will be ignored: %s", ", ".join(given))
    fixed = sum(u.fixed_count for u in environment.user_classes)
    if shape is None and options.num_users and fixed > options.num_users:
        logger.info(
            "Total fixed_count of User classes (%d) is greater than the specified number of users (%d), so not all will "
            "be spawned.",
            fixed,
            options.num_users,
        )


_GC_DEFAULT = gc.get_threshold()


def tune_collector() -> None:
    """For a process whose scenario is loaded and whose load is about to begin."""
    # What is loaded by now stays; the collector need not walk it again and again under load.
    gc.collect()
    gc.freeze()
    # A parsed page is dozens of objects that live until the user's next one: looked at every 700 of them, they cost more to
    # collect than to free. 10,000 are looked at in well under a millisecond. What the script set stays.
    if gc.get_threshold() == _GC_DEFAULT:
        gc.set_threshold(10_000, *_GC_DEFAULT[1:])


class Run:
    """One run, from `init` to `quit`."""

    def __init__(self, ready: Ready, environment: Environment) -> None:
        self.options = ready.options
        self.own = ready.own
        self.environment = environment
        # gevent's record of who spawned whom costs a kilobyte and a microsecond per user, and
        # serves only its debugger.
        if "GEVENT_TRACK_GREENLET_TREE" not in os.environ:
            gevent.config.track_greenlet_tree = False
        self.plan = ready.resolved["plan"]
        self.schedule = self.plan["schedule"]
        self.most_users = self.plan["users"]
        self.session = ready.session(environment, **self._session_options())
        if self.own.max_rate is not None:
            self.session.max_rate(self._share_of_rate(self.own.max_rate))
        self.runner: Any = self._create_runner()
        self.runner.on_time_up = self._time_up
        self.reason = "done"
        self._interrupted = False
        self._closed: int | None = None
        self._jobs_failed = False
        environment.events.job.add_listener(self._on_job)
        self._over = Event()

    def _session_options(self) -> dict[str, Any]:
        return {}

    def _share_of_rate(self, rate: float) -> float:
        return rate

    def _create_runner(self) -> Any:
        return self.environment.create_local_runner()

    def _init(self) -> bool:
        """Fires `init`; false if a listener's greenlet failed."""
        environment = self.environment
        if self.options.equal_weights:
            environment.events.init.add_listener(
                lambda environment, **_: environment.assign_equal_weights()
            )
        environment.events.init.fire(environment=environment, runner=self.runner, web_ui=None)
        return not log.unhandled_greenlet_exception

    def go(self) -> int:
        options = self.options
        if not self._init():
            self._close("done")
            return 1
        try:
            require_here(self.plan, self.environment, final=True)
        except _core.UsageError:
            self.environment.process_exit_code = 2
            self._close("done")
            raise
        gevent.signal_handler(signal.SIGINT, self._stop, "interrupted", "Got CTRL+C")
        gevent.signal_handler(signal.SIGTERM, self._stop, "terminated", "Got SIGTERM signal")
        keys = gevent.spawn(input_listener(self._keys()))
        gevent.spawn(stats.stats_history, self.runner)
        if options.print_stats:
            gevent.spawn(stats.stats_printer(self.environment.stats))
        self._begin()
        gevent.spawn(self._await_runner)
        self._over.wait()
        keys.kill(block=False)
        return self._shut_down()

    def _on_job(self, failure: str | None, **_: Any) -> None:
        self._jobs_failed = self._jobs_failed or failure is not None

    def _begin(self) -> None:
        """Starts the load, and the clock that ends it."""
        options, runner, schedule = self.options, self.runner, self.schedule
        tune_collector()
        if options.num_users is None:
            options.num_users = 1
        if options.spawn_rate is None:
            options.spawn_rate = 1
        if schedule is not None and schedule["model"] == "arrivals":
            if self._searches():
                runner.start_arrivals(schedule, self.most_users, fewest=True)
            else:
                runner.start_arrivals(schedule, self.most_users)
        elif schedule is not None:
            runner.start_schedule(schedule, self.most_users)
        elif self.environment.shape_class is not None:
            runner.start_shape()
        else:
            runner.start(options.num_users, options.spawn_rate)
        if options.run_time:
            logger.info("Run time limit set to %s seconds", options.run_time)
            self.session.time_limit(float(options.run_time))
        elif schedule is None and self.environment.shape_class is None and not options.iterations:
            logger.info("No run time limit set, use CTRL+C to interrupt")

    def _await_runner(self) -> None:
        self.runner.greenlet.join()
        if self.environment.shape_class is not None and self.reason == "done":
            logger.info("Shape test completed, shutting down")
        self._over.set()

    def _time_up(self) -> None:
        if self._over.is_set():
            return
        if self._searches():
            logger.info("The search has ended, shutting down")
            self.reason = "done"
            self._over.set()
            return
        if self.schedule is None:
            logger.info("--run-time limit reached, shutting down")
        else:
            logger.info("The load has come to its end, shutting down")
        self.reason = "run-time"
        self._over.set()

    def _searches(self) -> bool:
        return self.plan.get("search") is not None

    def _stop(self, reason: str, said: str) -> None:
        """A signal. The first ends the run with all it has measured; the second does not wait for
        users."""
        logger.info("%s", said)
        if not self._interrupted:
            self._interrupted = True
            self.reason = reason
            self._over.set()
            return
        logger.warning("Interrupted again: users are not waited for.")
        code = self._close(reason)
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _shut_down(self) -> int:
        environment, runner = self.environment, self.runner
        # As under Locust: a run that ends by itself has stopped its users by the time `quitting` is fired; a signal has not.
        by_itself = self.reason not in ("interrupted", "terminated")
        if by_itself:
            runner.quit()
        environment.events.quitting.fire(environment=environment, reverse=True)
        if not by_itself:
            runner.quit()
        code = self._close(self.reason)
        logger.info("Shutting down (exit code %d)", code)
        environment.events.quit.fire(exit_code=code)
        return code

    def _has_errors(self) -> bool:
        return bool(self.runner.exceptions or self.runner.stopped_by or self._jobs_failed)

    def _close(self, reason: str) -> int:
        """Finishes the record, once; the exit code."""
        if self._closed is None:
            options = self.options
            load = {"u": options.num_users, "r": options.spawn_rate, "t": options.run_time}
            self.environment.stats._flush()
            ended = self.session.finish(
                {
                    "reason": reason,
                    "script_exit_code": self.environment.process_exit_code,
                    "strict": self.own.strict,
                    "exit_code_on_error": options.exit_code_on_error,
                    "unhandled": log.unhandled_greenlet_exception,
                    "has_errors": self._has_errors(),
                    "html": _filled_in(options.html_file, load),
                    "csv": options.csv_prefix,
                    **_reports(self.own),
                    "json": options.json,
                    "json_file": f"{options.json_file}.json" if options.json_file else None,
                    "quiet": bool(options.json_file),
                }
            )
            self._closed = int(ended["exit_code"])
            if self.own.baseline and ended["run_dir"]:
                compared = self._compared(ended["run_dir"])
                self._closed = self._closed or compared
            self._problems: list[str] = ended["problems"]
        return self._closed

    def _compared(self, run_dir: str) -> int:
        """The exit code of the comparison with the baseline, which is printed where the run's own text is."""
        taken = self.options.json or "-" in (self.own.summary, self.own.markdown)
        sys.stdout.flush()
        words = [sys.executable, "-m", "katydid", "compare", run_dir]
        words += ["--strict"] if self.own.strict else []
        return subprocess.run(words, stdout=sys.stderr if taken else None, check=False).returncode

    def _keys(self) -> dict[str, Any]:
        def change(by: int) -> None:
            if self.schedule is not None:
                logging.warning("--load says how many users there are; the keys do not change that")
            elif self.runner.state == "spawning":
                logging.warning("Already changing the number of users, wait for the ramp to end")
            else:
                self.runner.start(max(0, self.runner.user_count + by), 100)

        return {
            "w": lambda: change(1),
            "W": lambda: change(10),
            "s": lambda: change(-1),
            "S": lambda: change(-10),
        }


def _filled_in(name: str | None, load: dict[str, Any]) -> str | None:
    """{u}, {r} and {t} in a file name stand for users, rate and run time in seconds."""
    for key, value in load.items():
        if name:
            number = float(value or 0)
            shown = str(int(number)) if number.is_integer() else str(number)
            name = name.replace("{" + key + "}", shown)
    return name
