"""Serves the live view, on a thread of its own."""

import asyncio
import logging
import socket
import threading
from ipaddress import ip_address
from typing import Final

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.config import Settings, View
from edge.errors import MaskGateError
from edge.view.app import make_app
from edge.view.live import Live
from edge.view.password import Sessions
from edge.view.secrets import check_certificate, read_password

_REQUEST_LIMIT: Final = 15.0
"""Seconds in which a connection has to ask for something."""
_MOST_CONNECTIONS: Final = 64
"""And so requests answered at once."""
_STOP_LIMIT: Final = 3.0
"""Seconds that stopping may take."""
log = logging.getLogger(__name__)


class LiveView:
    """The page, while it is served."""

    def __init__(self, settings: Settings, live: Live) -> None:
        """Take the port, so that whoever has it already is told of at once.

        Raises:
            MaskGateError: the address or the port cannot be had, or a file of [view] is not fit.
        """
        view = settings.view
        password = read_password(view)
        check_certificate(view)
        tls = view.cert_file is not None
        app = make_app(live, Sessions(password) if password else None, view.names, tls=tls)
        self._live = live
        self._socket = _listen(view)
        self._server = Server(_config(app, view))
        self._thread = threading.Thread(target=self._serve, name="live view", daemon=True)
        if not view.loopback and not tls:
            log.warning(
                "the live view is served without TLS: whoever is on the network can read along; "
                "set view.cert_file and view.key_file"
            )
        self.url = _url(view, self._socket.getsockname()[1], tls=tls)
        """Where the page is."""

    def __enter__(self) -> "LiveView":
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._live.close()
        self._thread.join(_STOP_LIMIT)
        self._socket.close()

    def _serve(self) -> None:
        # Whatever happens to the page, the device watches on.
        try:
            asyncio.run(self._server.serve([self._socket]))
        except Exception:
            log.exception("the live view has failed; the device watches on without it")


class _Impatient(H11Protocol):
    """A connection that is closed if it asks for nothing, or too slowly; uvicorn would wait."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._limit = self.loop.call_later(_REQUEST_LIMIT, self._give_up)
        self.begun = self.loop.time()
        # Those that were ended a moment ago are still among them.
        alive = [one for one in self.connections if isinstance(one, _Impatient) and one.alive]
        if len(alive) > _MOST_CONNECTIONS:
            # Who holds connections and asks for nothing must not lock out who does.
            idle = [one for one in alive if one is not self and one.idle]
            min(idle, key=lambda one: one.begun, default=self).transport.abort()

    @property
    def alive(self) -> bool:
        """Whether nobody has ended it yet."""
        return not self.transport.is_closing()

    @property
    def idle(self) -> bool:
        """Whether it waits for nothing that we owe."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def on_response_complete(self) -> None:
        self._limit.cancel()
        self._limit = self.loop.call_later(_REQUEST_LIMIT, self._give_up)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.idle:
            self.transport.close()


def _config(app: ASGIApp, view: View) -> Config:
    return Config(
        app,
        http=_Impatient,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        # Anybody could claim to be somebody else.
        proxy_headers=False,
        server_header=False,
        backlog=_MOST_CONNECTIONS,
        timeout_keep_alive=int(_REQUEST_LIMIT),
        timeout_graceful_shutdown=1,
        ssl_certfile=view.cert_file,
        ssl_keyfile=view.key_file,
    )


def _listen(view: View) -> socket.socket:
    family = socket.AF_INET6 if ip_address(view.address).version == 6 else socket.AF_INET
    try:
        return socket.create_server((view.address, view.port), family=family)
    except OSError as error:
        raise MaskGateError(
            f"view.address {view.address}, view.port {view.port}: {error.strerror}; set another"
        ) from error


def _url(view: View, port: int, *, tls: bool) -> str:
    address = ip_address(view.address)
    if address.is_unspecified:
        host = socket.gethostname()
    else:
        host = f"[{address}]" if address.version == 6 else str(address)
    return f"{'https' if tls else 'http'}://{host}:{port}"
