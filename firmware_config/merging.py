"""Lays one TOML table over another."""

from collections.abc import Mapping
from typing import Any

LISTS_REPLACE = frozenset({"settings"})
"""Tables of a profile in which a list takes the place of the one before, as settings do."""


def lay_over(
    base: Mapping[str, Any], own: Mapping[str, Any], *, add_lists: bool = False
) -> dict[str, Any]:
    """What both tables say together; where they differ, `own` wins.

    Tables are merged, key by key; anything else replaces what was there.

    Args:
        base: what holds where `own` says nothing.
        own: what differs.
        add_lists: a list goes behind the one in `base`, without what is there already, except
            inside of LISTS_REPLACE.
    """
    merged = dict(base)
    for key, value in own.items():
        before = base.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            inner = add_lists and key not in LISTS_REPLACE
            merged[key] = lay_over(before, value, add_lists=inner)
        elif add_lists and isinstance(before, list) and isinstance(value, list):
            merged[key] = before + [one for one in value if one not in before]
        else:
            merged[key] = value
    return merged
