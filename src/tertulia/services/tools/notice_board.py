"""The notice board: short notes that stay until there is no room for them any more."""

import msgspec
from msgspec import Struct

from tertulia.domain.clock import rfc3339
from tertulia.domain.errors import Invalid, RoleTooLow
from tertulia.domain.ids import UserId
from tertulia.services.tools.schemas import Schema
from tertulia.services.tools.use import ShippedTool, Use

MOST_NOTES = 20
LONGEST_NOTE = 280
"""Characters."""


class Note(Struct, frozen=True, kw_only=True):
    """*username*: what its author was called then."""

    id: int
    user_id: UserId
    username: str
    text: str
    created_at: str


class NoticeBoard(Struct, frozen=True):
    """*notes*: the oldest first; their ids go up, and none is used again."""

    notes: tuple[Note, ...] = ()
    last_note_id: int = 0


ACTIONS: dict[str, Schema] = {
    "post": {
        "type": "object",
        "properties": {"text": {"type": "string", "maxLength": LONGEST_NOTE, "pattern": r"\S"}},
        "required": ["text"],
    },
    "remove": {"type": "object", "properties": {"note_id": {"type": "integer"}}, "required": ["note_id"]},
}


def act(board: NoticeBoard, use: Use) -> NoticeBoard:
    return _post(board, use) if use.action == "post" else _remove(board, use)


def _post(board: NoticeBoard, use: Use) -> NoticeBoard:
    """The oldest fall off: there are at most so many, and the board is only so large."""
    note = Note(
        id=board.last_note_id + 1,
        user_id=use.actor.user_id,
        username=use.actor.username,
        text=use.params["text"].strip(),
        created_at=rfc3339(use.now),
    )
    after = NoticeBoard((*board.notes, note)[-MOST_NOTES:], note.id)
    while len(after.notes) > 1 and len(msgspec.json.encode(after)) > use.most_bytes:
        after = NoticeBoard(after.notes[1:], note.id)
    return after


def _remove(board: NoticeBoard, use: Use) -> NoticeBoard:
    """By its author, or a moderator. Raises Invalid, RoleTooLow."""
    note = next((note for note in board.notes if note.id == use.params["note_id"]), None)
    if note is None:
        raise Invalid("There is no such note on this board", field="params.note_id")
    if note.user_id != use.actor.user_id and not use.is_moderator:
        raise RoleTooLow("Its author or a moderator takes a note down")
    return NoticeBoard(tuple(other for other in board.notes if other is not note), board.last_note_id)


NOTICE_BOARD = ShippedTool(name="notice_board", state=NoticeBoard, actions=ACTIONS, act=act)
