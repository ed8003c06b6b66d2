"""Password hashes. Knows nothing of users.

The number of rounds is far below what a real service needs (OWASP asks for 600,000 of this
function; that is 0.2 s of CPU). In a load test every virtual user logs in within a few seconds, so
honest hashing would make the first phase of every run a test of SHA-256 and hide the service. At
1,000 rounds a check costs about as much as any other request.
"""

import hashlib
import hmac

ROUNDS = 1_000


def hash_password(password: str, salt: str) -> str:
    """The text to store: rounds, salt and digest."""
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), ROUNDS)
    return f"{ROUNDS}${salt}${digest.hex()}"


def check_password(password: str, stored: str) -> bool:
    """Whether `password` is the one that `stored` was made from."""
    rounds, salt, digest = stored.split("$")
    found = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), int(rounds))
    return hmac.compare_digest(found.hex(), digest)
