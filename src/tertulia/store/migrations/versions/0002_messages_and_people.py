"""Reactions, mentions, pins, marks, blocks, avatars."""

import sqlalchemy as sa
from alembic import op

from tertulia.store.tables import Id, Json, Moment
from tertulia.store.users import search_key

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# Long, and rightly so: a plain list of what is made, in its order, with nothing to decide and nothing to share.
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
    op.execute("UPDATE memberships SET delivered_seq = read_seq")
    op.add_column("memberships", sa.Column("joined_seq", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(op.f("ix_memberships_joined_at"), "memberships", ["joined_at"], unique=False)

    op.add_column("messages", sa.Column("mentions", Json(), nullable=True))
    op.add_column("messages", sa.Column("reactions", Json(), nullable=True))
    op.add_column("messages", sa.Column("recipient_id", Id, nullable=True))
    op.add_column("messages", sa.Column("delivered_at", Moment(), nullable=True))
    op.add_column("messages", sa.Column("read_at", Moment(), nullable=True))

    op.add_column("rooms", sa.Column("is_blocked", sa.Boolean(), server_default=sa.text("false"), nullable=False))

    op.add_column("users", sa.Column("search_key", sa.Text(), server_default="", nullable=False))

    # What is chosen and what is shown are two things from now on: who is not connected is offline whatever they chose.
    op.execute("UPDATE users SET status = 'online' WHERE status = 'offline' AND NOT is_deleted")
    fill_search_keys(op.get_bind())

    if op.get_bind().dialect.name == "postgresql":
        # The one of 0001, told from this by its arguments, stays: nodes of that version call it until they are replaced.
        op.execute(POST_BATCH)


def fill_search_keys(connection: sa.Connection) -> None:
    """Some thousands at a time: what is searched for is made in Python, and must be what `search_key` makes today."""
    users = sa.table("users", *(sa.column(name) for name in ("id", "username", "display_name", "search_key")))
    page = sa.select(users.c.id, users.c.username, users.c.display_name).order_by(users.c.id).limit(5000)
    fill = sa.update(users).where(users.c.id == sa.bindparam("user")).values(search_key=sa.bindparam("key"))
    last = 0
    while rows := connection.execute(page.where(users.c.id > last)).all():
        connection.execute(fill, [{"user": row.id, "key": search_key(row.username, row.display_name)} for row in rows])
        last = rows[-1].id


# As in 0001, with what belongs to a message now. *p_names* has a JSON list of folded usernames for each post that
# names somebody, *p_here* whether it calls everybody; both are NULL when no post of the run does either.
#
# What only the database knows is added to the payload before its closing bracket, and given back in *o_more*, with
# what is told but never logged: the message that is replied to. Most posts have nothing of it, and pay nothing for it.
POST_BATCH = """
CREATE FUNCTION post_batch(
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
            o.payload AS old_payload, p.user_id AS quoted_user_id, p.content AS quoted_content,
            p.is_deleted AS quoted_is_deleted,
            CASE WHEN r.direct_key IS NOT NULL THEN
                split_part(r.direct_key, ':', 1)::bigint + split_part(r.direct_key, ':', 2)::bigint - a.user_id
            END AS recipient_id,
            CASE -- the nonce first: a repeat gets its first result also in a room that was closed since
                WHEN o.digest <> a.digest THEN 'nonce_conflict'
                WHEN o.seq IS NOT NULL THEN 'duplicate'
                WHEN r.id IS NULL OR r.archived_at IS NOT NULL THEN 'no_such_room'
                WHEN m.is_member IS NULL AND r.is_private THEN 'no_such_room'
                WHEN m.is_member IS NULL THEN 'not_a_member'
                WHEN r.is_blocked THEN 'blocked'
                WHEN m.muted_until > p_now THEN 'muted'
                WHEN a.reply_to IS NOT NULL AND p.user_id IS NULL THEN 'no_such_message'
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
            SELECT user_id, content, is_deleted FROM messages WHERE id = a.reply_to AND room_id = a.room_id OFFSET 0
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
