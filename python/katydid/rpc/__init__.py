"""Messages between the parts of a run. In one process only `Message` is needed; the wire itself is
not built yet."""

from .protocol import Message

__all__ = ("Message",)
