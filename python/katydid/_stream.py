"""The body of a streamed response, as it arrives. The engine reads a bounded bit ahead and then waits for the reader."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from gevent import getcurrent
from requests.exceptions import ChunkedEncodingError

from ._core import Client
from ._core import Response as Native


class Stream:
    """The body of a streamed response, as requests reads it: `stream(amt)` and `read(amt)`. The engine reads a bounded bit ahead."""

    def __init__(self, client: Client, token: int, switch: Callable[[], Any]) -> None:
        self._client, self._token, self._switch = client, token, switch
        self._left = b""
        self.closed = False

    def _piece(self) -> bytes:
        if self.closed or not self._client.read(self._token, getcurrent()):
            self.closed = True
            return b""
        try:
            piece = self._switch()
        except BaseException:
            self.close()
            raise
        if isinstance(piece, bytes):
            return piece
        self.closed = True
        if isinstance(piece, Native):
            raise ChunkedEncodingError((piece.problem or ("", "the body ended early", None))[1])
        return b""

    def stream(
        self, amt: int = 2**16, decode_content: bool | None = None
    ) -> Generator[bytes, None, None]:
        while data := self.read(amt):
            yield data

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        while not self.closed and (amt is None or len(self._left) < amt):
            piece = self._piece()
            self._left += piece
            if piece and amt is not None and len(self._left) >= amt:
                break
        if amt is None:
            taken, self._left = self._left, b""
        else:
            taken, self._left = self._left[:amt], self._left[amt:]
        return taken

    def __del__(self) -> None:
        # Nobody will read it: its connection and what was read ahead are freed.
        self.close()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._client.cancel(self._token)

    def release_conn(self) -> None:
        self.close()
