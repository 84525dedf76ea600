"""Lets requests through to the page, or not: by host, origin and session."""

import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.view.password import Sessions

COOKIE: Final = "maskgate_session"
PUBLIC: Final = frozenset({"/login", "/view.css", "/icon.svg"})
"""What somebody who has not logged in may see."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Guard:
    """Stands before the page: every request passes here, every answer gets its headers."""

    def __init__(self, app: ASGIApp, names: Iterable[str], sessions: Sessions | None) -> None:
        """Set the rules.

        Args:
            app: the page.
            names: host names that it is reached by, besides localhost and the device's own.
            sessions: those who have logged in; None where nobody needs to.
        """
        self._app = app
        own = socket.gethostname()
        self._names = {name.lower() for name in ("localhost", own, f"{own}.local", *names)}
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is not let through; hand on every other."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if scope["type"] != "http":
            return
        answer = self._refusal(Request(scope)) or self._app
        await answer(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if not self._is_known(host):
            return PlainTextResponse(
                "This page is not known by that name. Use the device's IP address, or add the name "
                "to names in [view].\n",
                421,
            )
        if request.method not in {"GET", "HEAD"}:
            origin = request.headers.get("origin", "")
            if _netloc(origin) != host.lower():
                return PlainTextResponse("This request comes from another page.\n", 403)
        if self._sessions is None or request.url.path in PUBLIC:
            return None
        if self._sessions.knows(request.cookies.get(COOKIE, "")):
            return None
        if request.url.path == "/":
            return RedirectResponse("/login", 303)
        return PlainTextResponse("Log in first.\n", 401)

    def _is_known(self, host: str) -> bool:
        """Tell whether a Host header names this device.

        A page elsewhere can have its own name point here (DNS rebinding), and would then pass for
        this one. It cannot do so with an IP address.
        """
        name = _host(host)
        if name is None:
            return False
        try:
            ip_address(name)
        except ValueError:
            return name.rstrip(".") in self._names
        return True


def _host(host: str) -> str | None:
    """The name in a Host header, in small letters; None if it holds none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _netloc(origin: str) -> str:
    """Host and port of an Origin header, in small letters; empty if it holds none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
