"""cafe's shapes: what REST and sockets call the same thing has the same fields of the same JSON types."""

import json
from typing import Any

import msgspec
import pytest

from tertulia.dialects.cafe import models, shapes, space_models

PAIRS = [
    (shapes.User, models.OwnUser),
    (shapes.Space, space_models.Space),
    (shapes.Room, models.Room),
    (shapes.Quote, models.Quote),
    (shapes.Reaction, models.Reaction),
    (shapes.Message, models.Message),
    (shapes.SpaceObject, space_models.SpaceObject),
]
"""(as sockets send it, as REST does)"""


def of_a_socket(kind: type[msgspec.Struct]) -> Any:
    (schema,), schemas = msgspec.json.schema_components([kind])
    return plain(schema, schemas)


def of_rest(kind: type[models.Shape]) -> Any:
    schema = kind.model_json_schema(mode="serialization")
    return plain(schema, schema.get("$defs", {}))


def plain(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The fields and JSON types of *schema*, without names, bounds and prose."""
    if "$ref" in schema:
        return plain(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return {"any of": sorted(json.dumps(plain(one, schemas), sort_keys=True) for one in schema["anyOf"])}
    if "enum" in schema:
        return "string" if all(isinstance(one, str) for one in schema["enum"]) else schema["enum"]
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: plain(one, schemas) for name, one in schema["properties"].items()}
        case "array":
            return [plain(schema.get("items", {}), schemas)]
        case kind:
            return kind


@pytest.mark.parametrize(("sent", "answered"), PAIRS, ids=lambda kind: kind.__name__)
def test_sockets_and_rest_say_the_same_of_the_same_thing(sent, answered):
    assert of_a_socket(sent) == of_rest(answered)


def test_the_comparison_sees_a_difference():
    class Other(models.Quote):
        text: str | None

    assert of_rest(Other) != of_a_socket(shapes.Quote) == of_rest(models.Quote)
    assert of_a_socket(shapes.Space)["background"] == {"any of": ['"null"', '"string"']}


def test_every_shape_of_the_socket_is_compared_or_has_no_twin():
    kinds = {kind for kind in vars(shapes).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)}
    answered = {*vars(models), *vars(space_models)}
    twins = {kind for kind in kinds if kind is not msgspec.Struct and kind.__name__ in answered}
    assert twins == {sent for sent, _ in PAIRS}
