"""What is changed in config.txt and cmdline.txt."""

from collections.abc import Sequence

_BEGIN, _END = "# MaskGate: begin", "# MaskGate: end"
_ALL = "[all]"
"""Ends a section that holds for some boards only."""
FIRST_RUN = (
    "systemd.run=/boot/firmware/firstrun.sh",
    "systemd.run_success_action=reboot",
    "systemd.unit=kernel-command-line.target",
)
"""Words of cmdline.txt that have systemd run a script once, and start again."""
_COUNTRY = "cfg80211.ieee80211_regdom="


def with_lines(config: str, lines: Sequence[str]) -> str:
    """The text of config.txt with a profile's lines, between markers, in place of older ones."""
    kept, inside = [], False
    for line in config.splitlines():
        if line.strip() == _BEGIN:
            inside = True
        elif line.strip() == _END:
            inside = False
        elif not inside:
            kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    ours = ["", _BEGIN, _ALL, *lines, _END] if lines else []
    return "".join(f"{line}\n" for line in [*kept, *ours])


def with_words(cmdline: str, *, country: str | None, first_run: bool) -> str:
    """The text of cmdline.txt, one line, with the words that a device needs.

    Args:
        cmdline: what is there.
        country: whose radio rules hold, where there is Wi-Fi.
        first_run: whether the first-run script is run.
    """
    replaced = FIRST_RUN + ((_COUNTRY,) if country else ())
    words = [word for word in cmdline.split() if not word.startswith(replaced)]
    if country:
        words.append(f"{_COUNTRY}{country}")
    if first_run:
        words += FIRST_RUN
    return " ".join(words) + "\n"
