"""Stage 0, the words: ids, models, commands, events, errors. No I/O, and nothing of ours is imported here."""
