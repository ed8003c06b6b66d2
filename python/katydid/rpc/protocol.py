"""The message that custom listeners (`runner.register_message`) receive."""

from __future__ import annotations

from typing import Any


class Message:
    """`type`, `data` and the id of the node that sent it."""

    def __init__(self, message_type: str, data: Any, node_id: str | None) -> None:
        self.type = message_type
        self.data = data
        self.node_id = node_id

    def __repr__(self) -> str:
        return f"<Message {self.type}:{self.node_id}>"
