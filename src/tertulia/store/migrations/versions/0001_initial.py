"""The first schema: one long list, frozen as it was then, and therefore not shared with the tables of today."""

import sqlalchemy as sa
from alembic import op

from tertulia.store.tables import Id, Json, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# Long, and rightly so: a plain list of what is made, in its order, with nothing to decide and nothing to share.
def upgrade() -> None:
    op.create_table(
        "lanes",
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_lanes")),
    )
    op.create_table(
        "messages",
        sa.Column("id", Id, nullable=False),
        sa.Column("room_id", Id, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="text", nullable=False),
        sa.Column("reply_to", Id, nullable=True),
        sa.Column("is_edited", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("room_id", "seq", name=op.f("uq_messages_room_id_seq")),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "room_log",
        sa.Column("room_id", Id, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=True),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("digest", sa.BigInteger(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "seq", name=op.f("pk_room_log")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_room_log_deletions",
        "room_log",
        ["message_id"],
        unique=False,
        sqlite_where=sa.text("type = 'message_deleted'"),
        postgresql_where=sa.text("type = 'message_deleted'"),
    )
    op.create_index(
        "ix_room_log_edits",
        "room_log",
        ["message_id"],
        unique=False,
        sqlite_where=sa.text("type = 'message_edited'"),
        postgresql_where=sa.text("type = 'message_edited'"),
    )
    op.create_index(
        "uq_room_log_nonce",
        "room_log",
        ["nonce", "user_id", "room_id"],
        unique=True,
        sqlite_where=sa.text("nonce IS NOT NULL"),
        postgresql_where=sa.text("nonce IS NOT NULL"),
    )

    op.create_table(
        "users",
        sa.Column("id", Id, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_key", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("bio", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), server_default="user", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.Text(), server_default="offline", nullable=False),
        sa.Column("status_text", sa.Text(), server_default="", nullable=False),
        sa.Column("last_seen_at", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
        sa.UniqueConstraint("username_key", name=op.f("uq_users_username_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rooms",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("owner_id", Id, nullable=True),
        sa.Column("is_private", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("direct_key", sa.Text(), nullable=True),
        sa.Column("settings", Json(), server_default="{}", nullable=False),
        sa.Column("width", sa.Float(precision=53), nullable=True),
        sa.Column("height", sa.Float(precision=53), nullable=True),
        sa.Column("background", sa.Text(), nullable=True),
        sa.Column("speed", sa.Float(precision=53), nullable=True),
        sa.Column("spawn_x", sa.Float(precision=53), nullable=True),
        sa.Column("spawn_y", sa.Float(precision=53), nullable=True),
        sa.Column("member_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("archived_at", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_rooms_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
        sa.UniqueConstraint("direct_key", name=op.f("uq_rooms_direct_key")),
        postgresql_with={"fillfactor": 50},
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rotated_at", Moment(), nullable=False),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("last_used_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_ended_at"), "sessions", ["ended_at"], unique=False)
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)

    op.create_table(
        "bans",
        sa.Column("room_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("muted_until", Moment(), nullable=True),
        sa.Column("by", Id, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["users.id"], name=op.f("fk_bans_by")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_bans_room_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_bans_user_id")),
        sa.PrimaryKeyConstraint("room_id", "user_id", name=op.f("pk_bans")),
    )
    op.create_table(
        "invites",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("room_id", Id, nullable=False),
        sa.Column("created_by", Id, nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("max_uses", sa.Integer(), nullable=True),
        sa.Column("uses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_invites_created_by")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_invites_room_id")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_invites")),
    )
    op.create_index(op.f("ix_invites_room_id"), "invites", ["room_id"], unique=False)

    op.create_table(
        "memberships",
        sa.Column("room_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("muted_until", Moment(), nullable=True),
        sa.Column("read_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("joined_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_memberships_room_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id")),
        sa.PrimaryKeyConstraint("room_id", "user_id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_user_id"), "memberships", ["user_id"], unique=False)

    op.create_table(
        "objects",
        sa.Column("id", Id, nullable=False),
        sa.Column("room_id", Id, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("x", sa.Float(precision=53), nullable=False),
        sa.Column("y", sa.Float(precision=53), nullable=False),
        sa.Column("width", sa.Float(precision=53), nullable=False),
        sa.Column("height", sa.Float(precision=53), nullable=False),
        sa.Column("rotation", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("is_solid", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("metadata", Json(), server_default="{}", nullable=False),
        sa.Column("created_by", Id, nullable=True),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_objects_created_by")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_objects_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objects")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_objects_room_id"), "objects", ["room_id"], unique=False)

    op.create_table(
        "tickets",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_tickets_session_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_tickets")),
    )
    op.create_index(op.f("ix_tickets_expires_at"), "tickets", ["expires_at"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POST_BATCH)


# A run of posts: locked, judged, numbered and written in one call. It gives a row for each post, in their order.
#
# Locking and reading are two statements, so two snapshots: the second one sees the nonces and heads of whoever held the
# locks before. So it is right under READ COMMITTED alone. OFFSET 0 and the settings pin the plan: a probe of an index
# for each row, also on a connection that planned it while the log was empty.
POST_BATCH = """
CREATE FUNCTION post_batch(
    p_room_id bigint[], p_user_id bigint[], p_content text[], p_kind text[], p_reply_to bigint[],
    p_nonce text[], p_digest bigint[], p_payload text[], p_now timestamptz
) RETURNS TABLE (o_status text, o_seq bigint, o_message_id bigint, o_created_at timestamptz, o_payload text)
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    PERFORM 1 FROM rooms WHERE id = ANY (p_room_id) ORDER BY id FOR NO KEY UPDATE;
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT * FROM unnest(p_room_id, p_user_id, p_content, p_kind, p_reply_to, p_nonce, p_digest, p_payload)
            WITH ORDINALITY AS a (room_id, user_id, content, kind, reply_to, nonce, digest, payload, ord)
    ), judged AS MATERIALIZED (
        SELECT a.*, r.last_seq, o.seq AS old_seq, o.message_id AS old_message_id, o.created_at AS old_created_at,
            o.payload AS old_payload,
            CASE -- the nonce first: a repeat gets its first result also in a room that was closed since
                WHEN o.digest <> a.digest THEN 'nonce_conflict'
                WHEN o.seq IS NOT NULL THEN 'duplicate'
                WHEN r.id IS NULL OR r.archived_at IS NOT NULL THEN 'no_such_room'
                WHEN m.is_member IS NULL AND r.is_private THEN 'no_such_room'
                WHEN m.is_member IS NULL THEN 'not_a_member'
                WHEN m.muted_until > p_now THEN 'muted'
                WHEN a.reply_to IS NOT NULL AND p.is_there IS NULL THEN 'no_such_message'
                ELSE 'new'
            END AS status
        FROM asked a
        LEFT JOIN LATERAL (SELECT * FROM rooms WHERE id = a.room_id OFFSET 0) r ON true
        LEFT JOIN LATERAL (
            SELECT true AS is_member, muted_until FROM memberships
            WHERE room_id = a.room_id AND user_id = a.user_id OFFSET 0
        ) m ON true
        LEFT JOIN LATERAL (
            SELECT l.seq, l.message_id, l.digest, l.created_at, l.payload FROM room_log l
            WHERE l.nonce = a.nonce AND l.user_id = a.user_id AND l.room_id = a.room_id OFFSET 0
        ) o ON true
        LEFT JOIN LATERAL (
            SELECT true AS is_there FROM messages WHERE id = a.reply_to AND room_id = a.room_id OFFSET 0
        ) p ON true
    ), firsts AS MATERIALIZED (
        SELECT j.*, CASE WHEN j.nonce IS NULL THEN j.ord ELSE
            min(j.ord) FILTER (WHERE j.status = 'new') OVER (PARTITION BY j.room_id, j.user_id, j.nonce)
            END AS first_ord
        FROM judged j
    ), placed AS MATERIALIZED (
        SELECT n.*, nextval('messages_id_seq') AS message_id FROM (
            SELECT f.*, f.last_seq + row_number() OVER (PARTITION BY f.room_id ORDER BY f.ord) AS seq
            FROM firsts f WHERE f.status = 'new' AND f.ord = f.first_ord ORDER BY f.ord OFFSET 0
        ) n
    ), logged AS (
        INSERT INTO room_log (room_id, seq, type, user_id, message_id, nonce, digest, payload, created_at)
        SELECT n.room_id, n.seq, 'message_sent', n.user_id, n.message_id, n.nonce, n.digest, n.payload, p_now
        FROM placed n
    ), kept AS (
        INSERT INTO messages (id, room_id, seq, user_id, content, kind, reply_to, created_at)
        SELECT n.message_id, n.room_id, n.seq, n.user_id, n.content, n.kind, n.reply_to, p_now FROM placed n
    ), counted AS (
        UPDATE rooms r SET last_seq = h.seq FROM (
            SELECT n.room_id, max(n.seq) AS seq FROM placed n GROUP BY n.room_id
        ) h WHERE r.id = h.room_id
    )
    SELECT
        CASE
            WHEN f.status IN ('duplicate', 'nonce_conflict') OR n.ord IS NULL OR n.ord > f.ord THEN f.status
            WHEN n.ord = f.ord THEN 'new'
            WHEN n.digest <> f.digest THEN 'nonce_conflict'
            ELSE 'duplicate'
        END,
        coalesce(f.old_seq, n.seq), coalesce(f.old_message_id, n.message_id), coalesce(f.old_created_at, p_now),
        f.old_payload
    FROM firsts f LEFT JOIN placed n ON n.ord = f.first_ord ORDER BY f.ord;
END $$
"""
