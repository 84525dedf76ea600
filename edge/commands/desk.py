"""The desk that commands come to: refuses, or has them done one after the other, and answers."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from edge.commands.rate import Rate
from edge.commands.request import Outcome, Request, Result, read_request
from edge.config import Device
from edge.config.commands import COMMANDS, CommandName
from edge.errors import MaskGateError
from edge.lane import MOST_WAITING, Lane
from edge.mqtt.message import Message, Publication
from edge.mqtt.repeats import Repeats
from edge.mqtt.topics import topic

Handler = Callable[[Any], str]
"""Does what a request asks for and says what was done; MaskGateError says why it could not."""
PER_MINUTE = 20
"""Commands taken in a minute; who sends more gets one answer that says so, then none."""
REMEMBERED = 1000
"""Requests known by their id."""
SLOW: CommandName = "update"
"""Takes minutes, in which the others must not wait."""
ANSWER_EXPIRES = 300
"""Seconds after which nobody waits for an answer any more."""
_LONGEST_DETAIL = 500
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    name: CommandName
    request: Request
    message: Message


class Desk:
    """Takes commands from the broker; `take` is for one thread and waits for nothing."""

    def __init__(
        self,
        device: Device,
        handlers: Mapping[CommandName, Handler],
        post: Callable[[Publication], object],
    ) -> None:
        """Open the desk.

        Args:
            device: whose commands these are.
            handlers: of the commands that are allowed; the others are refused.
            post: sends an answer.
        """
        self.topics = topic(device, "command/+")
        """Where commands come in."""
        self.dropped = 0
        """Commands that got no answer: unknown, repeated or too many."""
        self._device = device
        self._handlers = handlers
        self._post = post
        self._rate = Rate(PER_MINUTE)
        self._told_rate = False
        self._repeats = Repeats(REMEMBERED)
        self._quick, self._slow = Lane("commands"), Lane("slow commands")

    def take(self, message: Message) -> None:
        """Take a message from one of the topics."""
        asked = message.topic.rpartition("/")[2]
        name = next((known for known in COMMANDS if known == asked), None)
        if name is None:
            self.dropped += 1
        elif not self._rate.allows():
            self.dropped += 1
            if not self._told_rate:
                self._told_rate = True
                log.warning("commands come too often: more than %d a minute", PER_MINUTE)
                detail = f"more than {PER_MINUTE} commands a minute; wait"
                self._answer(Result(name, None, "refused", detail), message)
        else:
            self._told_rate = False
            self._take(name, message)

    def close(self, timeout: float) -> None:
        """Do no more commands; one that is being done has so many seconds to end."""
        for lane in (self._quick, self._slow):
            lane.close(timeout)

    def _take(self, name: CommandName, message: Message) -> None:
        if message.retained:
            # It would be obeyed again with each connection.
            detail = "it is retained, which commands must not be; clear it and send it unretained"
            self._answer(Result(name, None, "refused", detail), message)
            return
        if name not in self._handlers:
            detail = "it is not switched on; name it in commands.allow of the settings"
            self._answer(Result(name, None, "refused", detail), message)
            return
        try:
            request = read_request(name, message.payload)
        except ValueError as error:
            self._answer(Result(name, None, "refused", str(error)), message)
            return
        if self._repeats.has(name, request.id):
            self.dropped += 1
            return
        lane = self._slow if name == SLOW else self._quick
        if not lane.add(partial(self._work, _Asked(name, request, message))):
            detail = f"{MOST_WAITING} commands wait already; ask again later"
            self._answer(Result(name, request.id, "refused", detail), message)

    def _work(self, asked: _Asked) -> None:
        outcome, detail = self._do(asked)
        log.info("command %s: %s, %s", asked.name, outcome, detail)
        self._answer(Result(asked.name, asked.request.id, outcome, detail), asked.message)

    def _do(self, asked: _Asked) -> tuple[Outcome, str]:
        try:
            return "done", self._handlers[asked.name](asked.request)
        except MaskGateError as error:
            return "failed", "; ".join(str(error).splitlines())
        except Exception as error:
            # Whatever a command runs into, the desk stays open.
            log.exception("command %s failed", asked.name)
            return "failed", f"a fault in the program ({type(error).__name__}), see its log"

    def _answer(self, result: Result, message: Message) -> None:
        if len(result.detail) > _LONGEST_DETAIL:
            cut = result.detail[:_LONGEST_DETAIL] + "…"
            result = Result(result.command, result.id, result.outcome, cut)
        self._post(
            Publication(
                self._where(result.command, message.reply_to),
                result.to_json(),
                content_type="application/json",
                expires_after=ANSWER_EXPIRES,
                correlation=message.correlation,
            )
        )

    def _where(self, name: CommandName, reply_to: str | None) -> str:
        # An asker must not have the device write over its alerts, its status or another's topics.
        usual = topic(self._device, f"command/{name}/result")
        below = reply_to is not None and reply_to.startswith(f"{usual}/")
        fits = below and len(reply_to or "") <= 200 and not set(reply_to or "") & set("+#\0")
        return reply_to if reply_to and fits else usual
