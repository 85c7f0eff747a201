"""Tables that must be total, and are told so when a word is added."""

import pytest

from tertulia.domain import commands, errors, events
from tertulia.protocol.dialect import CloseReason
from tertulia.services.accounts import Accounts
from tertulia.services.avatars import Avatars
from tertulia.services.blocks import Blocks
from tertulia.services.conversations import Conversations
from tertulia.services.handlers import OF_A_CONNECTION, ON_THE_HOT_PATH, Services, handlers
from tertulia.services.marks import Marks
from tertulia.services.members import Members
from tertulia.services.messages import Messages
from tertulia.services.objects import Objects
from tertulia.services.passwords import Passwords
from tertulia.services.people import People
from tertulia.services.pins import Pins
from tertulia.services.reactions import Reactions
from tertulia.services.rooms import Rooms
from tertulia.services.talks import Talks
from tertulia.services.tokens import Tokens
from tertulia.services.tools import Tools
from tertulia.services.walks import Walks
from tertulia.store import Store
from tertulia.transport.entering import reason_for
from tertulia.transport.problems import status_of


def every_command() -> set[type]:
    return {
        kind
        for kind in vars(commands).values()
        if isinstance(kind, type)
        and issubclass(kind, commands.Command)
        and kind not in (commands.Command, commands.PageCommand)
    }


def test_every_command_has_one_handler_or_belongs_to_a_connection():
    store = Store.open("sqlite:///never-opened.db")
    accounts = Accounts(store, Passwords(), Tokens("x" * 32))
    services = Services(
        accounts=accounts,
        people=People(),
        avatars=Avatars(store),
        blocks=Blocks(),
        rooms=Rooms(store),
        conversations=Conversations(store),
        members=Members(),
        messages=Messages(),
        reactions=Reactions(),
        pins=Pins(),
        marks=Marks(),
        walks=Walks(store),
        objects=Objects(),
        tools=Tools(store),
        talks=Talks(store),
    )
    table = handlers(services)

    assert set(table) | set(OF_A_CONNECTION) | set(ON_THE_HOT_PATH) == every_command()
    assert not set(table) & set(OF_A_CONNECTION)


def test_every_event_is_in_the_union_of_its_kind():
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type)]

    durable = {kind for kind in kinds if issubclass(kind, events.Durable)} - {events.Durable}
    ephemeral = {kind for kind in kinds if issubclass(kind, events.Ephemeral)} - {events.Ephemeral}
    assert durable == set(events.DURABLE_EVENTS) == set(events.DurableEvent.__args__)
    assert ephemeral == set(events.EPHEMERAL_EVENTS) == set(events.EphemeralEvent.__args__)


@pytest.mark.parametrize("error", errors.every_error(), ids=lambda error: error.__name__)
def test_every_error_has_a_stable_code_and_all_but_the_root_a_status(error):
    assert error.code
    assert error.text
    if error is not errors.TertuliaError:
        made = error(1.0) if issubclass(error, errors.TooFast) else error("x")
        assert 400 <= status_of(made) <= 503


def test_codes_are_not_used_twice():
    codes = [error.code for error in errors.every_error()]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.MissingToken(), CloseReason.MISSING_TOKEN),
        (errors.InvalidToken(), CloseReason.INVALID_TOKEN),
        (errors.NoSuchRoom(), CloseReason.NO_SUCH_ROOM),
        (errors.NotAMember(), CloseReason.NOT_A_MEMBER),
        (errors.Banned(), CloseReason.NOT_A_MEMBER),
        (errors.RoleTooLow(), CloseReason.FORBIDDEN),
        (errors.Unavailable(), CloseReason.OVERLOADED),
        (errors.Conflict(), CloseReason.FAULT),
    ],
    ids=lambda value: getattr(value, "code", value.name if isinstance(value, CloseReason) else ""),
)
def test_what_an_opening_is_refused_for_is_what_it_is_closed_for(error, reason):
    assert reason_for(error) is reason
