"""What an object store says when something goes wrong, as an error in words."""

from __future__ import annotations

import re
import types

from m2fp_cli.errors import M2fpError, NoImagesError, OutputError, StoreError
from m2fp_cli.storage.errors import TargetError
from m2fp_cli.storage.remote.address import StoreAddress
from m2fp_cli.terminal import displayable

INSTALL = "pip install 'm2fp[cloud]'"
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_EXPIRED = ("ExpiredToken", "TokenRefreshRequired", "RequestExpired", "AuthenticationExpired")
# Of S3 and of Azure: no object can be read with these credentials, not just this one.
_UNKNOWN = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthenticationFailed")
_CLOCK = "RequestTimeTooSkewed"
_ARCHIVED = ("InvalidObjectState", "BlobArchived")  # of S3 and of Azure
# What the library says of a call that got no answer; its own debugging text has the cause, last.
_CALL = re.compile(r"Error performing \w+ (\w+://[^/\s]+).*? - (.*)")
_CAUSE = re.compile(r'\b(?:message|error): (?:"([^"\n]+)"|(\w+)\()')
_LONGEST_DETAIL = 160


class ObjectDeniedError(StoreError):
    """The store refuses to let us read an object; it may let us read others."""

    why = "the store refuses access"


class ObjectArchivedError(ObjectDeniedError):
    """The store has put an object where it cannot be read from at once, such as Glacier."""

    why = "it is in an archive class of the store; restore it first"


def as_store_error(
    obstore: types.ModuleType, address: StoreAddress, error: Exception, *, writing: bool
) -> M2fpError:
    """The error for a user.

    Args:
        obstore: the library.
        address: of the object, or of the place.
        error: what the library raised.
        writing: an object was to be written; else read or listed.

    Returns:
        ``OutputError`` where nothing can be written, ``TargetError`` where this name is the
        trouble, ``NoImagesError`` where there is no bucket to read, ``StoreError`` where the store
        or the way to it fails, or does not let us in.
    """
    text = str(error)
    code = found[1] if (found := _CODE.search(text)) else ""
    verb = f"cannot {'write' if writing else 'read'} {displayable(str(address))}"
    denied = (obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError)
    if code in _EXPIRED:
        return StoreError(f"{verb}: the credentials have expired; get new ones and run again")
    if code == _CLOCK:
        return StoreError(f"{verb}: the clock of this machine is wrong; set it and run again")
    if code in _ARCHIVED and not writing:
        return ObjectArchivedError(f"{verb}: {ObjectArchivedError.why}")
    if code in ("NoSuchBucket", "ContainerNotFound") or isinstance(error, FileNotFoundError):
        missing = f"{verb}: there is no bucket {displayable(address.bucket)}; check its name"
        return OutputError(missing) if writing else NoImagesError(missing)
    status = found[1] if (found := _STATUS.search(text)) else ""
    if isinstance(error, denied) or status in ("401", "403") or code in _UNKNOWN:
        is_unknown = code in _UNKNOWN or isinstance(error, denied[1]) or status == "401"
        kind = OutputError if writing else StoreError if is_unknown else ObjectDeniedError
        refused = f"{verb}: the store refuses access{code and f' ({code})'}; check the credentials"
        return kind(refused)
    if code in ("KeyTooLongError", "KeyTooLong", "InvalidObjectName"):
        return TargetError(f"{verb}: the store does not take this name; choose a shorter -o")
    if isinstance(error, obstore.exceptions.InvalidPathError):
        path = found[1] if (found := re.search(r'Path "(.*?)"', text)) else "a name"
        return StoreError(
            f"{verb}: {displayable(path)} has an empty part, a dot as a part or a line end or tab "
            "in it, which m2fp cannot read; rename that object, or name a folder without it"
        )
    if "redentials" in text and "status code" not in text:
        return StoreError(f"{verb}: there are no credentials; see docs/cluster.md")
    said = displayable(_without_noise(text)[:_LONGEST_DETAIL])
    if status:
        said = f"the store answers {status}{code and f' {code}'}"
        said += " again and again" if status >= "500" else ""
    return StoreError(f"{verb}: {said}; check the network and the store, run again")


def _without_noise(text: str) -> str:
    """Where a call went, what became of it, and why; without counts and times of its tries."""
    first = text.partition("\n")[0]
    if (call := _CALL.search(first)) is None:
        return first
    causes = [words or name for words, name in _CAUSE.findall(text)]
    return f"{call[1]}: {call[2]}" + (f" ({causes[-1]})" if causes else "")


def may_pass(error: Exception) -> bool:
    """Whether a call may be made again: the store has not answered at all."""
    return "status code" not in str(error) and "redentials" not in str(error)
