"""What came before is known by its id: a broker may deliver anything more than once."""

from collections import OrderedDict


class Repeats:
    """Remembers the last ids of a kind."""

    def __init__(self, remembered: int) -> None:
        """Remember so many; an older one is taken for new."""
        self._remembered = remembered
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def has(self, kind: str, its_id: str) -> bool:
        """Whether this came before; from now on it did."""
        key = kind, its_id
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        return False
