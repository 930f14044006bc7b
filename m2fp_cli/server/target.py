"""What a request asks for: a path, or the whole address.

Clients that believe in a proxy send ``GET http://host/path HTTP/1.1``. A server has to take that,
and the host in it counts, not the header's (RFC 9112, 3.2.2).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.types import Scope

_ABSOLUTE = re.compile(rb"https?://([^/]*)(/.*)?", re.IGNORECASE | re.DOTALL)


def take_host(scope: Scope) -> str | None:
    """Take the host out of what a request asks for; its path is left.

    Args:
        scope: of an HTTP request; ``path`` and ``raw_path`` are set anew where they hold a host.

    Returns:
        the host, with its port if it has one; None where only a path is asked for.
    """
    found = _ABSOLUTE.fullmatch(scope["raw_path"])
    if found is None:
        return None
    scope["raw_path"] = found[2] or b"/"
    scope["path"] = unquote(scope["raw_path"].decode("latin-1"))
    return found[1].decode("latin-1")
