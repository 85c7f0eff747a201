"""Stays: who is in which talk of one room's space, as far as this node knows. The store knows better."""

from collections.abc import Collection

from tertulia.domain.commands import OpenedFloor
from tertulia.domain.ids import RoomId, UserId


class Stays:
    """*talks*: those that people are in; *talkers*: who was ever in one; *of_areas*: the talks of areas, by their ids."""

    def __init__(self, opened: OpenedFloor) -> None:
        self.talks: dict[UserId, set[RoomId]] = {}
        self.talkers: set[UserId] = set()
        self.of_areas: dict[int, RoomId] = {}
        self._doubtful: set[tuple[RoomId, UserId]] = set()
        """Those of which the store did not say what is known here when it was asked last."""
        self.recall(opened)

    def recall(self, opened: OpenedFloor) -> None:
        self.talkers.update(opened.talkers)
        for stay in opened.stays:
            self.begin(stay.user_id, stay.talk_id)
            if stay.area_id is not None:
                self.of_areas[stay.area_id] = stay.talk_id

    def begin(self, user_id: UserId, talk_id: RoomId) -> None:
        """They are in that talk."""
        self.talkers.add(user_id)
        self.talks.setdefault(user_id, set()).add(talk_id)
        self._doubtful.discard((talk_id, user_id))

    def end(self, talk_id: RoomId, user_id: UserId) -> None:
        """They are not."""
        talks = self.talks.get(user_id)
        if talks is not None:
            talks.discard(talk_id)
            if not talks:
                del self.talks[user_id]

    def compare(self, is_open: Collection[tuple[RoomId, UserId]]) -> set[tuple[RoomId, UserId]]:
        """*is_open*: who is in which talk, as the store knew it a moment ago. What it does not know twice is over; what
        it knew twice and is not known here has begun, which this node was not told: that is given back."""
        known = {(talk_id, user_id) for user_id, talks in self.talks.items() for talk_id in talks}
        doubtful = known.symmetric_difference(is_open)
        doubtful_twice = doubtful & self._doubtful
        for talk_id, user_id in doubtful_twice & known:
            self.end(talk_id, user_id)
        self._doubtful = doubtful
        return doubtful_twice - known
