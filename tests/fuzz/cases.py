"""How cases are made: from good files, with a few things about them changed."""

import json
import struct
from typing import Any

from hypothesis import strategies as st

from edge.config import Settings
from tests.fuzz.targets import Device, seeds

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(
        ["", "../x", "/etc/passwd", "\0", "\x1b[2J", "a" * 5000, "1.0.0", "face_no_mask"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=8,
)
TOKENS = [b"", b"\0", b"\xff" * 8, b"[" * 2000, b"{" * 2000, b'"', b"=", b"\n", b"1e999", b"-1",
          b"NaN", b"\xef\xbb\xbf", b"9" * 5000, b"PK\x01\x02", b"PK\x05\x06",
          struct.pack("<I", 0xFFFFFFFF), struct.pack("<H", 0xFFFF)]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """Bytes with some of them replaced, removed, doubled or moved."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        count = draw(st.sampled_from([0, 1, 1, 2, 4, 16, 200]))
        kind = draw(st.integers(0, 4))
        if kind == 0 and at < len(data):
            data[at] ^= draw(st.integers(1, 255))
        elif kind == 1:
            del data[at : at + count]
        elif kind == 2:
            data[at : at + count] = draw(st.sampled_from(TOKENS) | st.binary(max_size=20))
        elif kind == 3:
            data[at:at] = data[at : at + count]
        else:
            del data[at:]
    return bytes(data)


@st.composite
def changed_json(draw: st.DrawFn, good: Any) -> bytes:
    """JSON with a few values replaced, removed, renamed or added."""
    document = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 3))):
        around, key = _somewhere(draw, document)
        kind = draw(st.integers(0, 3))
        if kind == 0:
            around[key] = draw(VALUES)
        elif kind == 1:
            del around[key]
        elif kind == 2 and isinstance(around, dict):
            around[draw(st.text(max_size=12))] = draw(VALUES)
        elif isinstance(around, list):
            around.append(draw(VALUES))
        if not document:
            break
    return json.dumps(document).encode("utf-8", "surrogatepass")


@st.composite
def toml(draw: st.DrawFn) -> bytes:
    """Settings with keys that there are and others, of any values."""
    lines = []
    for section in draw(
        st.lists(
            st.sampled_from([*Settings.model_fields, "x", "cameras.a"]), max_size=4, unique=True
        )
    ):
        field = Settings.model_fields.get(section)
        keys = (
            list(getattr(field.annotation, "model_fields", {"source": None})) if field else ["rate"]
        )
        lines.append(
            draw(st.sampled_from([f"[{section}]", f"[[{section}]]", f"[{section}.{keys[0]}]"]))
        )
        names = draw(st.lists(st.sampled_from([*keys, "x"]), max_size=4, unique=True))
        lines += [f"{key} = {draw(TOML_VALUES)}" for key in names]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


TOML_VALUES = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(str),
    st.text(max_size=30).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(
        ["true", "[]", "{}", "1979-05-27", "07:32:00", "inf", "[1, 'a']", "{a = 1}", "'~x/y'",
         "'mqtt://a:b@c'", "'rtsp://u:p@h'", "'https://[::1'", "'delegate:'", "'yunet'"]
    ),
)  # fmt: skip


def cases(name: str, device: Device) -> st.SearchStrategy[bytes]:
    """The cases of a target."""
    good = seeds(name, device)
    near = st.one_of([damaged(one) for one in good])
    if name == "configuration":
        return st.one_of(toml(), near, st.binary(max_size=200))
    if name == "zip":
        return near
    if name == "signature":
        return st.one_of(near, st.binary(min_size=96, max_size=96), st.binary(max_size=200))
    if name == "command":
        good = [one[1:] for one in good]
        near = st.one_of([damaged(one) for one in good])
        payload = st.one_of(
            *(changed_json(json.loads(one)) for one in good), near, st.binary(max_size=5000)
        )
        return st.builds(bytes.__add__, st.binary(min_size=1, max_size=1), payload)
    documents = [changed_json(json.loads(one)) for one in good]
    return st.one_of(*documents, near, st.binary(max_size=200))


def _somewhere(draw: st.DrawFn, document: Any) -> tuple[Any, Any]:
    """A place in a JSON document: what is around it, and its key there."""
    around, key = document, None
    while True:
        keys = list(around) if isinstance(around, dict) else list(range(len(around)))
        key = draw(st.sampled_from(keys))
        inner = around[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            return around, key
        around = inner
