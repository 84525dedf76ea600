"""What stands between devices, which know one address, and three nodes."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.conftest import free_port
from tests.fleet.programs import Program

NAME = "broker.fleet.test"
_HAPROXY = """
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 2s
    timeout client 120s
    timeout server 120s
    retries 3
    option redispatch 1
frontend mqtt
    bind 127.0.0.1:{port}
    default_backend nodes
backend nodes
    balance leastconn
    option tcp-check
    # Asks as a client does, for a node that hangs still takes connections.
    tcp-check connect
    tcp-check send-binary 101100044d5154540402000a000570726f6265
    tcp-check expect binary 20020000
    default-server inter 1s fall 2 rise 3 on-marked-down shutdown-sessions
{servers}
"""


@contextmanager
def balanced(ports: list[int], folder: Path) -> Iterator[str]:
    """HAProxy before the nodes; gives the one URL for all."""
    port = free_port()
    servers = "\n".join(f"    server node{n} 127.0.0.1:{p} check" for n, p in enumerate(ports))
    (folder / "haproxy.cfg").write_text(_HAPROXY.format(port=port, servers=servers))
    words = ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
    program = Program(words, folder / "haproxy.log")
    try:
        program.wait_for(lambda: _listens(port), 10)
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        program.stop()


@contextmanager
def named(ports: list[int], folder: Path) -> Iterator[str]:  # noqa: ARG001  (as `balanced`)
    """A name with an address for each node, as a name server would give them: in any order."""
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *more: Any, **others: Any) -> list[Any]:
        if host != NAME:
            return real(host, port, *more, **others)
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", each)) for each in ports
        ]
        return random.sample(found, len(found))

    with patch("socket.getaddrinfo", look_up):
        yield f"mqtt://{NAME}:1883"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
