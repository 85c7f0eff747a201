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
    op.create_index("ix_tool_uses_room_id_user_id_id", "tool_uses", ["room_id", "user_id", "id"], unique=False)
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
        op.execute(POST_BATCH)


# As in 0002, with talks: who is in one now is told apart from who may read it, and in a private one nobody replies to
# what they have not heard, nor is it quoted to who has not. Nodes of the version before call it, too.
POST_BATCH = """
CREATE OR REPLACE FUNCTION post_batch(
    p_room_id bigint[], p_user_id bigint[], p_content text[], p_kind text[], p_reply_to bigint[], p_nonce text[],
    p_digest bigint[], p_payload text[], p_names text[], p_here boolean[], p_now timestamptz
) RETURNS TABLE (
    o_status text, o_seq bigint, o_message_id bigint, o_created_at timestamptz, o_payload text, o_more text
)
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    v_named text[];
BEGIN
    PERFORM 1 FROM rooms WHERE id = ANY (p_room_id) ORDER BY id FOR NO KEY UPDATE;
    IF p_names IS NOT NULL THEN
        SELECT array_agg((
            SELECT string_agg(u.id::text, ',' ORDER BY w.place)
            FROM json_array_elements_text(a.names::json) WITH ORDINALITY AS w (name, place)
            CROSS JOIN LATERAL (SELECT id FROM users WHERE username_key = w.name OFFSET 0) u
            CROSS JOIN LATERAL (SELECT FROM memberships WHERE room_id = a.room_id AND user_id = u.id OFFSET 0) m
        ) ORDER BY a.ord) INTO v_named
        FROM unnest(p_room_id, p_names) WITH ORDINALITY AS a (room_id, names, ord);
    END IF;
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT * FROM unnest(
            p_room_id, p_user_id, p_content, p_kind, p_reply_to, p_nonce, p_digest, p_payload, v_named, p_here
        ) WITH ORDINALITY AS a (
            room_id, user_id, content, kind, reply_to, nonce, digest, payload, named, is_here, ord
        )
    ), judged AS MATERIALIZED (
        SELECT a.*, r.last_seq, o.seq AS old_seq, o.message_id AS old_message_id, o.created_at AS old_created_at,
            o.payload AS old_payload, p.content AS quoted_content, p.is_deleted AS quoted_is_deleted,
            CASE -- not told, if somebody is there who has come since it was said
                WHEN a.reply_to IS NULL OR r.parent_id IS NULL OR NOT r.is_private THEN p.user_id
                WHEN EXISTS (SELECT FROM stays WHERE talk_id = r.id AND ended IS NULL AND began > p.seq OFFSET 0) THEN NULL
                ELSE p.user_id
            END AS quoted_user_id,
            CASE WHEN r.direct_key IS NOT NULL THEN
                split_part(r.direct_key, ':', 1)::bigint + split_part(r.direct_key, ':', 2)::bigint - a.user_id
            END AS recipient_id,
            CASE -- the nonce first: a repeat gets its first result also in a room that was closed since
                WHEN o.digest <> a.digest THEN 'nonce_conflict'
                WHEN o.seq IS NOT NULL THEN 'duplicate'
                WHEN r.id IS NULL OR r.archived_at IS NOT NULL THEN 'no_such_room'
                WHEN m.is_member IS NULL THEN CASE
                    WHEN r.parent_id IS NULL AND NOT r.is_private THEN 'not_a_member'
                    WHEN r.parent_id IS NOT NULL AND (
                        EXISTS (SELECT FROM stays WHERE talk_id = r.id AND user_id = a.user_id OFFSET 0)
                        OR NOT r.is_private AND EXISTS (
                            SELECT FROM memberships WHERE room_id = r.parent_id AND user_id = a.user_id OFFSET 0
                        )
                    ) THEN 'not_a_member' -- of a talk that they may read
                    ELSE 'no_such_room'
                END
                WHEN r.is_blocked THEN 'blocked'
                WHEN m.muted_until > p_now THEN 'muted'
                WHEN a.reply_to IS NOT NULL AND p.user_id IS NULL THEN 'no_such_message'
                WHEN a.reply_to IS NOT NULL AND r.parent_id IS NOT NULL AND r.is_private AND p.seq > coalesce((
                    SELECT coalesce(s.ended, p.seq) FROM stays s
                    WHERE s.talk_id = r.id AND s.user_id = a.user_id AND s.began <= p.seq
                    ORDER BY s.began DESC LIMIT 1
                ), 0) THEN 'no_such_message' -- that they have heard
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
            SELECT seq, user_id, content, is_deleted FROM messages WHERE id = a.reply_to AND room_id = a.room_id OFFSET 0
        ) p ON true
    ), firsts AS MATERIALIZED (
        SELECT j.*, CASE WHEN j.nonce IS NULL THEN j.ord ELSE
            min(j.ord) FILTER (WHERE j.status = 'new') OVER (PARTITION BY j.room_id, j.user_id, j.nonce)
            END AS first_ord,
            CASE WHEN j.named IS NOT NULL OR j.is_here THEN
                '[' || concat_ws(',', j.named, CASE WHEN j.is_here THEN '0' END) || ']'
            END AS mentions
        FROM judged j
    ), placed AS MATERIALIZED (
        SELECT n.*, nextval('messages_id_seq') AS message_id FROM (
            SELECT f.*, f.last_seq + row_number() OVER (PARTITION BY f.room_id ORDER BY f.ord) AS seq
            FROM firsts f WHERE f.status = 'new' AND f.ord = f.first_ord ORDER BY f.ord OFFSET 0
        ) n
    ), logged AS (
        INSERT INTO room_log (room_id, seq, type, user_id, message_id, nonce, digest, payload, created_at)
        SELECT n.room_id, n.seq, 'message_sent', n.user_id, n.message_id, n.nonce, n.digest,
            CASE WHEN n.mentions IS NULL AND n.recipient_id IS NULL THEN n.payload ELSE concat(
                left(n.payload, -1),
                ',"mentions":[' || n.named || ']',
                CASE WHEN n.is_here THEN ',"mentions_here": true' END, -- a colon and a letter would be a parameter
                ',"recipient_id":' || n.recipient_id,
                '}'
            ) END,
            p_now
        FROM placed n
    ), kept AS (
        INSERT INTO messages
            (id, room_id, seq, user_id, content, kind, reply_to, mentions, recipient_id, created_at)
        SELECT n.message_id, n.room_id, n.seq, n.user_id, n.content, n.kind, n.reply_to, n.mentions, n.recipient_id,
            p_now
        FROM placed n
    ), called AS (
        INSERT INTO mentions (room_id, user_id, seq) -- one row for everybody, or one for each but the author
        SELECT n.room_id, w.id::bigint, n.seq
        FROM placed n
        CROSS JOIN LATERAL unnest(CASE WHEN n.is_here THEN ARRAY['0'] ELSE string_to_array(n.named, ',') END) AS w (id)
        WHERE n.mentions IS NOT NULL AND w.id <> n.user_id::text
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
        f.old_payload,
        CASE WHEN f.mentions IS NOT NULL OR f.recipient_id IS NOT NULL OR f.quoted_user_id IS NOT NULL THEN
            json_build_object(
                'mentions', f.mentions::json,
                'recipient_id', f.recipient_id,
                'quoted', CASE WHEN f.quoted_user_id IS NOT NULL THEN json_build_array(
                    f.quoted_user_id, (SELECT username FROM users WHERE id = f.quoted_user_id),
                    f.quoted_content, f.quoted_is_deleted
                ) END
            )::text
        END
    FROM firsts f LEFT JOIN placed n ON n.ord = f.first_ord ORDER BY f.ord;
END $$
"""
