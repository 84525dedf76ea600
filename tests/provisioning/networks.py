"""A network, and names that break out of what is written carelessly."""

from firmware_config.image.wifi import Network

NETWORK = Network("entrance", "ab" * 32, "DE")


HOSTILE_NAMES = [
    'x" #',
    "'; touch /tmp/broken; '",
    "$(touch /tmp/broken)",
    "`id`",
    "a;b;\\",
    "<<",
    "null",
    "*anchor",
    "Caf\u00e9 \u2028 \U0001f600",
    "{a: b}",
    "1;2;3",
    "next \x85 line",
    "[x]\\n=%s",
]
