"""Clusters of three nodes, of brokers that Debian has."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from signal import SIGKILL, SIGSTOP, Signals

from tests.fleet.programs import Program
from tests.waiting import free_port

NODES = 3
START_SECONDS = 240.0
"""RabbitMQ takes a minute on two busy cores."""
_NATS = """
server_name: node{number}
listen: "127.0.0.1:{client}"
jetstream {{ store_dir: "{folder}" }}
cluster {{ name: fleet, listen: "127.0.0.1:{route}", routes: [{routes}] }}
mqtt {{
    listen: "127.0.0.1:{mqtt}"
    stream_replicas: 3
    consumer_replicas: 3
    ack_wait: "5s"
    max_ack_pending: 1000
}}
"""
_RABBITMQ = """
listeners.tcp.1 = 127.0.0.1:{client}
mqtt.listeners.tcp.1 = 127.0.0.1:{mqtt}
mqtt.allow_anonymous = true
mqtt.durable_queue_type = quorum
cluster_formation.peer_discovery_backend = classic_config
{nodes}
log.console = true
log.file = false
"""


class Cluster:
    """A broker of three nodes."""

    def __init__(
        self, ports: list[int], asked: list[int], question: bytes, nodes: list[Program]
    ) -> None:
        self.ports = ports
        """Where each node listens for MQTT, on the loopback address."""
        self.asked = asked
        """Where each node answers, without a login, whoever asks whether it is alive."""
        self.question = question
        """What is to be said there first."""
        self._nodes = nodes

    def harm(self, node: int, how: Signals) -> None:
        """Kill a node, or have it hang."""
        assert how in {SIGKILL, SIGSTOP}
        self._nodes[node].signal(how)


@contextmanager
def nats_cluster(folder: Path) -> Iterator[Cluster]:
    """Three nodes of NATS, which keep sessions and messages in JetStream, each in three copies."""
    mqtt, client, route = ([free_port() for _ in range(NODES)] for _ in range(3))
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in route)
    with ExitStack() as stack:
        nodes = []
        for number in range(NODES):
            config = folder / f"node{number}.conf"
            config.write_text(
                _NATS.format(
                    number=number,
                    client=client[number],
                    route=route[number],
                    mqtt=mqtt[number],
                    routes=routes,
                    folder=folder / f"node{number}",
                )
            )
            nodes.append(Program(["nats-server", "-c", str(config)], folder / f"node{number}.log"))
            stack.callback(nodes[-1].stop)
        _wait_for_all(nodes, mqtt)
        yield Cluster(mqtt, client, b"", nodes)


@contextmanager
def rabbitmq_cluster(folder: Path) -> Iterator[Cluster]:
    """Three nodes of RabbitMQ, which keep the sessions' messages in quorum queues."""
    mqtt, client, between = ([free_port() for _ in range(NODES)] for _ in range(3))
    names = [f"node{number}@localhost" for number in range(NODES)]
    known = "\n".join(
        f"cluster_formation.classic_config.nodes.{number} = {name}"
        for number, name in enumerate(names, 1)
    )
    (folder / ".erlang.cookie").write_text("nobody but these three")
    (folder / ".erlang.cookie").chmod(0o400)
    (folder / "plugins").write_text("[rabbitmq_mqtt].\n")
    common = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        # One scheduler each: three nodes share two cores with 200 devices.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
    }
    with ExitStack() as stack:
        # Else the first node would start one that nobody ends.
        stack.callback(Program(["epmd"], folder / "epmd.log", common).stop)
        nodes = []
        for number, name in enumerate(names):
            config = folder / f"node{number}.conf"
            config.write_text(
                _RABBITMQ.format(client=client[number], mqtt=mqtt[number], nodes=known)
            )
            own = {
                "RABBITMQ_NODENAME": name,
                "RABBITMQ_CONFIG_FILE": str(config),
                "RABBITMQ_DIST_PORT": str(between[number]),
                "RABBITMQ_PID_FILE": str(folder / f"node{number}.pid"),
            }
            log = folder / f"node{number}.log"
            nodes.append(Program(["rabbitmq-server"], log, common | own))
            stack.callback(nodes[-1].stop)
        _wait_for_all(nodes, mqtt)
        yield Cluster(mqtt, client, b"AMQP\x00\x00\x09\x01", nodes)


def _wait_for_all(nodes: list[Program], ports: list[int]) -> None:
    for node, port in zip(nodes, ports, strict=True):
        node.wait_for(partial(answers_mqtt, port), START_SECONDS)


def answers_mqtt(port: int) -> bool:
    """Whether a broker there lets in a client (MQTT 3.1.1, sections 3.1 and 3.2)."""
    hello = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x0a\x00\x05probe"
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.settimeout(2)
            connection.sendall(hello)
            return connection.recv(4) == b"\x20\x02\x00\x00"
    except OSError:
        return False
