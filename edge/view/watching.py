"""What the page asks for while somebody looks: the state, and picture after picture."""

import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge.view.live import Live
from edge.view.viewers import MOST, Viewers

_PATIENCE: Final = 5.0
"""Seconds that a request waits for a picture."""
_VIEWER: Final = re.compile(r"[0-9a-z]{8,32}")
"""What a page calls itself."""
_NUMBER: Final = re.compile(r"[0-9]{1,15}")


def watching_routes(live: Live) -> list[Route]:
    """Addresses of the state and of each camera's pictures."""
    viewers = Viewers()

    async def state(_request: Request) -> Response:
        return JSONResponse(live.state())

    # Not async: it waits for the camera, on a thread of its own.
    def picture(request: Request) -> Response:
        screen = live.screens.get(request.path_params["camera"])
        if screen is None:
            raise HTTPException(404, f"no such camera; there are {', '.join(live.screens)}")
        viewer = _given(request, "viewer", _VIEWER, "8 to 32 small letters and digits")
        after = _given(request, "after", _NUMBER, "a number")
        if not viewers.admit(viewer):
            raise HTTPException(503, f"{MOST} look already", {"Retry-After": "5"})
        found = screen.picture(int(after), _PATIENCE)
        if found is None:
            return Response(status_code=204)
        return Response(found.message, media_type="application/octet-stream")

    return [Route("/state", state), Route("/picture/{camera}", picture)]


def _given(request: Request, name: str, form: re.Pattern[str], expected: str) -> str:
    given = request.query_params.get(name, "")
    if not form.fullmatch(given):
        raise HTTPException(400, f"{name}: expected {expected}")
    return given
