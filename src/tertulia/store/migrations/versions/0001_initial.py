"""The first schema."""

from alembic import op

from tertulia.store.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
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
