"""Runs a program, with a time limit, and says in one line why it failed."""

import subprocess
from collections.abc import Mapping

from .steps import InstallError


def run_program(*words: str, called: str, limit: float, environment: Mapping[str, str]) -> str:
    """Run a program; gives what it says.

    Args:
        words: the program and its arguments.
        called: it and what it does, in messages.
        limit: seconds that it may take.
        environment: its variables.

    Raises:
        InstallError: it is not there, takes too long, or fails.
    """
    try:
        done = subprocess.run(  # noqa: S603
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            env=environment,
            check=False,
        )
    except OSError as error:
        raise InstallError(f"{words[0]}: {error.strerror}; install it") from error
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"{called}: not done within {limit:g} s; run this again") from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        if "No space left on device" in done.stderr:
            lines = ["the disk is full; free some space and run this again"]
        raise InstallError(f"{called}: {lines[-1]}")
    return done.stdout
