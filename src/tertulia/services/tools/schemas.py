"""JSON Schemas that anybody may have written: compiled and asked within bounds, for they may mean harm.

It is JSON Schema 2020-12, but for what could fetch something or take for ever: a reference is `#/$defs/NAME` and leads
to no circle, and there are no other names for places (`$id`, `$anchor`, …) and no `unevaluated…`. Patterns are matched
in linear time, so they know no look-around and no references back. `format` is a remark, not a rule.

What a check costs is known before: each value of a schema meets each value of the parameters at most once, and each
pattern each of their characters.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator, ReferencingError, RegexOptions, ValidationError, ValidationErrorKind
from msgspec import Struct

from tertulia.domain.errors import Invalid

Schema = dict[str, Any] | bool

MOST_VALUES = 1000
"""In a schema, each reference counted as if what it leads to stood there."""
MOST_PATTERNS = 8
MOST_DEFINITIONS = 32
MOST_MEETINGS = 500_000
"""Values of a schema times values of the parameters: 10 ms."""
MOST_MATCHING = 4096
"""Patterns times bytes of the parameters: 30 ms, for the worst patterns that there are."""
PATTERN_SIZE = 65_536
"""Bytes that one pattern may take when it is compiled: room for `^.{1,40}$`, or for `^[\\p{L} ]+$`."""
COMPILED = 64
"""Schemas that are kept compiled: those asked last."""
LONGEST_REMARK = 200

_REFERENCE = re.compile(r"#/\$defs/([A-Za-z0-9_.-]+)")
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFUSED = frozenset({
    "$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "$vocabulary",
    "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
_PATTERNS = RegexOptions(size_limit=PATTERN_SIZE, dfa_size_limit=PATTERN_SIZE // 2)


class Weight(Struct, frozen=True):
    """What it costs to ask a schema."""

    values: int = 0
    patterns: int = 0

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(self.values + other.values, self.patterns + other.patterns)


class Compiled(Struct, frozen=True):
    validator: Draft202012Validator
    weight: Weight


def compile_schema(schema: Any) -> Compiled:
    """*schema* is plain JSON. Raises Invalid."""
    return _compile(msgspec.json.encode(schema))


def check_against(schema: Any, params: dict[str, Any]) -> None:
    """Raises Invalid, naming the parameter; and for a schema that can not be used."""
    compiled = compile_schema(schema)
    weight = compiled.weight
    is_too_much = weight.values * count_values(params) > MOST_MEETINGS
    if is_too_much or weight.patterns * len(msgspec.json.encode(params)) > MOST_MATCHING:
        raise Invalid("params are more than this action's schema can be asked about", field="params")
    try:
        compiled.validator.validate(params)
    except ValidationError as error:
        raise _refusal(error) from None


def count_values(value: Any) -> int:
    """Containers and what is in them."""
    match value:
        case dict():
            return 1 + sum(map(count_values, value.values()))
        case list():
            return 1 + sum(map(count_values, value))
        case _:
            return 1


@lru_cache(COMPILED)
def _compile(encoded: bytes) -> Compiled:
    schema = msgspec.json.decode(encoded)
    if not isinstance(schema, dict | bool):
        raise Invalid("A schema is a JSON object, or true or false")
    weight = _Scale(schema).weigh(schema)
    if weight.values > MOST_VALUES or weight.patterns > MOST_PATTERNS:
        raise Invalid(f"A schema has at most {MOST_VALUES} values and {MOST_PATTERNS} patterns, references followed")
    try:
        validator = Draft202012Validator(
            schema, pattern_options=_PATTERNS, validate_formats=False, offline=True, mask=_MASK
        )
    except (ValueError, ReferencingError) as error:  # ValidationError is a ValueError
        raise Invalid(f"This is no JSON Schema that can be used: {_remark(error)}") from None
    return Compiled(validator, weight)


class _Scale:
    """Weighs a schema, with each reference as if what it leads to stood in its place."""

    def __init__(self, schema: Schema) -> None:
        defined = schema.get("$defs", {}) if isinstance(schema, dict) else {}
        self._defined = defined if isinstance(defined, dict) else {}
        if len(self._defined) > MOST_DEFINITIONS:
            raise Invalid(f"A schema has at most {MOST_DEFINITIONS} $defs")
        self._known: dict[str, Weight | None] = {}

    def weigh(self, node: Any) -> Weight:
        """Raises Invalid for what no schema may have here."""
        weight = Weight(values=1)
        if isinstance(node, list):
            for item in node:
                weight += self.weigh(item)
        elif isinstance(node, dict):
            for key, value in node.items():
                weight += self._weigh_entry(key, value)
        return weight

    def _weigh_entry(self, key: str, value: Any) -> Weight:
        if key in _REFUSED:
            raise Invalid(f"{key} can not be used in a schema here")
        if key == "$schema" and value != _DRAFT:
            raise Invalid(f"$schema can only be {_DRAFT}")
        weight = self.weigh(value)
        if key == "$ref" and isinstance(value, str):
            weight += self._weigh_reference(value)
        if key == "pattern" and isinstance(value, str):
            weight += Weight(patterns=1)
        if key == "patternProperties" and isinstance(value, dict):
            weight += Weight(patterns=len(value))
        return weight

    def _weigh_reference(self, reference: str) -> Weight:
        found = _REFERENCE.fullmatch(reference)
        if found is None or found[1] not in self._defined:
            raise Invalid("$ref can only be #/$defs/NAME, of a schema's own $defs")
        name = found[1]
        if name in self._known:
            known = self._known[name]
            if known is None:
                raise Invalid("$ref can not lead back to itself")
            return known
        self._known[name] = None  # being weighed
        weight = self.weigh(self._defined[name])
        self._known[name] = weight
        return weight


_MASK = "\N{FULL BLOCK}"
"""Stands for the value in the library's messages: nobody needs theirs told back."""


def _refusal(error: ValidationError) -> Invalid:
    path = ["params", *map(str, error.instance_path)]
    match error.kind:
        case ValidationErrorKind.Required(name):
            path.append(name)
            return Invalid(f"{'.'.join(path)} is missing", field=".".join(path))
        case ValidationErrorKind.AdditionalProperties([str(name), *_]):
            path.append(name)
            return Invalid(f"{'.'.join(path)} is not known here", field=".".join(path))
        case _:
            field = ".".join(path)
            return Invalid(_remark(error).replace(_MASK, field), field=field)


def _remark(error: Exception) -> str:
    """One line of it."""
    return getattr(error, "message", str(error)).partition("\n")[0][:LONGEST_REMARK]
