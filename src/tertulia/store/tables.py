"""The tables, for SQLite and PostgreSQL alike. Migrations make them; this module is what queries are written against."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

from tertulia.domain.clock import from_rfc3339, rfc3339


class Moment(TypeDecorator[datetime]):
    """A time in UTC: `timestamptz` on PostgreSQL, RFC 3339 text of fixed length on SQLite, which has no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return rfc3339(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return from_rfc3339(value) if isinstance(value, str) else value


class Json(TypeDecorator[Any]):
    """JSON, kept as text: the same on both engines, and never looked into by SQL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself for INTEGER PRIMARY KEY alone
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

lanes = Table(  # PostgreSQL alone
    "lanes",
    metadata,
    Column("lane", Text, primary_key=True),  # of one start of one node
    Column("mark", Text, nullable=False),  # of the last batch that it committed: see store/postgres.py
)

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("username", Text, nullable=False),
    Column("username_key", Text, nullable=False, unique=True),  # folded: "Ana" and "ana" are one name
    Column("email", Text),
    Column("email_key", Text, unique=True),
    Column("display_name", Text, nullable=False),
    Column("search_key", Text, nullable=False, server_default=""),  # both names, folded and without accents
    Column("avatar_url", Text),
    Column("bio", Text, nullable=False, server_default=""),
    Column("role", Text, nullable=False, server_default="user"),
    Column("password_hash", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("is_deleted", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default="offline"),  # as chosen: what is shown depends on sockets
    Column("status_text", Text, nullable=False, server_default=""),
    Column("last_seen_at", Moment),
    Column("created_at", Moment, nullable=False),
    sqlite_autoincrement=True,  # an id is never given twice
)

avatars = Table(
    "avatars",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

blocks = Table(
    "blocks",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("blocked_id", Id, ForeignKey("users.id"), primary_key=True, index=True),
    Column("created_at", Moment, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("generation", Integer, nullable=False),  # of its refresh token: goes up by one with each refresh
    Column("rotated_at", Moment, nullable=False),
    Column("user_agent", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment, index=True),
)

tickets = Table(
    "tickets",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of the ticket: the table opens no socket
    Column("session_id", Text, ForeignKey("sessions.id"), nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

rooms = Table(
    "rooms",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("owner_id", Id, ForeignKey("users.id")),
    Column("is_private", Boolean, nullable=False, server_default=text("false")),
    Column("direct_key", Text, unique=True),  # "3:7", the lower id first: one direct room for a pair
    Column(
        "is_blocked", Boolean, nullable=False, server_default=text("false")
    ),  # direct: one has blocked the other, or is gone
    Column("settings", Json, nullable=False, server_default="{}"),
    Column("width", Float(53)),  # NULL: a room without a space
    Column("height", Float(53)),
    Column("background", Text),
    Column("speed", Float(53)),
    Column("spawn_x", Float(53)),  # the first spawn point once more: nodes of the version before read it
    Column("spawn_y", Float(53)),
    Column("spawn_points", Json),
    Column("builders", Text),
    Column("earshot", Float(53)),
    Column("areas", Json),
    Column("last_area_id", Integer, nullable=False, server_default="0"),  # the highest that an area here ever had
    Column("parent_id", Id, index=True),  # of a talk: the room in whose space it is
    Column("area_id", Integer),
    Column("member_count", Integer, nullable=False, server_default="0"),
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    Column("archived_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    sqlite_autoincrement=True,
    postgresql_with={"fillfactor": 50},  # last_seq changes with each batch: room for HOT updates in the page
)

memberships = Table(
    "memberships",
    metadata,
    Column("room_id", Id, ForeignKey("rooms.id"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True, index=True),
    Column("role", Text, nullable=False),
    Column("muted_until", Moment),
    Column("delivered_seq", BigInteger, nullable=False, server_default="0"),
    Column("read_seq", BigInteger, nullable=False, server_default="0"),
    Column("joined_at", Moment, nullable=False, index=True),
    Column("joined_seq", BigInteger, nullable=False, server_default="0"),  # where the log says so; 0: not known
)

bans = Table(  # what a room holds against somebody who is no member of it
    "bans",
    metadata,
    Column("room_id", Id, ForeignKey("rooms.id"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("kind", Text, nullable=False),  # "banned"; "kicked": may ask to join, but is not joined by entering; "left"
    Column("muted_until", Moment),  # leaving does not end a mute
    Column("by", Id, ForeignKey("users.id"), nullable=False),
    Column("created_at", Moment, nullable=False),
)

invites = Table(
    "invites",
    metadata,
    Column("code", Text, primary_key=True),
    Column("room_id", Id, ForeignKey("rooms.id"), nullable=False, index=True),
    Column("created_by", Id, ForeignKey("users.id"), nullable=False),
    Column("expires_at", Moment),
    Column("max_uses", Integer),
    Column("uses", Integer, nullable=False, server_default="0"),
    Column("created_at", Moment, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True),  # ascending within a room, as seq is
    Column("room_id", Id, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("content", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="text"),
    Column("reply_to", Id),
    Column("mentions", Json),  # ids of members, 0 for all: [3, 0]; NULL for none
    Column("reactions", Json),  # what a reader is shown of them, kept up to date with the table below; NULL for none
    Column("recipient_id", Id),  # in a direct room
    Column("delivered_at", Moment),
    Column("read_at", Moment),
    Column("is_edited", Boolean, nullable=False, server_default=text("false")),
    Column("is_deleted", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment),
    UniqueConstraint("room_id", "seq"),  # also the index that pages are read from
)

reactions = Table(
    "reactions",
    metadata,
    Column("message_id", Id, primary_key=True),
    Column("emoji", Text, primary_key=True),
    Column("user_id", Id, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("ix_reactions_message_id_seq", "message_id", "seq"),
    Index("ix_reactions_message_id_emoji_seq", "message_id", "emoji", "seq"),
    sqlite_with_rowid=False,
)

mentions = Table(  # counted after a reader's mark
    "mentions",
    metadata,
    Column("room_id", Id, primary_key=True),
    Column("user_id", Id, primary_key=True),  # 0: all members
    Column("seq", BigInteger, primary_key=True),  # the message's
    sqlite_with_rowid=False,
)

pins = Table(
    "pins",
    metadata,
    Column("message_id", Id, primary_key=True, autoincrement=False),
    Column("room_id", Id, ForeignKey("rooms.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("ix_pins_room_id_seq", "room_id", "seq"),
)

room_log = Table(
    "room_log",
    metadata,
    Column("room_id", Id, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("type", Text, nullable=False),
    Column("user_id", Id, nullable=False),  # who did it
    Column("message_id", Id),
    Column("nonce", Text),
    Column("digest", BigInteger),  # of what was sent under the nonce; NULL once the message is deleted
    Column("payload", Text, nullable=False),  # the event as JSON, without room_id, seq and message_id
    Column("created_at", Moment, nullable=False),
    # The nonce first: nonces that clients make in the order of time stay together, and a batch changes few pages.
    Index(
        "uq_room_log_nonce",
        "nonce",
        "user_id",
        "room_id",
        unique=True,
        sqlite_where=text("nonce IS NOT NULL"),
        postgresql_where=text("nonce IS NOT NULL"),
    ),
    Index(
        "ix_room_log_edits",
        "message_id",  # what a deletion has to blank, at no cost for sending
        sqlite_where=text("type = 'message_edited'"),
        postgresql_where=text("type = 'message_edited'"),
    ),
    Index(
        "ix_room_log_deletions",
        "message_id",
        sqlite_where=text("type = 'message_deleted'"),
        postgresql_where=text("type = 'message_deleted'"),
    ),
    sqlite_with_rowid=False,  # one tree instead of two, in the order it is read
)

objects = Table(
    "objects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("room_id", Id, ForeignKey("rooms.id"), nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("x", Float(53), nullable=False),
    Column("y", Float(53), nullable=False),
    Column("width", Float(53), nullable=False),
    Column("height", Float(53), nullable=False),
    Column("rotation", Float(53), nullable=False, server_default="0"),
    Column("is_solid", Boolean, nullable=False, server_default=text("false")),
    Column("metadata", Json, nullable=False, server_default="{}"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("occupied_by", Id),
    Column("created_by", Id, ForeignKey("users.id")),
    Column("updated_at", Moment, nullable=False),
    Index(
        "ix_objects_occupied",
        "room_id",
        "occupied_by",
        sqlite_where=text("occupied_by IS NOT NULL"),
        postgresql_where=text("occupied_by IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

tool_uses = Table(  # the tool log
    "tool_uses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("room_id", Id, ForeignKey("rooms.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("target_object_id", Id, nullable=False),  # which may be gone
    Column("action", Text, nullable=False),
    Column("params", Json, nullable=False, server_default="{}"),
    Column("created_at", Moment, nullable=False),
    Index("ix_tool_uses_room_id_id", "room_id", "id"),
    Index("ix_tool_uses_room_id_user_id_id", "room_id", "user_id", "id"),
    Index("ix_tool_uses_target_object_id_id", "target_object_id", "id"),
    sqlite_autoincrement=True,
)

stays = Table(  # who was in which talk, and meanwhile reads it; `began` and `ended` are places in its log
    "stays",
    metadata,
    Column("talk_id", Id, ForeignKey("rooms.id"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True, index=True),
    Column("began", BigInteger, primary_key=True, autoincrement=False),
    Column("ended", BigInteger),
    Index(
        "ix_stays_open",
        "talk_id",
        sqlite_where=text("ended IS NULL"),
        postgresql_where=text("ended IS NULL"),
    ),
    sqlite_with_rowid=False,
)

places = Table(  # where people stood a moment ago: written now and then, for a restart
    "places",
    metadata,
    Column("room_id", Id, ForeignKey("rooms.id"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("x", Float(53), nullable=False),
    Column("y", Float(53), nullable=False),
    Column("direction", Json),
    Column("area_id", Integer),
    Column("updated_at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)
