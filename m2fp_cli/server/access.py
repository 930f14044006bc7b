"""Who may ask: host names, origins, the token."""

from __future__ import annotations

import hmac
import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from m2fp_cli.errors import UsageError

LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?")
_KNOWN = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_USUAL_PORTS = {"http": ":80", "https": ":443"}
_OPEN_PREFIXES = ("/page/", "/accessories/")
_OPEN_PATHS = frozenset(
    ("/", "/healthz", "/readyz", "/docs", "/openapi.json", "/favicon.ico", "/version")
)


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        is_loopback: the service listens to this machine only.
        hosts: names it is known by, besides those of ``is_loopback``; ``*.example.com`` takes all
            below a domain.
        origins: pages of other origins that may use it.
        token: what clients must show; None lets everybody in.
    """

    is_loopback: bool = True
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    token: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check that host names are names, and origins origins: others would match nothing.

        Raises:
            UsageError: a name has a scheme, a port or a path, or is ``*``; an origin has no
                scheme, has a path, is ``*``, or is written as no browser writes it: in capitals,
                or with the usual port.
        """
        for host in self.hosts:
            if not (_KNOWN.fullmatch(host) or _is_address(host)):
                raise UsageError(
                    "--allowed-hosts takes names without scheme, port and path, such as "
                    f"parse.example.com or *.example.com, got {host}"
                )
        for origin in self.origins:
            scheme, place = _origin_parts(origin)
            written = f"{scheme}://{_without_port(place, scheme)}"
            if scheme not in _USUAL_PORTS or not _HOST.fullmatch(place) or origin != written:
                raise UsageError(
                    "--cors takes origins as browsers write them, such as https://example.com or "
                    f"http://example.com:8080, got {origin}"
                )

    def takes_host(self, host: str) -> bool:
        """Whether a request for this host name is meant for us.

        A page of a foreign site can have its name resolve to this machine (DNS rebinding); its
        requests then carry that name. A number as a name cannot be rebound.
        """
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found["name"].strip("[]").lower().removesuffix(".")
        if name in LOOPBACK_NAMES or any(_matches(name, known) for known in self.hosts):
            return True
        return _is_address(name) and (
            not self.is_loopback or ipaddress.ip_address(name).is_loopback
        )

    def takes_origin(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may send requests: our own page, or one on the list."""
        scheme, place = _origin_parts(origin)
        is_own = _without_port(place, scheme) == _without_port(host, scheme)
        return origin in self.origins or is_own

    def takes_token(self, authorization: str) -> bool:
        """Whether an ``Authorization`` header has the token; takes as long for any wrong one."""
        if self.token is None:
            return True
        scheme, _, given = authorization.partition(" ")
        shown = given.strip().encode("latin-1", "replace")
        return hmac.compare_digest(shown, self.token) and scheme.lower() == "bearer"


def _origin_parts(origin: str) -> tuple[str, str]:
    """Scheme, and host with its port, of an origin; nothing where it cannot be taken apart."""
    try:
        parts = urlsplit(origin)
    except ValueError:  # half an IPv6 address
        return "", ""
    return parts.scheme, parts.netloc


def _without_port(place: str, scheme: str) -> str:
    """A host as browsers write it: in small letters, without the port that the scheme implies.

    Some proxies name that port (nginx: ``$host:$server_port``).
    """
    return place.lower().removesuffix(_USUAL_PORTS.get(scheme, ""))


def _matches(name: str, known: str) -> bool:
    known = known.lower()
    return name.endswith(known[1:]) if known.startswith("*.") else name == known


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_open(path: str) -> bool:
    """Whether a path needs no token: what shows nobody's photos and costs no work."""
    return path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES)
