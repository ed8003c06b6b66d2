"""`POST /login`: a session for an e-mail address and a password."""

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel
from sqlalchemy import select

from katydid_shop.auth import COOKIE
from katydid_shop.cache import Login, open_session
from katydid_shop.db import DbSession
from katydid_shop.models import User
from katydid_shop.passwords import check_password
from katydid_shop.settings import settings

router = APIRouter()


class Credentials(BaseModel):
    email: str
    password: str


@router.post("/login")
def login(credentials: Credentials, response: Response, db: DbSession) -> dict[str, str | int]:
    user = db.scalars(select(User).where(User.email == credentials.email)).one_or_none()
    if user is None or not check_password(credentials.password, user.password_hash):
        raise HTTPException(401, "unknown e-mail address or wrong password")
    token = open_session(Login(user_id=user.id, tenant_id=user.tenant_id))
    response.set_cookie(
        COOKIE, token, max_age=settings().session_ttl, httponly=True, samesite="lax"
    )
    return {"token": token, "tenant_id": user.tenant_id, "name": user.name}
