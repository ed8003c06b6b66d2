"""Another machine through ssh: a real sshd on loopback, so that what is seen there can be compared with what is seen here."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from looking import looking

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(SSHD is None, reason="no sshd: scripts/test-packages")


class Sshd:
    """A server with keys of its own."""

    def __init__(self, folder: Path) -> None:
        assert SSHD is not None
        self.folder = folder
        for name in ("host", "user"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
            )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "authorized").write_text((folder / "user.pub").read_text())
        key = " ".join((folder / "host.pub").read_text().split()[:2])
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} {key}\n")
        config = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {folder}/host",
            f"AuthorizedKeysFile {folder}/authorized",
            f"PidFile {folder}/pid",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "StrictModes no",
            "UsePAM no",
        ]
        (folder / "sshd_config").write_text("\n".join(config) + "\n")
        self.env = self.using(folder / "known", folder / "user")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        assert "listening" in self.process.stderr.readline()

    def using(self, known: Path, key: Path) -> dict[str, str]:
        """The environment of a client that knows these hosts and has this key."""
        path = self.folder / f"{known.name}-{key.name}-config"
        path.write_text(
            f"UserKnownHostsFile {known}\nGlobalKnownHostsFile /dev/null\nIdentityFile {key}\n"
            "IdentitiesOnly yes\nIdentityAgent none\nStrictHostKeyChecking yes\n"
        )
        return {**os.environ, "KATYDID_SSH_CONFIG": str(path)}

    def address(self, query: str = "") -> str:
        """As katydid takes it."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}/{query}"

    def stop(self) -> None:
        """Ends it, and the connections that it has."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in children.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 15)
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """One that runs."""
    server = Sshd(tmp_path)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
        assert server.process.stderr is not None
        server.process.stderr.close()


def test_the_same_is_seen_there_as_here(sshd: Sshd) -> None:
    address = sshd.address(f"?port={sshd.port}")
    with looking(address, "host", env=sshd.env) as look:
        look.until(lambda look: len(look.series("process.cpu.all")) >= 3)
        look.until(lambda look: len(look.series("cpu.user")) >= 6)
    assert len(set(look.series("memory.total"))) == 1
    assert len(look.series("memory.total")) >= 6
    assert look.last("process.cpu", pid=str(sshd.process.pid)) is not None
    assert (look.last("process.files") or 0) > 3
    titles = [watched["title"] for watched in look.watched() if "sshd" in watched["title"]]
    assert f"sshd, port {sshd.port}" in titles[0]


def test_what_ends_is_lost(sshd: Sshd) -> None:
    with looking(sshd.address(), env=sshd.env) as look:
        look.until(lambda look: len(look.series("cpu.user")) >= 2)
        sshd.stop()
        lost = look.until(lambda look: look.marks("lost"))
    assert "ssh connection" in lost[0]["why"]


def test_a_host_key_that_is_not_known(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "none").touch()
    env = sshd.using(tmp_path / "none", tmp_path / "user")
    with looking(sshd.address(), env=env) as look:
        lost = look.until(lambda look: look.marks("lost"))
    assert "host key of" in lost[0]["why"] and "is not known" in lost[0]["why"]


def test_a_login_that_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True
    )
    env = sshd.using(tmp_path / "known", tmp_path / "other")
    with looking(sshd.address(), env=env) as look:
        lost = look.until(lambda look: look.marks("lost"))
    assert "refuses the login" in lost[0]["why"]


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with looking(f"ssh://127.0.0.1:{free.getsockname()[1]}") as look:
            lost = look.until(lambda look: look.marks("lost"))
    assert "no ssh connection to 127.0.0.1" in lost[0]["why"]
