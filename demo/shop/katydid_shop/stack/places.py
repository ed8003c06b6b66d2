"""Where the stack keeps its files, and who holds which of them.

    <base>/seed-<fingerprint>-<day>/   a seeded database, shut down; copied for each stack
    <base>/stacks/<name>/              one running stack: lock, state.json, pgdata/, valkey/, *.log
    <base>/postgres/                   PostgreSQL, if its user cannot reach the installed one

Knows paths, locks and owners; does not know what runs in them. A stack is alive as long as its lock
is held, and the kernel lets go of a lock when its holder dies, however it dies.
"""

import fcntl
import os
import pwd
import shutil
from pathlib import Path
from typing import IO


def base() -> Path:
    """The directory for everything; made if it is missing. `KATYDID_DEMO_DIR` overrides the
    choice.
    """
    if chosen := os.environ.get("KATYDID_DEMO_DIR"):
        found = Path(chosen).absolute()
    elif os.geteuid() == 0:
        # Not below /root: PostgreSQL runs as another user, who has to get there.
        found = Path("/var/cache/katydid/demo")
    else:
        found = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "katydid/demo"
    found.mkdir(parents=True, exist_ok=True)
    return found


def stack_dir(name: str) -> Path:
    """The directory of the stack called `name`; not made here."""
    return base() / "stacks" / name


def postgres_owner() -> tuple[int, int] | None:
    """User and group that PostgreSQL has to run as, or None for our own: it refuses to run as
    root.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid


def give(path: Path, owner: tuple[int, int] | None) -> None:
    """Makes `path`, private, for `owner`."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if owner is not None:
        os.chown(path, *owner)


def hold(path: Path, wait: bool) -> IO[bytes] | None:
    """Takes the lock file `path` until the returned file is closed; None if it is taken and we do
    not wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        file.close()
        return None
    return file


def reachable(program: Path, owner: tuple[int, int]) -> bool:
    """Whether `owner`, who is nobody special, may walk to `program` and read it."""
    for path in (program, *program.parents):
        mode = path.stat()
        mine = 0o500 if mode.st_uid == owner[0] else 0o005
        if mode.st_mode & mine & 0o111 == 0:
            return False
    return True


def copy_tree(source: Path, target: Path, owner: tuple[int, int] | None) -> None:
    """Copies a directory with its modes, for `owner`."""
    shutil.copytree(source, target, symlinks=True)
    if owner is not None:
        for folder, _, files in os.walk(target):
            os.chown(folder, *owner)
            for file in files:
                os.chown(os.path.join(folder, file), *owner, follow_symlinks=False)
