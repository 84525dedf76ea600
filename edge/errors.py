"""The one error that a user may see: what is wrong, what was expected, what to do."""

import logging
from typing import IO, Any

import click

from edge.ending import tidied_on_sigterm
from edge.health.journal import goes_to_journal

STDERR = 2


class MaskGateError(Exception):
    """Something a user or an operator can put right.

    Its text is a single line that names the thing, what was expected, what was found and the way
    out. The command line prints it without a traceback and exits with code 2.
    """


def as_shown(text: str, longest: int | None = 40) -> str:
    """What somebody else wrote, for a message: cut short, without signs that steer a terminal."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text[:longest])
    return shown if longest is None or len(text) <= longest else f"{shown}…"


class _Refusal(click.ClickException):
    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error, or log it where printing would lose that it is one."""
        if goes_to_journal(STDERR):
            logging.getLogger(__name__).error(self.format_message())
        else:
            super().show(file)


class CommandGroup(click.Group):
    """Commands whose errors end in one line on standard error and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that the user named."""
        try:
            with tidied_on_sigterm():
                return super().invoke(ctx)
        except MaskGateError as error:
            raise _Refusal(str(error)) from error
