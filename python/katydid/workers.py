"""What a master knows of its workers. Numbers and states only; the wire is not built yet."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, MutableMapping

STATE_INIT = "ready"
STATE_SPAWNING = "spawning"
STATE_RUNNING = "running"
STATE_MISSING = "missing"

HEARTBEAT_LIVENESS = 3


class WorkerNode:
    """What is known of a worker."""

    def __init__(
        self, id: str, state: str = STATE_INIT, heartbeat_liveness: int = HEARTBEAT_LIVENESS
    ) -> None:
        self.id = id
        self.state = state
        self.heartbeat = heartbeat_liveness
        self.cpu_usage = 0
        self.cpu_warning_emitted = False
        self.memory_usage = 0
        self.user_classes_count: dict[str, int] = {}

    @property
    def user_count(self) -> int:
        return sum(self.user_classes_count.values())


class WorkerNodes(MutableMapping[str, WorkerNode]):
    """Workers by id, and by state."""

    def __init__(self) -> None:
        self._worker_nodes: dict[str, WorkerNode] = {}

    def get_by_state(self, state: str) -> list[WorkerNode]:
        return [node for node in self.values() if node.state == state]

    @property
    def all(self) -> list[WorkerNode]:
        return list(self.values())

    ready = property(lambda self: self.get_by_state(STATE_INIT))
    spawning = property(lambda self: self.get_by_state(STATE_SPAWNING))
    running = property(lambda self: self.get_by_state(STATE_RUNNING))
    missing = property(lambda self: self.get_by_state(STATE_MISSING))

    def __getitem__(self, key: str) -> WorkerNode:
        return self._worker_nodes[key]

    def __setitem__(self, key: str, node: WorkerNode) -> None:
        self._worker_nodes[key] = node

    def __delitem__(self, key: str) -> None:
        del self._worker_nodes[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._worker_nodes)

    def __len__(self) -> int:
        return len(self._worker_nodes)

    def items(self) -> ItemsView[str, WorkerNode]:
        return self._worker_nodes.items()
