"""Stage 3, what commands do: one door, a table of handlers, the rules of who may, and a module for each feature."""
