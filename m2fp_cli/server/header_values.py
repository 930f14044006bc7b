"""Values of headers with parameters, such as ``form-data; name="image"; filename="a.jpg"``.

Why not the standard library's ``email``: it looks at such a value again and again. A form of 1 MB
whose fields have long headers took it 2.3 s, with everybody else waiting. Here each is read once.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_MOST_PARAMETERS = 16
_LONGEST = 512  # characters of a value; a file's name has at most 255 bytes
_WORD = re.compile(r"[ \t]*(?P<word>[^\s;,\"]*)[ \t]*")
_PARAMETER = re.compile(
    r";[ \t]*(?P<name>[A-Za-z0-9*-]{1,32})[ \t]*="
    r'[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s;"]*))[ \t]*'
)
_ESCAPED = re.compile(r'\\(["\\])')  # only these: browsers leave a backslash of a name as it is
_BROWSERS = {"%22": '"', "%0D": "\r", "%0A": "\n"}  # they write no other sign so
_EXTENDED = re.compile(r"(?P<charset>utf-8|iso-8859-1)'[^']*'(?P<text>.*)", re.IGNORECASE)


def read_header_value(value: str) -> tuple[str, dict[str, str]]:
    """Split a header's value.

    Args:
        value: without the header's name.

    Returns:
        its first word in lower case, and the parameters behind it by lower-case name. A parameter
        ``name*`` (RFC 5987) is decoded and given as ``name``; it wins over a plain ``name``.

    Raises:
        ValueError: it is damaged, has a parameter twice, or far too many.
    """
    first = _WORD.match(value)
    at = first.end() if first else 0
    found: dict[str, str] = {}
    while at < len(value.rstrip(" \t;")):
        parameter = _PARAMETER.match(value, at)
        if parameter is None or len(found) >= _MOST_PARAMETERS:
            raise ValueError
        name = parameter["name"].lower()
        if name in found:
            raise ValueError
        quoted = parameter["quoted"]
        text = parameter["word"] if quoted is None else _unquote(quoted[:_LONGEST])
        found[name] = text[:_LONGEST]
        at = parameter.end()
    return (first["word"].lower() if first else ""), _decode_extended(found)


def _unquote(text: str) -> str:
    """What stands between quotes, as curl or a browser means it (HTML, multipart/form-data)."""
    text = _ESCAPED.sub(r"\1", text)
    for written, sign in _BROWSERS.items():
        text = text.replace(written, sign)
    return text


def _decode_extended(found: dict[str, str]) -> dict[str, str]:
    plain = {name: value for name, value in found.items() if not name.endswith("*")}
    for name in found.keys() - plain.keys():
        extended = _EXTENDED.fullmatch(found[name])
        if extended is None:
            raise ValueError
        text = unquote(extended["text"], extended["charset"], errors="replace")
        plain[name.removesuffix("*")] = text
    return plain
