"""Reactions, mentions, pins, marks, blocks, avatars."""

import sqlalchemy as sa
from alembic import op

from tertulia.store.tables import Id, Json, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mentions",
        sa.Column("room_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "user_id", "seq", name=op.f("pk_mentions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reactions",
        sa.Column("message_id", Id, nullable=False),
        sa.Column("emoji", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "emoji", "user_id", name=op.f("pk_reactions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_reactions_message_id_emoji_seq", "reactions", ["message_id", "emoji", "seq"], unique=False)
    op.create_index("ix_reactions_message_id_seq", "reactions", ["message_id", "seq"], unique=False)

    op.create_table(
        "avatars",
        sa.Column("user_id", Id, autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_avatars_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_avatars")),
    )
    op.create_table(
        "blocks",
        sa.Column("user_id", Id, nullable=False),
        sa.Column("blocked_id", Id, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["blocked_id"], ["users.id"], name=op.f("fk_blocks_blocked_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_blocks_user_id")),
        sa.PrimaryKeyConstraint("user_id", "blocked_id", name=op.f("pk_blocks")),
    )
    op.create_index(op.f("ix_blocks_blocked_id"), "blocks", ["blocked_id"], unique=False)

    op.create_table(
        "pins",
        sa.Column("message_id", Id, autoincrement=False, nullable=False),
        sa.Column("room_id", Id, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_pins_room_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_pins_user_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_pins")),
    )
    op.create_index("ix_pins_room_id_seq", "pins", ["room_id", "seq"], unique=False)

    op.add_column("memberships", sa.Column("delivered_seq", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(op.f("ix_memberships_joined_at"), "memberships", ["joined_at"], unique=False)

    op.add_column("messages", sa.Column("mentions", Json(), nullable=True))
    op.add_column("messages", sa.Column("reactions", Json(), nullable=True))
    op.add_column("messages", sa.Column("recipient_id", Id, nullable=True))
    op.add_column("messages", sa.Column("delivered_at", Moment(), nullable=True))
    op.add_column("messages", sa.Column("read_at", Moment(), nullable=True))

    op.add_column("rooms", sa.Column("is_blocked", sa.Boolean(), server_default=sa.text("false"), nullable=False))

    op.add_column("users", sa.Column("search_key", sa.Text(), server_default="", nullable=False))

    # What is chosen and what is shown are two things from now on: who is not connected is offline whatever they chose.
    op.execute("UPDATE users SET status = 'online' WHERE status = 'offline'")
