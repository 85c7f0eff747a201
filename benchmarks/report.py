"""Tables into a document, between markers, so that a new run replaces the old one."""

from pathlib import Path


def write_section(document: Path, name: str, text: str) -> None:
    """Put *text* between `<!-- NAME:begin -->` and `<!-- NAME:end -->`. Raises ValueError if a marker is missing."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, found_begin, rest = document.read_text().partition(begin)
    _, found_end, tail = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{document.name} has no section {name}")
    document.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}")
