"""A partner's service, for faults that wait for one: `python -m katydid_shop.partner PORT`, and the calls of it.

Answers `/credit` after a quarter of a second, `/mail` after a little longer and `/rates` after a
moment, as services do that are somebody else's.
"""

import json
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from katydid_shop.settings import settings
from katydid_shop.tracing import calling

ANSWERS: dict[str, tuple[float, dict[str, Any]]] = {
    "/credit": (0.25, {"granted": True}),
    "/mail": (0.3, {"sent": True}),
    "/rates": (0.03, {"EUR": 1.0, "USD": 1.08, "CHF": 0.96}),
}
"""By path: after how many seconds, and what."""


def ask(path: str) -> dict[str, Any]:
    """What the partner says; waits for it."""
    url = f"{settings().partner_url}{path}"
    with calling("GET", url), urllib.request.urlopen(url, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


class Partner(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        seconds, answer = ANSWERS.get(self.path, (0.0, {}))
        time.sleep(seconds)
        body = json.dumps(answer).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """It has nothing to say."""


def main() -> None:
    """Serves until SIGTERM."""
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Partner).serve_forever()


if __name__ == "__main__":
    main()
