"""What a client makes of a snapshot and the events after it: the room as it is now, without asking again. Pure."""

import msgspec
from msgspec.structs import replace

from tertulia.domain.events import (
    DeliveredUpdated,
    DurableEvent,
    MemberAdded,
    MemberRemoved,
    MemberUpdated,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessageSent,
    MessageUnpinned,
    ObjectPlaced,
    ObjectRemoved,
    ObjectUpdated,
    ReactionAdded,
    ReactionRemoved,
    ReadUpdated,
    RoomDeleted,
    RoomUpdated,
    ToolUsed,
)
from tertulia.domain.models import Membership, Message, Reaction, Room, SpaceObject
from tertulia.domain.quotes import quote


class View(msgspec.Struct, frozen=True):
    """A room as somebody who follows its events knows it. *room* is None once it is archived."""

    room: Room | None
    members: dict[int, Membership]
    messages: dict[int, Message]
    pins: list[int]
    """The one pinned last comes first."""
    objects: dict[int, SpaceObject]


def apply(view: View, event: DurableEvent) -> View:
    assert view.room is not None, "nothing follows the end of a log"
    room, members, messages = replace(view.room, last_seq=event.seq), dict(view.members), dict(view.messages)
    pins, objects = view.pins, dict(view.objects)
    match event:
        case MessageSent():
            messages[event.message_id] = sent(event)
        case MessageEdited() | MessageDeleted():
            messages = changed(messages, event)
            pins = [one for one in pins if not messages[one].is_deleted]
        case ReactionAdded() | ReactionRemoved():
            old = messages[event.message_id]
            messages[old.id] = replace(old, reactions=reacted(old.reactions, event))
        case MessagePinned():
            assert event.message_id not in pins
            pins = [event.message_id, *pins]
        case MessageUnpinned():
            assert event.message_id in pins
            pins = [one for one in pins if one != event.message_id]
        case MemberAdded():
            members[event.user_id] = added(event)
        case MemberUpdated():
            was = members[event.user_id]
            members[event.user_id] = replace(was, role=event.role, muted_until=event.muted_until)
        case MemberRemoved():
            del members[event.user_id]
        case RoomUpdated():
            room = replace(event.room, last_seq=event.seq)
            assert room.member_count == len(members)
        case ObjectPlaced():
            assert event.object.id not in objects
            objects[event.object.id] = event.object
        case ObjectUpdated():
            assert objects[event.object.id].version == event.object.version - 1
            objects[event.object.id] = event.object
        case ObjectRemoved():
            del objects[event.object_id]
        case ToolUsed():
            objects = used(objects, event)
        case RoomDeleted():
            return View(None, members, messages, pins, objects)
    return View(replace(room, member_count=len(members)), members, messages, pins, objects)


def apply_mark(view: View, event: ReadUpdated | DeliveredUpdated) -> View:
    """Marks are in no log: who missed them sees them in the next snapshot."""
    is_read = isinstance(event, ReadUpdated)
    member = view.members[event.user_id]
    assert event.seq > (member.read_seq if is_read else member.delivered_seq)
    passed = [message for message in view.messages.values() if message.seq <= event.seq]
    assert event.message_id == max((message.id for message in passed), default=None)
    moved = replace(
        member,
        delivered_seq=max(member.delivered_seq, event.seq),
        read_seq=event.seq if is_read else member.read_seq,
    )
    messages = dict(view.messages)
    for one in passed:
        if one.recipient_id == event.user_id:
            read_at = one.read_at or event.at if is_read else one.read_at
            messages[one.id] = replace(one, delivered_at=one.delivered_at or event.at, read_at=read_at)
    return replace(view, members={**view.members, event.user_id: moved}, messages=messages)


def counts(view: View, user_id: int) -> tuple[int, int]:
    """Of a member: what is unread, and how often they are mentioned in it."""
    member = view.members[user_id]
    unread = [
        one
        for one in view.messages.values()
        if one.seq > member.read_seq and one.user_id != user_id and not one.is_deleted
    ]
    return len(unread), sum(one.mentions_here or user_id in one.mentions for one in unread)


def sent(event: MessageSent) -> Message:
    return Message(
        id=event.message_id,
        room_id=event.room_id,
        seq=event.seq,
        user_id=event.user_id,
        username=event.username,
        content=event.content,
        kind=event.kind,
        reply_to=event.reply_to,
        quote=event.quote,
        mentions=event.mentions,
        mentions_here=event.mentions_here,
        recipient_id=event.recipient_id,
        created_at=event.created_at,
    )


def added(event: MemberAdded) -> Membership:
    return Membership(
        room_id=event.room_id,
        user_id=event.user_id,
        username=event.username,
        display_name=event.username.title(),
        role=event.role,
        delivered_seq=event.seq,
        read_seq=event.seq,
        joined_at=event.created_at,
    )


def changed(messages: dict[int, Message], event: MessageEdited | MessageDeleted) -> dict[int, Message]:
    """The replies to it show what it says now."""
    old = messages[event.message_id]
    if isinstance(event, MessageEdited):
        new = replace(
            old,
            content=event.content,
            mentions=event.mentions,
            mentions_here=event.mentions_here,
            is_edited=True,
            updated_at=event.updated_at,
        )
    else:
        new = replace(
            old,
            content="",
            mentions=[],
            mentions_here=False,
            reactions=[],
            is_deleted=True,
            updated_at=event.updated_at,
        )
    shown = quote(new.id, new.user_id, new.username, new.content, is_deleted=new.is_deleted)
    replies = {key: replace(one, quote=shown) for key, one in messages.items() if one.reply_to == new.id}
    return {**messages, **replies, new.id: new}


def used(objects: dict[int, SpaceObject], event: ToolUsed) -> dict[int, SpaceObject]:
    """All that a tool changes is told by this event."""
    others = {key: one for key, one in objects.items() if key != event.target_object_id}
    assert len(others) == len(objects) - 1
    if event.object is None:
        return others
    assert event.object.id == event.target_object_id
    return {**objects, event.object.id: event.object}


def reacted(groups: list[Reaction], event: ReactionAdded | ReactionRemoved) -> list[Reaction]:
    """While all who gave one are shown."""
    was = next(
        (group for group in groups if group.emoji == event.emoji), Reaction(emoji=event.emoji, count=0, users=[])
    )
    others = [user_id for user_id in was.users if user_id != event.user_id]
    is_added = isinstance(event, ReactionAdded)
    now = Reaction(emoji=event.emoji, count=event.count, users=[*others, event.user_id] if is_added else others)
    assert now.count == len(now.users) == len(was.users) + (1 if is_added else -1)
    if not was.users:
        return [*groups, now]
    return [now if group is was else group for group in groups if group is not was or now.users]
