"""Stage 2'', what REST dialects share: the types of bodies, and what of a request is more than its JSON."""
