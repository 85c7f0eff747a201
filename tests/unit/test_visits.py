"""Being in rooms without a socket."""

from tertulia.domain.models import Actor
from tertulia.domain.roles import UserRole
from tertulia.fanout.occupancy import Occupancy
from tertulia.fanout.visits import MOST, Visits


def test_somebody_visits_so_many_rooms_and_leaves_the_one_that_was_not_heard_of_for_longest():
    told = []
    occupancy = Occupancy("node", say=lambda word: None, tell=told.append)
    visits = Visits(occupancy, 300.0)
    ana, ben = (Actor(user_id, name, UserRole.USER, "s") for user_id, name in ((1, "ana"), (2, "ben")))
    visits.enter(1, ben, None, None)
    for room_id in range(1, MOST + 1):
        visits.enter(room_id, ana, None, None)
    visits.heard_of(1, ana.user_id)
    del told[:]

    assert visits.enter(1000, ana, None, None) == 2

    assert [(type(event).__name__, event.room_id) for event in told] == [("UserJoined", 1000), ("UserLeft", 2)]
    assert occupancy.find(2, ana.user_id) is None
    assert {one.user_id for one in occupancy.occupants(1)} == {1, 2}
