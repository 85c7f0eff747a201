"""Tertulia: one server for people who talk in real time, in several wire dialects."""

from importlib.metadata import version

__version__ = version("tertulia")
