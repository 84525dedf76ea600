"""Who may look: those who know the password, for as long as their session lasts."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

SESSION: Final = 12 * 3600.0
"""Seconds after which somebody has to log in anew."""
_MOST_SESSIONS: Final = 32
_MOST_ADDRESSES: Final = 256
"""Addresses whose wrong passwords are remembered."""
_LONGEST_PAUSE: Final = 60.0
"""Seconds to wait after many wrong passwords."""
Clock = Callable[[], float]


class Sessions:
    """Knows the password and who gave it; times are monotonic seconds."""

    def __init__(self, password: str, clock: Clock = time.monotonic) -> None:
        self._salt = secrets.token_bytes(16)
        self._expected = self._digest(password)
        self._clock = clock
        self._ends: dict[bytes, float] = {}
        """When each session ends, by the digest of its token, the oldest first."""

    def open(self, password: str) -> str | None:
        """Begin a session.

        Returns:
            Its token, to be shown with each request; None if the password is wrong.
        """
        if not hmac.compare_digest(self._digest(password), self._expected):
            return None
        token = secrets.token_urlsafe(32)
        while len(self._ends) >= _MOST_SESSIONS:
            self._ends.pop(next(iter(self._ends)))
        self._ends[self._digest(token)] = self._clock() + SESSION
        return token

    def knows(self, token: str) -> bool:
        """Tell whether it is the token of a session that has not ended."""
        return self._ends.get(self._digest(token), 0.0) > self._clock()

    def close(self, token: str) -> None:
        """End a session."""
        self._ends.pop(self._digest(token), None)

    def _digest(self, text: str) -> bytes:
        # Of one length whatever is given, so that comparing says nothing of the password's.
        return hashlib.blake2b(text.encode(errors="replace"), key=self._salt).digest()


class Brake:
    """Makes whoever gives wrong passwords wait, each time twice as long."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, tuple[int, float]] = {}
        """How many wrong ones came from an address, and until when it has to wait."""

    def pause(self, address: str) -> float:
        """Seconds that an address still has to wait; 0 if it may try."""
        return max(0.0, self._wrong.get(address, (0, 0.0))[1] - self._clock())

    def wrong(self, address: str) -> None:
        """Take note of a wrong password; the first two cost nothing, for people mistype."""
        count = self._wrong.pop(address, (0, 0.0))[0] + 1
        pause = min(_LONGEST_PAUSE, 2.0 ** (count - 2)) if count > 2 else 0.0
        while len(self._wrong) >= _MOST_ADDRESSES:
            self._wrong.pop(next(iter(self._wrong)))
        self._wrong[address] = count, self._clock() + pause

    def right(self, address: str) -> None:
        """Forgive an address."""
        self._wrong.pop(address, None)
