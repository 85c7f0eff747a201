"""Bodies: what every dialect's REST models are built of. What comes in is strict about types, and ignores fields that it
does not know; what goes out is read off the domain's own models, field by field."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, Strict

from tertulia.domain.clock import rfc3339
from tertulia.protocol.fields import Text


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def left_out(**more: Any) -> Any:
    """The default of a field that stays as it is when it is not given; which giving null does not mean. *more*: as
    `Field` takes it."""
    return Field(default=None, json_schema_extra=_without_default, **more)


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
MomentIn = Annotated[AwareDatetime, Strict(strict=False), AfterValidator(_in_utc)]


class Body(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(strict=True)

    def given(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True)


class Shape(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(from_attributes=True)


class Credentials(Body):
    """*username* may be the email address, which may be called *email*, too."""

    username: Text = Field(validation_alias=AliasChoices("username", "email"), examples=["alice"])
    password: Text = Field(examples=["correct horse battery staple"])
