"""The table: each command, the function that does it, how it runs, and whether one must be signed in or an admin."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, TypeVar

from msgspec import Struct

from tertulia.domain import commands as c
from tertulia.domain.models import Actor
from tertulia.services.accounts import Accounts
from tertulia.services.avatars import Avatars
from tertulia.services.blocks import Blocks
from tertulia.services.conversations import Conversations
from tertulia.services.marks import Marks
from tertulia.services.members import Members
from tertulia.services.messages import Messages
from tertulia.services.objects import Objects
from tertulia.services.people import People
from tertulia.services.pins import Pins
from tertulia.services.reactions import Reactions
from tertulia.services.rooms import Rooms
from tertulia.services.talks import Talks
from tertulia.services.tools import Tools
from tertulia.services.walks import Walks
from tertulia.store import Reader, Work

R = TypeVar("R")
A = TypeVar("A", Actor, Actor | None)


class How(Enum):
    READ = "read"
    """`run(command, actor, reader)`, in one read transaction."""
    WRITE = "write"
    """`run(command, actor, work)`, in the writer lane: one unit of work."""
    STEPS = "steps"
    """`await run(command, actor)`: more than one step, such as hashing a password between two looks."""


class Entry(Struct, frozen=True):
    how: How
    run: Callable[..., Any]
    is_public: bool = False
    for_admins: bool = False


Row = tuple[type[c.Command[Any]], Entry]


# The constructors tie a command's type to its handler's: a wrong pair is a type error.
def read(command: type[c.Command[R]], run: Callable[[Any, Actor, Reader], R]) -> Row:
    return command, Entry(How.READ, run)


def write(command: type[c.Command[R]], run: Callable[[Any, Actor, Work], R], *, for_admins: bool = False) -> Row:
    return command, Entry(How.WRITE, run, for_admins=for_admins)


def steps(command: type[c.Command[R]], run: Callable[[Any, Actor], Awaitable[R]]) -> Row:
    return command, Entry(How.STEPS, run)


def public(command: type[c.Command[R]], run: Callable[[Any, Actor | None], Awaitable[R]]) -> Row:
    return command, Entry(How.STEPS, run, is_public=True)


OF_A_CONNECTION: tuple[type[c.Command[Any]], ...] = (
    c.Authenticate,
    c.ExitRoom,
    c.Greet,
    c.Listen,
    c.Move,
    c.Ping,
    c.Shout,
    c.Type,
)
"""These change a connection and nothing stored: the session that holds it does them."""

ON_THE_HOT_PATH: tuple[type[c.Command[Any]], ...] = (c.SendMessage, c.SendDirect)
"""Applied by the writer lane for a whole batch in one call: see `Executor.post`."""


class Services(Struct, frozen=True, kw_only=True):
    """A service for each feature."""

    accounts: Accounts
    people: People
    avatars: Avatars
    blocks: Blocks
    rooms: Rooms
    conversations: Conversations
    members: Members
    messages: Messages
    reactions: Reactions
    pins: Pins
    marks: Marks
    walks: Walks
    objects: Objects
    tools: Tools
    talks: Talks


def handlers(services: Services) -> dict[type[c.Command[Any]], Entry]:
    return dict([*_of_people(services), *_of_rooms(services), *_of_messages(services), *_of_spaces(services)])


def _of_people(services: Services) -> list[Row]:
    accounts, people, avatars, blocks = services.accounts, services.people, services.avatars, services.blocks
    return [
        public(c.Register, accounts.register),
        public(c.Login, accounts.login),
        public(c.RefreshTokens, accounts.refresh),
        steps(c.ChangePassword, accounts.change_password),
        write(c.Logout, accounts.logout),
        read(c.ListSessions, accounts.list_sessions),
        write(c.EndSession, accounts.end_session),
        write(c.IssueTicket, accounts.issue_ticket),
        read(c.GetUser, people.get_user),
        read(c.ListUsers, people.list_users),
        write(c.UpdateProfile, people.update_profile),
        write(c.SetStatus, people.set_status),
        write(c.UpdateAccount, people.update_account, for_admins=True),
        write(c.DeleteAccount, people.delete_account),
        steps(c.SetAvatar, avatars.set_avatar),
        steps(c.RemoveAvatar, avatars.remove_avatar),
        public(c.GetAvatar, avatars.get_avatar),
        write(c.BlockUser, blocks.block),
        write(c.UnblockUser, blocks.unblock),
        read(c.ListBlocked, blocks.list_blocked),
    ]


def _of_rooms(services: Services) -> list[Row]:
    rooms, conversations, members = services.rooms, services.conversations, services.members
    return [
        write(c.CreateRoom, rooms.create_room),
        write(c.CreateGroup, conversations.create_group),
        steps(c.OpenDirect, conversations.open_direct),
        read(c.FindDirect, conversations.find_direct),
        read(c.FindVoice, conversations.find_voice),
        read(c.GetConversation, conversations.get_conversation),
        read(c.ListConversations, conversations.list_conversations),
        public(c.ListVisibleRooms, rooms.list_visible),
        read(c.GetRoom, rooms.get_room),
        read(c.ListRooms, rooms.list_rooms),
        read(c.ListHeads, rooms.list_heads),
        write(c.UpdateRoom, rooms.update_room),
        write(c.ArchiveRoom, rooms.archive_room),
        steps(c.EnterRoom, rooms.enter),
        write(c.JoinRoom, members.join),
        write(c.LeaveRoom, members.leave),
        read(c.ListMembers, members.list_members),
        write(c.AddMember, members.add_member),
        write(c.UpdateMember, members.update_member),
        write(c.RemoveMember, members.remove_member),
        write(c.CreateInvite, members.create_invite),
        write(c.AcceptInvite, members.accept_invite),
    ]


def _of_messages(services: Services) -> list[Row]:
    messages, reactions, pins, marks = services.messages, services.reactions, services.pins, services.marks
    return [
        write(c.EditMessage, messages.edit_message),
        write(c.DeleteMessage, messages.delete_message),
        read(c.GetMessage, messages.get_message),
        read(c.ListMessages, messages.list_messages),
        read(c.ListVersions, messages.list_versions),
        read(c.ListRecentMessages, messages.list_recent),
        read(c.ListEvents, messages.list_events),
        write(c.AddReaction, reactions.add),
        write(c.RemoveReaction, reactions.remove),
        write(c.ToggleReaction, reactions.toggle),
        read(c.ListReactions, reactions.list_reactions),
        write(c.PinMessage, pins.pin),
        write(c.UnpinMessage, pins.unpin),
        read(c.ListPins, pins.list_pins),
        write(c.MarkRead, marks.mark_read),
        write(c.MarkReadTo, marks.mark_read_to),
        write(c.MarkDelivered, marks.mark_delivered),
    ]


def _of_spaces(services: Services) -> list[Row]:
    walks, objects, tools, talks = services.walks, services.objects, services.tools, services.talks
    return [
        steps(c.EnterSpace, walks.enter),
        steps(c.WalkTo, walks.walk),
        steps(c.LeaveSpace, walks.leave),
        steps(c.ListOccupants, walks.list_occupants),
        write(c.PlaceObject, objects.place),
        write(c.UpdateObject, objects.update),
        write(c.RemoveObject, objects.remove),
        read(c.GetObject, objects.get_object),
        read(c.ListObjects, objects.list_objects),
        read(c.GetFloorPlan, objects.get_plan),
        write(c.ReplaceFloorPlan, objects.replace_plan),
        write(c.UseTool, tools.use_tool),
        read(c.ListToolUses, tools.list_uses),
        write(c.LockArea, talks.lock_area),
        read(c.ListTalks, talks.list_talks),
        # asked by the server itself
        public(c.EnterArea, talks.enter_area),
        public(c.LeaveArea, talks.leave_area),
        public(c.Gather, talks.gather),
        public(c.FreeSeat, tools.free_seat),
        public(c.ListLeases, walks.list_leases),
        public(c.KeepPlaces, walks.keep_places),
        public(c.OpenFloor, walks.open_floor),
    ]
