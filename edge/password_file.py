"""Reads a password from its file."""

import logging
import os
import stat
from functools import cache
from pathlib import Path

from edge.errors import MaskGateError

_LONGEST = 65_535
"""Bytes; MQTT writes the length in 16 bits."""
log = logging.getLogger(__name__)


def read_password_file(key: str, file: Path) -> str:
    """The password in a file: its first line.

    Args:
        key: the setting that names the file, for the message, e.g. "broker.password_file".
        file: where it is.

    Raises:
        MaskGateError: the file is missing, unreadable or empty.
    """
    where = f"{key} {file}"
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & stat.S_IROTH:
                _warn_of_readers(where)
            password = opened.readline(_LONGEST + 1).rstrip(b"\r\n").decode()
    except OSError as error:
        raise MaskGateError(
            f"{where}: {error.strerror}; expected a file whose first line is the password"
        ) from error
    except UnicodeDecodeError:
        raise MaskGateError(f"{where}: its first line is not UTF-8 text") from None
    if not password:
        raise MaskGateError(f"{where}: its first line is empty; expected the password")
    return password


@cache
def _warn_of_readers(where: str) -> None:
    # Cached: a file may be read for each connection, but one warning is enough.
    log.warning("%s can be read by every user of this machine; chmod o-r it", where)
