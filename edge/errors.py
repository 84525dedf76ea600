"""The one error that a user may see: what is wrong, what was expected, what to do."""

from typing import Any

import click

from edge.ending import tidied_on_sigterm


class MaskGateError(Exception):
    """Something a user or an operator can put right.

    Its text is a single line that names the thing, what was expected, what was found and the way
    out. The command line prints it without a traceback and exits with code 2.
    """


class _Refusal(click.ClickException):
    exit_code = 2


class CommandGroup(click.Group):
    """Commands whose errors end in one line on standard error and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that the user named."""
        try:
            with tidied_on_sigterm():
                return super().invoke(ctx)
        except MaskGateError as error:
            raise _Refusal(str(error)) from error
