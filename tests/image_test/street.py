"""A network camera over the demo's entrance: a machine that has no camera looks through it."""

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

from edge.demo.source import RATE, Demo

SLOWNESS = 3.0
"""How many times slower people walk than in the demo: an emulated processor sees few frames."""
SHOWN = 5
"""Of so many frames of the demo one is sent."""


class _Street(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        demo = Demo()
        # Whoever looks has gone: the machine was switched off.
        with contextlib.suppress(OSError):
            while not self.server.closed.is_set():  # type: ignore[attr-defined]
                self._show(demo)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is said of who looks."""

    def _show(self, demo: Demo) -> None:
        begun = time.monotonic()
        for _ in range(SHOWN):
            frame = demo.read()
        assert frame is not None
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        self.wfile.write(head.encode() + jpeg + b"\r\n")
        time.sleep(max(0.0, SHOWN * SLOWNESS / RATE - (time.monotonic() - begun)))


@contextlib.contextmanager
def street() -> Iterator[int]:
    """Show the entrance to whoever asks, each from the beginning; the port on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Street) as server:
        server.daemon_threads = True
        server.closed = threading.Event()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.closed.set()  # type: ignore[attr-defined]
        server.shutdown()
