"""Logging in and out."""

import asyncio
import html
import math
from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge.view.guard import COOKIE
from edge.view.password import SESSION, Brake, Sessions

_LONGEST_FORM: Final = 4096
"""Bytes."""
_FORM_LIMIT: Final = 10.0
"""Seconds that a form may take to arrive."""


def login_routes(sessions: Sessions, page: str, *, tls: bool) -> list[Route]:
    """Addresses of the form, and of what it and the button to log out lead to.

    Args:
        sessions: who has logged in.
        page: the form, with {message} where a refusal goes.
        tls: whether the page is served by https.
    """
    brake = Brake()

    def form(message: str = "", status: int = 200, **headers: str) -> Response:
        return HTMLResponse(page.replace("{message}", html.escape(message)), status, headers)

    async def show(_request: Request) -> Response:
        return form()

    async def log_in(request: Request) -> Response:
        address = request.client.host if request.client else ""
        password = await _password(request)
        # From here on nothing is awaited: many at once get no more tries than one after the other.
        pause = math.ceil(brake.pause(address))
        if pause:
            wait = f"Too many wrong passwords. Try again in {pause} s."
            return form(wait, 429, **{"Retry-After": str(pause)})
        token = sessions.open(password)
        if token is None:
            brake.wrong(address)
            return form("That is not the password.", 403)
        brake.right(address)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE, token, max_age=int(SESSION), httponly=True, samesite="strict", secure=tls
        )
        return answer

    async def log_out(request: Request) -> Response:
        sessions.close(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=tls)
        return answer

    return [
        Route("/login", show),
        Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
    ]


async def _password(request: Request) -> str:
    try:
        body = await asyncio.wait_for(_body(request), _FORM_LIMIT)
    except (asyncio.TimeoutError, ClientDisconnect):
        raise HTTPException(408, "the form did not arrive") from None
    try:
        fields = parse_qs(body.decode(errors="replace"), max_num_fields=10)
    except ValueError:
        return ""
    return fields.get("password", [""])[0]


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            raise HTTPException(413, "that is longer than any password")
    return body
