"""Settings: all that a server can be told, from the environment or `.env`, checked before anything starts.

Read by `app` and `cli` alone; everything else is given the numbers it needs. docs/settings.md shows the same table.
"""

import contextlib
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

SECRET_FILE = "secret_key"
SHORTEST_SECRET = 32
"""Bytes. RFC 7518 §3.2: a key for HS256 has at least the size of the hash."""

_HIDDEN = frozenset({"secret_key", "database_url", "redis_url"})
_PLACEHOLDER = re.compile(
    r"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"  # the one in FastAPI's tutorial
    r"|change.?me|change.?this|change.?it|change.?in.?prod|your.?(own.?|super.?)?secret|super.?secret"
    r"|replace.?(me|this)|placeholder|insecure|example|to.?be.?changed|0123456789abcdef0123",
    re.IGNORECASE,
)


class InvalidSetting(Exception):
    """A setting stops the start. The text is one line for the person at the terminal, and holds no secret."""


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/")):
            raise ValueError(f"{origin!r} is not an origin such as https://chat.example.org")
    return origins


def _scheme(*allowed: str) -> AfterValidator:
    def check(url: str) -> str:
        if url.partition("://")[0].partition("+")[0] not in allowed or "://" not in url:
            raise ValueError(f"should begin with {' or '.join(f'{scheme}://' for scheme in allowed)}")
        return url

    return AfterValidator(check)


def _in_data_dir(fields: dict[str, Any]) -> str:
    # Without a data directory there is an error already, and nobody will see this.
    return f"sqlite:///{fields.get('data_dir', Path('data')) / 'tertulia.db'}"


Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_origins)]
DatabaseUrl = Annotated[str, _scheme("sqlite", "postgresql", "postgres")]
RedisUrl = Annotated[str, _scheme("redis", "rediss", "unix")]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]


class Settings(BaseSettings):
    """Everything that can be set. `load` reads it; only what `load` gives has a secret key for sure."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    # Where it listens, and what it keeps where.
    host: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` or `::` for all.")
    port: Port = Field(8000, description="Port to listen on; 0 takes a free one.")
    debug: bool = Field(False, description="For development: more in the log, and any `SECRET_KEY` will do.")
    data_dir: Path = Field(Path("./data"), description="Holds the SQLite file, the secret key and uploads.")
    database_url: DatabaseUrl = Field(
        default_factory=_in_data_dir,
        repr=False,
        description="`sqlite:///./app.db`, `postgresql://user:password@host:5432/db`; spellings with a driver work too."
        " Default: `tertulia.db` in the data directory.",
    )
    sqlite_synchronous: Annotated[Literal["FULL", "NORMAL"], BeforeValidator(_upper)] = Field(
        "FULL", description="`FULL`: an acknowledged message survives a power cut; `NORMAL`: only a crash."
    )
    migrate_on_start: bool = Field(
        False, description="Bring a PostgreSQL database up to date when a node starts. SQLite always is."
    )
    redis_url: RedisUrl | None = Field(
        None, repr=False, description="Redis or Valkey between several nodes: `redis://host:6379/0`. None: one node."
    )

    redis_prefix: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        "tertulia", description="Begins the names of the channels: two installations on one Redis need two."
    )

    # Who may do what.
    secret_key: str = Field(
        "",
        repr=False,
        description="Signs tokens: at least 32 random bytes, the same on all nodes. Default: made once, and kept in"
        " `DATA_DIR/secret_key`.",
    )
    algorithm: Annotated[Literal["HS256", "HS384", "HS512"], BeforeValidator(_upper)] = Field(
        "HS256", description="How tokens are signed: `HS256`, `HS384` or `HS512`."
    )
    access_token_expire_minutes: Positive = Field(30, description="Life of an access token.")
    refresh_token_expire_days: Positive = Field(30, description="Life of a refresh token; each use begins it anew.")
    allowed_origins: Origins = Field(
        (), description="Other sites whose pages may use this server: `https://a.example, https://b.example`."
    )
    registration: Annotated[Literal["open", "closed"], BeforeValidator(_lower)] = Field(
        "open", description="`open` or `closed`: whether strangers may make themselves an account."
    )
    room_creation: Annotated[Literal["everyone", "admins"], BeforeValidator(_lower)] = Field(
        "everyone",
        description="Who may make channels: `everyone` or `admins`. Groups and direct rooms, everybody.",
    )
    starter_room: bool = Field(True, description="A new database has a furnished room 1, “Café”, with everyone in it.")
    login_attempts: Positive = Field(10, description="Wrong passwords in 5 minutes before an account has to wait.")
    public_socket: bool = Field(
        True, description="`/ws`, where strangers talk to each other without an account; nothing there is kept."
    )
    echo_unlimited: bool = Field(
        False, description="`/ws/echo` takes up to 16 MiB at any rate, for conformance suites. Not on the internet."
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1", description="Proxies whose `X-Forwarded-For` and `-Proto` are believed, with commas; `*`: all."
    )

    # How much.
    max_message_length: Positive = Field(4000, description="Characters of a message.")
    max_body_bytes: Positive = Field(1_048_576, description="Bytes of an HTTP request's body.")
    max_avatar_bytes: Positive = Field(10_485_760, description="Bytes of an image that somebody sends as their avatar.")
    max_frame_bytes: Annotated[int, Field(ge=1024)] = Field(65_536, description="Bytes of a WebSocket message.")
    frame_rate: Positive = Field(20, description="Frames a second that a socket may send for long.")
    frame_burst: Positive = Field(60, description="Frames that it may send at once.")
    sockets_per_user: Positive = Field(10, description="With one more, the one that was silent longest is closed.")
    max_sockets: Positive = Field(50_000, description="Open sockets of a node; above it, upgrades get a 503.")
    presence_members: Positive = Field(
        500, description="Rooms of more members are not told who comes and goes, only who sets another status."
    )
    page_size: Annotated[int, Field(gt=0, le=1000)] = Field(100, description="The most that a page of a list holds.")

    # How fast.
    heartbeat_interval: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        25, description="Seconds between heartbeats, or WebSocket pings; who is silent for two is gone."
    )
    presence_hold: Seconds = Field(
        3, description="Seconds before others are told that somebody came or went: a page loaded anew is neither."
    )
    space_lease: Seconds = Field(
        30, description="Seconds that a seat, and a part in the talk around it, is kept for somebody who is gone."
    )
    place_kept: Seconds = Field(
        600, description="Seconds that somebody's place in a space is kept for them, also through a restart."
    )
    visit_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        300, description="Seconds after which somebody who entered a room by REST alone, and is not heard of, has left."
    )
    slow_consumer_timeout: Seconds = Field(30, description="Seconds that a socket may be behind before it is closed.")
    write_high_water: Positive = Field(65_536, description="Unsent bytes from which on a socket counts as behind.")
    shutdown_spread: Seconds = Field(5, description="Seconds over which clients are told to come back after a restart.")

    # What it tells its operator.
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_lower)] = Field(
        "text", description="`text` for people, `json` for machines."
    )
    log_level: LogLevel = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")

    @model_validator(mode="after")
    def _has_a_real_secret(self) -> "Settings":
        if self.secret_key and not self.debug:
            _check_secret(self.secret_key)
        return self


def load(**given: Any) -> Settings:
    """The settings of this process; *given* win over the environment, which wins over `.env`.

    Makes the data directory and its secret if need be. Raises InvalidSetting.
    """
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise InvalidSetting(_one_line(error)) from None
    except (OSError, UnicodeError) as error:
        raise InvalidSetting(f".env cannot be read: {error}") from None
    if settings.secret_key:
        return settings
    try:
        return settings.model_copy(update={"secret_key": kept_secret(settings.data_dir)})
    except OSError as error:
        raise InvalidSetting(f"DATA_DIR {str(settings.data_dir)!r} cannot be used: {error.strerror}") from None


def warnings_for(settings: Settings, env_file: Path = Path(".env")) -> list[str]:
    """What is no error, but hardly meant: a sentence each."""
    found = [
        f"{env_file} sets {name.upper()}, which is no setting of Tertulia (see docs/settings.md)"
        for name in DotEnvSettingsSource(Settings, env_file=env_file).env_vars
        if name.lower() not in Settings.model_fields
    ]
    if settings.redis_url and settings.secret_key == _read(settings.data_dir / SECRET_FILE):
        found.append(
            "REDIS_URL is set and SECRET_KEY is not: nodes that do not share DATA_DIR refuse each other's tokens"
        )
    if settings.debug and settings.host not in ("127.0.0.1", "::1", "localhost"):
        found.append("DEBUG is on, and HOST is not this machine alone")
    return found


def kept_secret(folder: Path) -> str:
    """The secret of this data directory, made at the first call. Processes that start together get the same one."""
    path = folder / SECRET_FILE
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, secrets.token_urlsafe(48))
    secret = _read(path) or ""
    if len(secret.encode()) < SHORTEST_SECRET:
        raise InvalidSetting(f"{path} is no secret of at least {SHORTEST_SECRET} bytes: remove it to get a new one")
    return secret


def _write_once(path: Path, text: str) -> None:
    """Whole or not at all, readable by its owner alone, and never over another's."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # of mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its secret counts
            os.link(draft, path)
    finally:
        Path(draft).unlink()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except UnicodeError:
        return ""


def _check_secret(secret: str) -> None:
    """Raises ValueError. The text must not hold what was given."""
    advice = 'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
    if len(secret.encode()) < SHORTEST_SECRET:
        raise ValueError(f"SECRET_KEY has fewer than {SHORTEST_SECRET} bytes; {advice}")
    if _PLACEHOLDER.search(secret) or len(set(secret)) < 8:
        raise ValueError(f"SECRET_KEY is a placeholder that others know; {advice}")


def _one_line(error: ValidationError) -> str:
    findings = (
        _finding(one["loc"], one["msg"], one["input"])
        for one in error.errors(include_url=False)
        if one["type"] != "default_factory_not_called"  # only says that there are others
    )
    return "; ".join(findings)


def _finding(location: tuple[int | str, ...], message: str, given: object) -> str:
    message = message.removeprefix("Value error, ")
    if not location:  # of the whole: names its setting itself
        return message
    name = str(location[0])
    value = "" if name in _HIDDEN or not isinstance(given, str) else f" {given[:60]!r}"
    return f"{name.upper()}{value}: {message[:1].lower()}{message[1:]}"
