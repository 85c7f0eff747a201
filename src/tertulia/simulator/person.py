"""A person: walks, sits down, talks, uses things. Is told the time and what happens, and does no I/O."""

import math
from enum import Enum
from random import Random
from typing import Any, Protocol

from tertulia.simulator.floor import Floor
from tertulia.simulator.ways import Place
from tertulia.simulator.wire import Thing

SLOWEST, FASTEST = 60.0, 140.0
"""Units a second of people who walk; of a room's limit at most `SHARE_OF_LIMIT`."""
SHARE_OF_LIMIT = 0.8
PAUSE = 0.5, 4.0
SEATED = 8.0, 40.0
"""Seconds, from and to."""
TAKEN_ABACK = 0.4
"""Seconds that one stands after having been put elsewhere: as long as what was said before takes to be answered."""
TRIES = 3
"""Times that one sets out for the same goal."""
ANSWER_WITHIN = 5.0
LONGEST_STEP = 0.5
"""Seconds: who was held up does not leap."""
NEAR = 0.4
"""Of the room's earshot: so near are people who talk to each other."""
HARDLY = 1.0
"""Units: who is put elsewhere by less takes no notice."""

WORDS = (
    "Good morning!",
    "Is this chair free?",
    "Who wants coffee?",
    "I was just over at the whiteboard.",
    "Has anybody seen my umbrella?",
    "¿Qué tal?",
    "Ça va, et toi ?",
    "Let us meet by the counter in five minutes.",
    "That is what I said yesterday, too.",
    "お茶にしましょう。",
    "One more song, please 🎵",
    "Could you write that on the board? I will copy it into the minutes afterwards, with the names of all who were here.",
)


class Body(Protocol):
    """What a person does with it. Answers come later, by `Person.answered`."""

    def move(self, x: float, y: float, direction: int) -> None: ...
    def use(self, thing_id: int, action: str, params: dict[str, Any]) -> None: ...
    def say(self, text: str, *, nearby: bool) -> None: ...
    def set_out(self) -> None:
        """A walk begins."""

    def near(self, reach: float) -> Place | None:
        """Where the nearest other one stands, if not further off than *reach* units."""


class Doing(Enum):
    STANDING = 0
    WALKING = 1
    ASKING = 2
    SITTING = 3


class Person:
    """Does the same again for the same *seed*, as far as the others and the server do. Times are seconds of any
    monotonic clock. Is nowhere until `arrive`."""

    __slots__ = (
        "_body", "_chance", "_direction", "_doing", "_floor", "_goal", "_is_restless", "_next_word", "_pace", "_route",
        "_talk", "_thing", "_tries", "_until", "_walked_at", "is_there", "x", "y",
    )  # fmt: skip

    def __init__(self, seed: str, floor: Floor, body: Body, *, talk: float, restless: bool = False) -> None:
        """*talk*: messages a minute. *restless*: walks, and does not pause, sit or use anything."""
        self._floor, self._body, self._talk, self._is_restless = floor, body, talk, restless
        self._chance = Random(seed)
        self._pace = self._chance.uniform(SLOWEST, FASTEST)
        self._doing = Doing.STANDING
        self._until = self._next_word = self._walked_at = 0.0
        self._route: list[Place] = []
        self._goal: Place | None = None
        self._thing: Thing | None = None  # what one goes to, or sits on
        self._tries = 0
        self._direction = 0
        self.is_there = False
        self.x = self.y = 0.0

    # ---- what happens to them

    def arrive(self, x: float, y: float, now: float) -> None:
        """In the room, or back in it."""
        self.x, self.y, self.is_there = x, y, True
        self.begin(now)

    def begin(self, now: float) -> None:
        """To live, after a pause of their own: not all do at once."""
        self._stand(now, self._pause())
        self._next_word = now + self._silence()

    def leave(self) -> None:
        self.is_there = False

    def corrected(self, x: float, y: float, now: float) -> bool:
        """The server says where they really are. False: it is as they thought."""
        if math.dist((x, y), (self.x, self.y)) < HARDLY:
            return False
        self.x, self.y = x, y
        if self._doing is Doing.WALKING:
            self._stand(now, TAKEN_ABACK, gives_up=self._tries >= TRIES)
        return True

    def answered(self, action: str, code: str | None, now: float) -> None:
        """To `use`. *code*: of the refusal; None: it is done."""
        if self._doing is not Doing.ASKING:
            return
        if action == "sit" and code is None:
            self._doing, self._until = Doing.SITTING, now + self._chance.uniform(*SEATED)
        else:
            self._thing = None
            self._stand(now, self._pause())

    # ---- what they do

    def step(self, now: float) -> None:
        """Called as often as one says where one is."""
        if not self.is_there:
            return
        if now >= self._next_word:
            self._speak(now)
        if self._doing is Doing.WALKING:
            self._walk(now)
        elif now >= self._until:
            self._go_on(now)

    def _go_on(self, now: float) -> None:
        if self._doing is Doing.SITTING and self._thing is not None:
            self._body.use(self._thing.id, "stand", {})
            self._thing = None
            self._stand(now, self._pause())
            return
        if self._goal is None:
            self._tries = 0
            self._goal = self._choose()
        self._tries += 1
        self._doing, self._walked_at = Doing.WALKING, now
        self._route = self._floor.ways.route(self.x, self.y, *self._goal)
        self._body.set_out()

    def _choose(self) -> Place:
        """Where to go next, and for what."""
        chance, self._thing = self._chance, None
        if self._is_restless:
            return self._floor.spot(chance)
        wish = chance.random()
        if wish < 0.35:
            self._thing = self._floor.free_seat(chance)
        elif wish < 0.5:
            self._thing = self._floor.tool(chance)
        elif wish < 0.65 and (place := self._body.near(math.inf)) is not None:
            turn, apart = chance.uniform(0, 2 * math.pi), chance.uniform(20, 50)
            return self._floor.ways.settle(place[0] + apart * math.cos(turn), place[1] + apart * math.sin(turn))
        elif wish < 0.75 and (area := self._floor.area(chance)) is not None:
            share, other = chance.uniform(0.2, 0.8), chance.uniform(0.2, 0.8)
            return self._floor.ways.settle(area.x + share * area.width, area.y + other * area.height)
        return self._floor.spot(chance) if self._thing is None else self._floor.beside(self._thing)

    def _walk(self, now: float) -> None:
        elapsed, self._walked_at = min(now - self._walked_at, LONGEST_STEP), now
        limit = self._floor.space.speed
        left = elapsed * (min(self._pace, limit * SHARE_OF_LIMIT) if limit > 0 else self._pace)
        x, y = self.x, self.y
        while self._route and left > 0:
            to_x, to_y = self._route[0]
            far = math.dist((x, y), (to_x, to_y))
            if far > 0:
                self._direction = round(math.degrees(math.atan2(to_y - y, to_x - x))) % 360
            if far <= left:
                x, y = self._route.pop(0)
            else:
                x, y = x + (to_x - x) * left / far, y + (to_y - y) * left / far
            left -= far
        x, y = round(x, 2), round(y, 2)
        if (x, y) != (self.x, self.y):
            self.x, self.y = x, y
            self._body.move(x, y, self._direction)
        if not self._route:
            self._reach(now)

    def _reach(self, now: float) -> None:
        """They are where they wanted to go."""
        thing, self._goal = self._thing, None
        if thing is None:
            self._stand(now, 0.0 if self._is_restless else self._pause())
            return
        what = ("sit", {}) if thing.is_seat else deed(thing, self._chance)
        if what is None or (thing.is_seat and self._floor.is_taken(thing)):
            self._thing = None
            self._stand(now, self._pause())
            return
        self._doing, self._until = Doing.ASKING, now + ANSWER_WITHIN
        self._body.use(thing.id, *what)

    def _stand(self, now: float, pause: float, *, gives_up: bool = False) -> None:
        self._doing, self._until, self._route = Doing.STANDING, now + pause, []
        if gives_up:
            self._goal = self._thing = None

    def _speak(self, now: float) -> None:
        self._next_word = now + self._silence()
        is_near = self._body.near(NEAR * self._floor.space.earshot) is not None
        self._body.say(self._chance.choice(WORDS), nearby=is_near and self._chance.random() < 0.5)

    def _pause(self) -> float:
        return self._chance.uniform(*PAUSE)

    def _silence(self) -> float:
        """Seconds until they say something again. As with calls at an exchange, there is no rhythm in it."""
        return self._chance.expovariate(self._talk / 60) if self._talk > 0 else math.inf


def deed(thing: Thing, chance: Random) -> tuple[str, dict[str, Any]] | None:
    """Something to do with a tool: an action and its params; None if nothing is known that it takes."""
    declared = thing.metadata.get("actions")
    match thing.metadata.get("tool"):
        case "whiteboard":
            return "write", {"text": chance.choice(WORDS)}
        case "notice_board":
            return "post", {"text": chance.choice(WORDS)}
        case "jukebox":
            return "play", {"title": chance.choice(WORDS), "duration": 180}
        case _:
            pass
    if not isinstance(declared, dict):
        return "look", {}  # whatever a tool does not declare is only told to all
    free = [action for action, schema in declared.items() if not isinstance(schema, dict) or not schema.get("required")]
    return (chance.choice(free), {}) if free else None
