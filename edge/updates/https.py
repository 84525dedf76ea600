"""Asks a server by HTTPS, and nothing but HTTPS, whatever it redirects to."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import SplitResult, urljoin

from edge import __version__
from edge.errors import MaskGateError
from edge.updates.https_url import parse_https, shown

WAIT = 20.0
"""Seconds that a server may be silent."""
REDIRECTS = 5
_CHUNK = 65_536
_MOVED = {301, 302, 303, 307, 308}


class BrokenOffError(Exception):
    """A connection that failed or broke off; another attempt may do better."""


class Deadline:
    """Ends what a connection is waiting for when the time is up.

    Time-outs of single waits are not enough: a server may send a byte now and then, for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._break_off)
        self._timer.daemon = True

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._end

    def watch(self, connected: socket.socket) -> None:
        """End this connection, and no longer the one before it, when the time is up."""
        self._socket = connected
        if self.passed:
            self._break_off()

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()

    def __str__(self) -> str:
        return f"not done within {self._seconds:g} s"

    def _break_off(self) -> None:
        connected = self._socket
        if connected is not None:
            with suppress(OSError):
                # Not the TLS layer's own, which would pull it from under the thread that reads.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


class Answer:
    """What a server answers."""

    def __init__(
        self, url: SplitResult, connection: "_Connection", response: http.client.HTTPResponse
    ) -> None:
        self.url = url
        """Where it came from, after all redirects."""
        self.status = response.status
        self.length = response.length
        """Bytes that follow; None where the server does not say."""
        self._connection, self._response = connection, response

    def header(self, name: str) -> str | None:
        """A header's value; None where it is not there."""
        return self._response.getheader(name)

    def chunks(self) -> Iterator[bytes]:
        """What follows, bit by bit.

        Raises:
            BrokenOffError: the connection failed; where it just ends, it may be before the end.
        """
        while True:
            with _translated(self.url, self._connection.deadline):
                chunk = self._response.read1(_CHUNK)
            if not chunk:
                if self._connection.deadline.passed:  # Which is why it ended.
                    raise BrokenOffError(str(self._connection.deadline))
                return
            yield chunk

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def require_https(text: str) -> SplitResult:
    """Read a URL.

    Raises:
        MaskGateError: see parse_https.
    """
    try:
        return parse_https(text)
    except ValueError as error:
        raise MaskGateError(f"download: {error}") from error


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Whom to trust: the CAs of a file, or the system's.

    Raises:
        MaskGateError: the file cannot be read, or holds no certificates.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise MaskGateError(
            f"updates.ca_file {ca_file}: expected CA certificates (PEM), found none that can be "
            f"read ({error.strerror or error})"
        ) from error


def ask(
    url: SplitResult, headers: dict[str, str], context: ssl.SSLContext, deadline: Deadline
) -> Answer:
    """Ask for what is at a URL, and follow redirects.

    Raises:
        BrokenOffError: the server cannot be reached, or breaks off.
        MaskGateError: its certificate is not trusted, or it redirects to something else than HTTPS,
            or without end.
    """
    first = url
    headers = {"User-Agent": f"maskgate/{__version__}", "Accept-Encoding": "identity", **headers}
    for _ in range(REDIRECTS + 1):
        connection = _Connection(url, context, deadline)
        try:
            with _translated(url, deadline):
                path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
                connection.request("GET", path, headers=headers)
                response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        if response.status not in _MOVED:
            return Answer(url, connection, response)
        connection.close()
        target = urljoin(url.geturl(), response.getheader("Location", ""))
        url = require_https(target)
    raise MaskGateError(f"download {shown(first)}: redirected more than {REDIRECTS} times")


class _Connection(http.client.HTTPConnection):
    """A connection whose TLS handshake, too, ends at the deadline."""

    default_port = 443

    def __init__(self, url: SplitResult, context: ssl.SSLContext, deadline: Deadline) -> None:
        super().__init__(url.hostname or "", url.port or self.default_port, timeout=WAIT)
        self.deadline = deadline
        self._context = context

    def connect(self) -> None:
        super().connect()
        self.sock = self._context.wrap_socket(
            self.sock, server_hostname=self.host, do_handshake_on_connect=False
        )
        self.deadline.watch(self.sock)
        self.sock.do_handshake()


@contextmanager
def _translated(url: SplitResult, deadline: Deadline) -> Iterator[None]:
    """Say in our words what goes wrong in the network."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise MaskGateError(
            f"download {shown(url)}: its certificate is not trusted ({error.verify_message}); set "
            "updates.ca_file if it has a CA of its own, and see that the clock is right"
        ) from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BrokenOffError(
            str(deadline) if deadline.passed else " ".join(reason.split())
        ) from error
