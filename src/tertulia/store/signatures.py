"""Signatures: who is named in what tools keep in the metadata of objects: the author of a note, who chose a song.

A name stands there as `username`, beside its user's id, as `user_id` or `by`. The rows keep it; whoever reads them is not
told the name of somebody who has deleted their account.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from msgspec.structs import replace

from tertulia.domain.ids import UserId
from tertulia.domain.models import SpaceObject
from tertulia.store.quotes import look_up
from tertulia.store.users import DELETED_NAME
from tertulia.store.work import Reader


def find_signers(things: Iterable[SpaceObject]) -> set[UserId]:
    kept = (value for thing in things if _is_tool(thing) for value in thing.metadata.values())
    entries = (entry for value in kept for entry in (value if isinstance(value, list) else [value]))
    return {signer for signer in map(_signer, entries) if signer is not None}


def without_names(thing: SpaceObject, gone: AbstractSet[UserId]) -> SpaceObject:
    """*gone*: accounts that were deleted."""
    if gone.isdisjoint(find_signers([thing])):
        return thing
    return replace(thing, metadata={key: _without_names(value, gone) for key, value in thing.metadata.items()})


def signed_now(reader: Reader, things: list[SpaceObject]) -> list[SpaceObject]:
    """As who reads them is told."""
    signers = find_signers(things)
    gone = look_up(reader, people=signers).gone if signers else None
    return [without_names(thing, gone) for thing in things] if gone else things


def _is_tool(thing: SpaceObject) -> bool:
    return isinstance(thing.metadata.get("tool"), str)


def _signer(entry: Any) -> UserId | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("username"), str):
        return None
    signer = entry.get("user_id", entry.get("by"))
    return UserId(signer) if isinstance(signer, int) and not isinstance(signer, bool) else None


def _without_names(value: Any, gone: AbstractSet[UserId]) -> Any:
    if isinstance(value, list):
        return [_without_name(entry, gone) for entry in value]
    return _without_name(value, gone)


def _without_name(entry: Any, gone: AbstractSet[UserId]) -> Any:
    return {**entry, "username": DELETED_NAME} if _signer(entry) in gone else entry
