"""What the environment says of stores, judged before the library reads it.

The library panics over an endpoint without ``http://`` and over a line end in a key, as a secret
has that was made with ``echo``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from m2fp_cli.errors import StoreError
from m2fp_cli.terminal import displayable

_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_KEYS = {
    "s3": (
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_REGION", "AWS_DEFAULT_REGION"),
    ),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
}


def check_environment(scheme: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse variables that no store can be reached with.

    Args:
        scheme: of the store, see ``address.SCHEMES``.
        environment: the variables.

    Raises:
        StoreError: names the variable; of keys never the value.
    """
    for name in _KEYS.get(scheme, ()):
        value = environment.get(name, "")
        if value != value.strip() or not value.isprintable():
            raise StoreError(
                f"{name} has a space or a line end that does not belong to it; set it without "
                "(a secret made with `echo` has one, `printf %s` adds none)"
            )
    for name in _ENDPOINTS.get(scheme, ()):
        if name in environment and not _is_endpoint(environment[name]):
            raise StoreError(
                f"{name} is {displayable(environment[name]) or 'empty'}; give the store's address, "
                "such as http://127.0.0.1:9000, or unset it"
            )


def allows_http(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a server without TLS is meant: one on this machine or in this network."""
    names = (name for some in _ENDPOINTS.values() for name in some)
    return any(environment.get(name, "").lower().startswith("http://") for name in names)


def _is_endpoint(text: str) -> bool:
    if not text.isprintable() or " " in text:
        return False
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname)
    except ValueError:
        return False
