"""The runs, and what is expected of each: that it keeps up, or that it cannot.

Expected is what holds by construction, not by katydid's own numbers. A healthy case needs a small part of what it has. A
starved one needs more processor time than it gets, or is held up for longer than its users wait.
"""

from dataclasses import dataclass, field

from validity.squeeze import FREE, Squeeze, burners, pinned, quota, stops


@dataclass(frozen=True)
class Case:
    """One run. Waits are written `constant 0.1`, `between 0.1 0.3`, `pacing 0.1`, `none`.

    `attack` is `katydid attack` without waits, `attack 500` the same at this rate.
    """

    users: int
    wait: str
    path: str = "/"
    burn_ms: float = 0  # processor time that a task uses after its request
    block_ms: float = 0  # for which a task holds up the event loop without using the processor
    hogs: int = 0  # threads of Python in the scenario that never rest
    squeeze: Squeeze = field(default=FREE)
    target: tuple[str, ...] = ()

    @property
    def attack(self) -> bool:
        """Whether there is no scenario."""
        return self.wait.startswith("attack")

    @property
    def rate(self) -> str:
        """Requests per second of an attack; empty for as many as there can be."""
        return self.wait.removeprefix("attack").strip()

    def says(self) -> str:
        """The case in words."""
        parts = [f"{self.users} users", f"wait {self.wait}", self.path]
        if self.attack:
            parts = [f"attack, {self.users} connections", self.path]
            parts += [f"{self.rate}/s"] if self.rate else []
        parts += [f"tasks burn {self.burn_ms:g} ms"] if self.burn_ms else []
        parts += [f"tasks block {self.block_ms:g} ms"] if self.block_ms else []
        parts += [f"{self.hogs} busy threads beside"] if self.hogs else []
        parts += [self.squeeze.says] if self.squeeze.says else []
        parts += ["target frozen for 1 s"] if self.target else []
        return ", ".join(parts)


_FROZEN = ("--freeze-at", "4s", "--freeze-for", "1s")

HEALTHY = (
    Case(1, "constant 0.1"),
    Case(10, "constant 0.1"),
    Case(50, "between 0.05 0.15"),
    Case(200, "constant 0.5"),
    Case(500, "constant 1"),
    Case(1000, "constant 1"),
    Case(1000, "between 0.25 0.75"),
    Case(10, "pacing 0.1", "/delay?ms=20"),
    Case(100, "pacing 0.1", "/delay?ms=20"),
    Case(100, "pacing 0.5", "/delay?ms=100"),
    Case(20, "constant 0.2", "/delay?ms=5"),
    Case(50, "constant 0.1", "/dist?name=lognormal"),
    Case(200, "constant 1", "/delay?ms=500"),
    Case(20, "pacing 0.1", "/delay?ms=250"),
    Case(10, "none"),
    Case(100, "none"),
    Case(10, "none", "/delay?ms=20"),
    Case(100, "none", "/delay?ms=20"),
    Case(50, "constant 0.2", burn_ms=0.2),
    Case(100, "constant 0.2", burn_ms=0.1),
    Case(10, "constant 0.5", "/bytes?n=100000"),
    Case(50, "constant 0.2", "/shop/dashboard"),
    Case(50, "constant 0.2", "/error?share=0.5"),
    Case(50, "constant 0.2", squeeze=pinned()),
    Case(10, "constant 0.5", squeeze=quota(0.5)),
    Case(50, "pacing 0.2", target=_FROZEN),
    Case(20, "none", "/delay?ms=20", target=_FROZEN),
    Case(100, "attack"),
    Case(1000, "attack", "/delay?ms=100"),
    Case(100, "attack 500", "/delay?ms=20"),
    Case(20, "attack 200", target=_FROZEN),
)

STARVED = (
    Case(200, "constant 0.2", burn_ms=5),
    Case(200, "constant 0.1", burn_ms=2),
    Case(1000, "constant 0.5", burn_ms=1),
    Case(10, "constant 0.05", burn_ms=20),
    Case(20, "constant 0.5", "/delay?ms=20", burn_ms=50),
    Case(50, "pacing 0.2", "/delay?ms=20", burn_ms=10),
    Case(10, "constant 0.2", block_ms=50),
    Case(20, "constant 0.3", "/delay?ms=20", block_ms=20),
    Case(50, "pacing 0.5", block_ms=30),
    Case(100, "constant 0.1", hogs=2),
    Case(100, "constant 0.1", "/delay?ms=20", hogs=4),
    Case(1000, "constant 0.2", squeeze=burners(8)),
    Case(100, "constant 0.05", squeeze=burners(12)),
    Case(200, "constant 0.2", "/delay?ms=20", squeeze=burners(16)),
    Case(100, "none", squeeze=burners(12)),
    Case(1000, "constant 0.2", squeeze=quota(0.05)),
    Case(500, "constant 0.2", "/delay?ms=20", squeeze=quota(0.03)),
    Case(100, "none", squeeze=quota(0.2)),
    Case(200, "pacing 0.1", squeeze=quota(0.03)),
    Case(100, "constant 0.1", squeeze=stops(50, 100)),
    Case(100, "constant 0.1", "/delay?ms=20", squeeze=stops(20, 100)),
    Case(100, "pacing 0.1", squeeze=stops(200, 500)),
    Case(50, "pacing 0.1", "/delay?ms=20", squeeze=stops(1000, 2500)),
    Case(20, "none", "/delay?ms=20", squeeze=stops(50, 200)),
    Case(20, "attack", "/delay?ms=20", squeeze=stops(20, 100)),
    Case(100, "attack 500", "/delay?ms=20", squeeze=stops(20, 100)),
    Case(100, "attack", squeeze=burners(12)),
)
