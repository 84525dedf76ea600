"""URLs of what is fetched."""

from urllib.parse import SplitResult, urlsplit


def parse_https(text: str) -> SplitResult:
    """Read a URL.

    Raises:
        ValueError: it is no HTTPS URL, or has a password in it, which is not repeated.
    """
    expected = "expected https://host/path"
    try:
        url = urlsplit(text)
        port, host = url.port, url.hostname
    except ValueError as error:
        raise ValueError(f"{expected}, found no URL") from error
    if url.username is not None or url.password is not None:
        raise ValueError(
            f"{expected} without user and password, which would stand in logs; let the server give "
            "the file to anyone, for it is signed"
        )
    plain = text.isascii() and text.isprintable() and " " not in text
    if url.scheme != "https" or not host or port == 0 or not plain:
        raise ValueError(f"{expected}, found {text[:200]!r}")
    return url


def shown(url: SplitResult) -> str:
    """A URL as logs may have it: what follows a ? may be a secret."""
    return f"https://{url.netloc}{url.path}"
