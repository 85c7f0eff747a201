"""Tertulia: one server for people who talk in real time, in five wire dialects."""
