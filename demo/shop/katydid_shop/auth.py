"""Who is asking: the login behind a request's session cookie, or 401.

Knows the cookie's name; does not know how a login is checked (see `routes/login.py`) or kept (see
`cache.py`).
"""

from typing import Annotated

from fastapi import Cookie, Depends, HTTPException

from katydid_shop.cache import Login, find_session

COOKIE = "shop_session"


def current_login(shop_session: Annotated[str | None, Cookie()] = None) -> Login:
    """The login of this request."""
    login = find_session(shop_session) if shop_session else None
    if login is None:
        raise HTTPException(401, "log in first")
    return login


CurrentLogin = Annotated[Login, Depends(current_login)]
