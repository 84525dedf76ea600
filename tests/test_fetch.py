"""Downloads over real HTTPS, from servers good and bad."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge.config import Settings
from edge.errors import MaskGateError
from edge.updates import fetch as fetching
from edge.updates.current import updates_folder
from edge.updates.fetch import Wanted, fetch
from edge.updates.partial import Partial
from edge.updates.update import update
from tests.bundles import new_key
from tests.updating import newer, runs, signed_device

CONTENT = bytes(range(256)) * 1200
LIMIT = 400_000
Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's next reply says, and with the file when there is none left."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        reply = self.server.replies.pop(0) if self.server.replies else the_file()
        with suppress(OSError):
            reply(self)
        self.close_connection = True

    def head(self, status: int, length: int | None = None, **headers: object) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certificates: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.content = CONTENT
        self.replies: list[Reply] = []
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"https://127.0.0.1:{self.server_address[1]}/compact.zip"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_words: Any) -> None:
        """A client that goes away is no matter."""


def the_file(
    *, etag: str | None = '"one"', ranges: bool = True, until: int | None = None, **more: object
) -> Reply:
    """The file, or the part of it that is asked for; broken off after so many bytes."""

    def reply(handler: Handler) -> None:
        headers = {**({"ETag": etag} if etag else {}), **more}
        asked = handler.headers.get("Range")
        start, content = 0, handler.server.content
        if asked and ranges and handler.headers.get("If-Range") == etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                handler.head(416, 0)
                return
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.head(206 if start else 200, len(content) - start, **headers)
        handler.wfile.write(content[start:until])

    return reply


def status(code: int, **headers: object) -> Reply:
    return lambda handler: handler.head(code, 0, **headers)


def drip(pause: float, head: bytes = b"HTTP/1.1 200 OK\r\nX: ") -> Reply:
    """A byte now and then, for ever."""

    def reply(handler: Handler) -> None:
        handler.wfile.write(head)
        for _ in range(400):
            handler.wfile.write(b"x")
            time.sleep(pause)

    return reply


def endless(handler: Handler) -> None:
    """More and more, without saying how much."""
    handler.head(200, Connection="close")
    for _ in range(100):
        handler.wfile.write(bytes(65_536))


@pytest.fixture
def server(certificates: Path) -> Iterator[Server]:
    made = Server(certificates)
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAUSES", (0.0, 0.0))


@pytest.fixture
def get(server: Server, certificates: Path, tmp_path: Path) -> Callable[..., bool]:
    def run(url: str | None = None, seconds: float = 20, ca: str = "ca.pem") -> bool:
        wanted = Wanted(url or server.url, LIMIT, certificates / ca)
        return fetch(wanted, Partial(tmp_path), seconds)

    return run


def there(folder: Path) -> bytes:
    return (folder / "download.part").read_bytes()


def test_a_file_is_fetched(server: Server, get: Callable[..., bool], tmp_path: Path) -> None:
    assert get() is False
    assert there(tmp_path) == CONTENT
    assert server.asked == [("/compact.zip", None)]


def test_a_broken_download_goes_on_where_it_broke_off(
    server: Server, get: Callable[..., bool], tmp_path: Path
) -> None:
    server.replies = [the_file(until=100_000), the_file(until=250_000)]
    assert get() is True
    assert there(tmp_path) == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=100000-", "bytes=250000-"]


def test_what_has_come_is_kept_for_the_next_call(
    server: Server, get: Callable[..., bool], tmp_path: Path
) -> None:
    server.replies = [the_file(until=100_000), status(503), status(503)]
    with pytest.raises(MaskGateError, match="the server answers 503; what has come is kept"):
        get()
    assert get() is True
    assert server.asked[-1][1] == "bytes=100000-"
    assert there(tmp_path) == CONTENT


@pytest.mark.parametrize(
    "second",
    [
        the_file(etag='"two"'),
        the_file(ranges=False),
        status(416),
        lambda handler: handler.head(206, 10, Content_Range="bytes 5-14/307200"),
        lambda handler: handler.head(206, 10),
    ],
)
def test_a_file_that_changed_or_a_server_without_ranges_makes_it_begin_anew(
    server: Server, get: Callable[..., bool], tmp_path: Path, second: Reply
) -> None:
    server.replies = [the_file(until=100_000), second]
    get()
    assert there(tmp_path) == CONTENT


def test_a_server_that_names_no_version_is_asked_for_all_of_it(
    server: Server, get: Callable[..., bool], tmp_path: Path
) -> None:
    server.replies = [the_file(etag=None, until=100_000), the_file(etag='W/"weak"', until=9)]
    get()
    assert [asked for _, asked in server.asked] == [None, None, None]
    assert there(tmp_path) == CONTENT


def test_redirects_are_followed_to_https(
    server: Server, get: Callable[..., bool], tmp_path: Path
) -> None:
    server.replies = [status(302, Location="/there.zip"), status(307, Location=server.url)]
    get()
    assert [path for path, _ in server.asked] == ["/compact.zip", "/there.zip", "/compact.zip"]
    assert there(tmp_path) == CONTENT


REFUSED: list[tuple[Reply, str]] = [
    (status(301, Location="http://127.0.0.1/x.zip"), "expected https://host/path"),
    (status(302, Location="file:///etc/passwd"), "expected https://host/path"),
    (status(302, Location="https://me:s3cret@127.0.0.1/x"), "without user and password"),
    (status(404), "the server answers 404; check the URL"),
    (status(403), "the server answers 403"),
    (the_file(Content_Encoding="gzip"), "the server packs it"),
    (lambda handler: handler.head(200, LIMIT + 1), f"has {LIMIT + 1} bytes or more, expected at"),
    (endless, f"expected at most {LIMIT}"),
]


@pytest.mark.parametrize(("reply", "expected"), REFUSED)
def test_a_server_that_means_no_good_is_refused_in_one_line_and_nothing_is_kept(
    server: Server, get: Callable[..., bool], tmp_path: Path, reply: Reply, expected: str
) -> None:
    server.replies = [reply]
    with pytest.raises(MaskGateError) as caught:
        get()
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert len(server.asked) == 1
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


def test_redirects_have_an_end(server: Server, get: Callable[..., bool]) -> None:
    server.replies = [status(302, Location="/again")] * 20
    with pytest.raises(MaskGateError, match="redirected more than 5 times"):
        get()


def test_a_certificate_of_somebody_else_is_refused_at_once(get: Callable[..., bool]) -> None:
    with pytest.raises(MaskGateError, match=r"its certificate is not trusted .*updates\.ca_file"):
        get(ca="other.pem")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1/x.zip", "expected https://host/path"),
        ("ftp://127.0.0.1/x.zip", "expected https://host/path"),
        ("https://", "expected https://host/path"),
        ("https://host:0/x", "expected https://host/path"),
        ("https://host:99999/x", "found no URL"),
        ("https://host/a\nb", "expected https://host/path"),
        ("https://me:s3cret@host/x", "without user and password"),
        ("https://[::1/x", "found no URL"),
        ("https://127.0.0.1:1/x", "what has come is kept, try again later"),
        ("https://no-such-host.invalid/x", "what has come is kept, try again later"),
    ],
)
def test_a_url_that_cannot_be_fetched_says_why(
    get: Callable[..., bool], url: str, expected: str
) -> None:
    with pytest.raises(MaskGateError) as caught:
        get(url)
    assert expected in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    server: Server, get: Callable[..., bool], head: bytes
) -> None:
    server.replies = [drip(0.05, head)] * 9
    start = time.monotonic()
    with pytest.raises(MaskGateError, match=r"not done within 0\.5 s"):
        get(seconds=0.5)
    assert time.monotonic() - start < 3


def test_a_file_without_a_ca_is_named(get: Callable[..., bool]) -> None:
    for name in ("nowhere.pem", "server.key"):
        with pytest.raises(MaskGateError, match=rf"updates\.ca_file .*{name}: expected CA"):
            get(ca=name)


@pytest.mark.parametrize("first", [the_file(), the_file(until=100_000), status(503)])
def test_a_bundle_is_updated_over_https(
    server: Server, certificates: Path, tmp_path: Path, first: Reply
) -> None:
    device = online_device(tmp_path, certificates, server)
    server.replies = [first]
    assert update(None, device).version == "9.0.0"
    assert runs(device)[1] == "9.0.0"
    left = {path.suffix for path in updates_folder(device).iterdir()}
    assert left == {".zip", ".json", ".lock"}
    assert not (updates_folder(device) / "download.json").exists()


def test_parts_that_do_not_fit_together_are_fetched_anew(
    server: Server, certificates: Path, tmp_path: Path
) -> None:
    device = online_device(tmp_path, certificates, server)
    good = server.content

    def other_file(handler: Handler) -> None:
        server.content = bytes(len(good))
        the_file(until=100_000)(handler)
        server.content = good

    server.replies = [other_file]
    assert update(None, device).version == "9.0.0"
    assert [asked for _, asked in server.asked] == [None, "bytes=100000-", None]


def online_device(folder: Path, certificates: Path, server: Server) -> Settings:
    """A device that finds a newer bundle on the server."""
    key = new_key(folder)
    device = signed_device(folder, key)
    server.content = newer(folder, key, "9.0.0").read_bytes()
    given = {"url": server.url, "ca_file": certificates / "ca.pem"}
    return device.model_copy(update={"updates": device.updates.model_copy(update=given)})
