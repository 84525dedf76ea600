"""The page, put together: what may be asked for, and by whom."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from edge.view.guard import Guard
from edge.view.live import Live
from edge.view.login import login_routes
from edge.view.password import Sessions
from edge.view.watching import watching_routes

PAGE: Final = Path(__file__).parent / "page"
_FILES: Final = {
    "/": ("index.html", "text/html"),
    "/view.css": ("view.css", "text/css"),
    "/view.js": ("view.js", "text/javascript"),
    "/overlay.js": ("overlay.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Addresses, and the files of PAGE behind them."""


def make_app(
    live: Live, sessions: Sessions | None, names: Iterable[str] = (), *, tls: bool = False
) -> ASGIApp:
    """Put the page together.

    Args:
        live: what it shows.
        sessions: who has logged in; None where nobody needs to.
        names: host names that it is reached by, besides localhost and the device's own.
        tls: whether it is served by https.
    """
    routes = [_file(path, name, kind) for path, (name, kind) in _FILES.items()]
    routes += watching_routes(live)
    if sessions is not None:
        routes += login_routes(sessions, (PAGE / "login.html").read_text("utf-8"), tls=tls)
    return Guard(Starlette(routes=routes), names, sessions)


def _file(path: str, name: str, kind: str) -> Route:
    content = (PAGE / name).read_bytes()

    async def send(_request: Request) -> Response:
        return Response(content, media_type=kind)

    return Route(path, send)
