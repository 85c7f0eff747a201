"""Chance: so that what could happen everywhere at the same moment does not."""

import random


def between(least: float, most: float) -> float:
    return random.uniform(least, most)  # noqa: S311  it spreads load, and hides nothing
