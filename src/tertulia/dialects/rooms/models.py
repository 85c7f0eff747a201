"""rooms' REST bodies."""

from pydantic import Field

from tertulia.protocol.fields import Text
from tertulia.rest.bodies import Body, Shape, Time


class RoomsToken(Shape):
    access_token: str
    token_type: str = "bearer"


class RoomsNewUser(Body):
    username: Text = Field(examples=["alice"])
    password: Text = Field(examples=["correct horse battery staple"])
    email: Text | None = Field(default=None, examples=["alice@example.org"])


class RoomsUser(Shape):
    """As one sees oneself."""

    id: int
    username: str
    email: str | None
    is_active: bool
    created_at: Time


class RoomsNewRoom(Body):
    name: Text = Field(examples=["Kitchen"])
    description: Text = ""
    is_private: bool = False


class RoomsRoom(Shape):
    """*name*: a direct room has none, a group may have none: then it is empty. *owner_id*: null where nobody owns it."""

    id: int
    name: str
    description: str
    created_at: Time
    owner_id: int | None
    member_count: int


class RoomsDone(Shape):
    """*message*: for a person."""

    message: str


class RoomsNewMessage(Body):
    content: Text = Field(examples=["Hello everyone!"])


class RoomsMessage(Shape):
    """*timestamp*: when it was stored."""

    id: int
    room_id: int
    user_id: int
    username: str
    content: str
    timestamp: Time = Field(validation_alias="created_at")


class RoomsConnection(Shape):
    """An open socket. *rooms*: those that it hears; *address*: where it comes from."""

    id: str
    user_id: int
    username: str
    dialect: str
    rooms: list[int]
    since: Time
    address: str


class RoomsCount(Shape):
    """The open sockets of the node that answers. *public*: without an account. *rooms*: how many hear each, by its id."""

    total: int
    authenticated: int
    public: int
    rooms: dict[int, int] = Field(examples=[{"1": 2}])


class RoomsConnections(RoomsCount):
    """As admins see them."""

    connections: list[RoomsConnection]
