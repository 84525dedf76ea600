"""What stands between devices, which know one address, and three nodes."""

import random
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.fleet.clusters import Cluster
from tests.fleet.programs import Program
from tests.waiting import free_port

NAME = "broker.fleet.test"
_HAPROXY = """
global
    maxconn 2000
    stats socket {stats}
defaults
    mode tcp
    timeout connect 2s
    timeout check 3s
    timeout client 120s
    timeout server 120s
    retries 3
    option redispatch 1
frontend mqtt
    bind 127.0.0.1:{port}
    default_backend nodes
backend nodes
    balance leastconn
    # A node that hangs still takes connections, so it must say something. Not as an MQTT client:
    # each login is work for the whole cluster.
    option tcp-check
    tcp-check connect
{question}
    tcp-check expect rstring .
    default-server inter 1s fall 2 rise 3 on-marked-down shutdown-sessions
{servers}
"""


@dataclass(frozen=True)
class Address:
    """What devices know of a cluster."""

    url: str
    node_of: Callable[[socket.socket], int]
    """Which node is behind a client's connection."""


@contextmanager
def balanced(cluster: Cluster, folder: Path) -> Iterator[Address]:
    """HAProxy before the nodes."""
    port, stats = free_port(), folder / "haproxy.sock"
    servers = "\n".join(
        f"    server node{number} 127.0.0.1:{mqtt} check port {asked}"
        for number, (mqtt, asked) in enumerate(zip(cluster.ports, cluster.asked, strict=True))
    )
    question = cluster.question and f"    tcp-check send-binary {cluster.question.hex()}"
    (folder / "haproxy.cfg").write_text(
        _HAPROXY.format(port=port, servers=servers, question=question or "", stats=stats)
    )
    words = ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
    program = Program(words, folder / "haproxy.log")
    try:
        program.wait_for(lambda: _listens(port), 10)
        yield Address(
            f"mqtt://127.0.0.1:{port}", lambda client: _ask(stats, client.getsockname()[1])
        )
    finally:
        program.stop()


@contextmanager
def named(cluster: Cluster, folder: Path) -> Iterator[Address]:  # noqa: ARG001  (as `balanced`)
    """A name with an address for each node, as a name server would give them: in any order."""
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *more: Any, **others: Any) -> list[Any]:
        if host != NAME:
            return real(host, port, *more, **others)
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", each))
            for each in cluster.ports
        ]
        return random.sample(found, len(found))

    with patch("socket.getaddrinfo", look_up):
        yield Address(
            f"mqtt://{NAME}:1883", lambda client: cluster.ports.index(client.getpeername()[1])
        )


def _ask(stats: Path, client: int) -> int:
    """Which node HAProxy passes a client's port on to."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(stats))
        connection.sendall(b"show sess\n")
        answer = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
    found = re.search(rf"src=127\.0\.0\.1:{client} .*?srv=node(\d)", answer)
    assert found, answer
    return int(found[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
