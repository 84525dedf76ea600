"""What names, addresses and keys of devices must be."""

import re
from contextlib import suppress
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field

_KEY = re.compile(
    r"(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}( [^\x00-\x1f\x7f-\x9f\u2028\u2029]*)?"
)
_HOST = re.compile(
    r"([A-Za-z0-9_.][A-Za-z0-9_.-]*@)?"
    r"([A-Za-z0-9_.][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?\])(:[0-9]{1,5})?"
)
_DNS_NAME = re.compile(r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.|$))+")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")]
"""A machine's own name: no underscores, which no resolver takes."""


def _is_address(text: str) -> str:
    if _DNS_NAME.fullmatch(text):
        return text
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("expected a host name or an IP address, e.g. broker.example") from None


def _is_public_key(text: str) -> str:
    text = text.strip()
    if "PRIVATE KEY" in text:
        raise ValueError("it is a private key; give the public one, the line in its .pub file")
    if not _KEY.fullmatch(text):
        raise ValueError("expected a line as in a .pub file, e.g. ssh-ed25519 AAAA… you@desk")
    return text


def _is_timezone(name: str) -> str:
    if _ZONE.fullmatch(name):
        with suppress(ZoneInfoNotFoundError, OSError):
            ZoneInfo(name)
            return name
    known = available_timezones()  # none where this machine has no such database
    if known or not _ZONE.fullmatch(name):
        near = get_close_matches(name, known, n=1) or ["Europe/Berlin"]
        raise ValueError(f"expected a time zone, such as {near[0]}")
    return name


def _is_host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise ValueError("expected [user@]host[:port], e.g. pi@north-door.local")
    return host


Host = Annotated[str, AfterValidator(_is_host)]
"""Whom to reach by ssh."""
Address = Annotated[str, AfterValidator(_is_address)]
PublicKey = Annotated[str, AfterValidator(_is_public_key)]
TimeZone = Annotated[str, AfterValidator(_is_timezone)]
