"""The space: versions and seats of objects, the tool log, areas, talks, and where people stand."""

import sqlalchemy as sa
from alembic import op

from tertulia.store.tables import Id, Json, Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


# Long, and rightly so: a plain list of what is made, in its order, with nothing to decide and nothing to share.
def upgrade() -> None:
    op.add_column("rooms", sa.Column("spawn_points", Json(), nullable=True))
    op.add_column("rooms", sa.Column("builders", sa.Text(), nullable=True))
    op.add_column("rooms", sa.Column("earshot", sa.Float(53), nullable=True))
    op.add_column("rooms", sa.Column("areas", Json(), nullable=True))
    op.add_column("rooms", sa.Column("last_area_id", sa.Integer(), server_default="0", nullable=False))
    op.add_column("rooms", sa.Column("parent_id", Id, nullable=True))
    op.add_column("rooms", sa.Column("area_id", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_rooms_parent_id"), "rooms", ["parent_id"], unique=False)

    op.add_column("objects", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.add_column("objects", sa.Column("occupied_by", Id, nullable=True))
    op.create_index(
        "ix_objects_occupied",
        "objects",
        ["room_id", "occupied_by"],
        unique=False,
        sqlite_where=sa.text("occupied_by IS NOT NULL"),
        postgresql_where=sa.text("occupied_by IS NOT NULL"),
    )
    op.create_table(
        "tool_uses",
        sa.Column("id", Id, nullable=False),
        sa.Column("room_id", Id, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("target_object_id", Id, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("params", Json(), server_default="{}", nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_tool_uses_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tool_uses")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tool_uses_room_id_id", "tool_uses", ["room_id", "id"], unique=False)
    op.create_index("ix_tool_uses_target_object_id_id", "tool_uses", ["target_object_id", "id"], unique=False)

    op.create_table(
        "stays",
        sa.Column("talk_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("began", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["talk_id"], ["rooms.id"], name=op.f("fk_stays_talk_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_stays_user_id")),
        sa.PrimaryKeyConstraint("talk_id", "user_id", "began", name=op.f("pk_stays")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_stays_user_id"), "stays", ["user_id"], unique=False)
    op.create_index(
        "ix_stays_open",
        "stays",
        ["talk_id"],
        unique=False,
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )

    op.create_table(
        "places",
        sa.Column("room_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("x", sa.Float(53), nullable=False),
        sa.Column("y", sa.Float(53), nullable=False),
        sa.Column("direction", Json(), nullable=True),
        sa.Column("area_id", sa.Integer(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_places_room_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_places_user_id")),
        sa.PrimaryKeyConstraint("room_id", "user_id", name=op.f("pk_places")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_places_updated_at"), "places", ["updated_at"], unique=False)

    if op.get_bind().dialect.name == "postgresql":
        # That of 0001, which 0002 left for the nodes of that version: a node may be one version behind, not two.
        op.execute(
            "DROP FUNCTION post_batch(bigint[], bigint[], text[], text[], bigint[], text[], bigint[], text[], timestamptz)"
        )
