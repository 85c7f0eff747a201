"""The simulator: people who are none, for sizing a machine and for tests. A client, which knows the server by its wire."""

from tertulia.simulator.options import Failure, Options, Unusable, options_from
from tertulia.simulator.report import Report, as_json
from tertulia.simulator.run import simulate

__all__ = ["Failure", "Options", "Report", "Unusable", "as_json", "options_from", "simulate"]
