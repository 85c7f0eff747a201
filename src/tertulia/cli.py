"""The command line. Each command imports what it needs, so that the others start at once."""

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from tertulia.settings import Settings

T = TypeVar("T")

WRONG_SETTING = 2
"""Exit code: something has to be set otherwise."""


class Report(StrEnum):
    """How `simulate` tells what it found."""

    TABLE = "table"
    JSON = "json"


commands = typer.Typer(
    help="Tertulia: one server for people who talk in real time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would show local variables, secrets among them
)


@commands.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, instead of PORT.")] = None,
) -> None:
    """Serve, until told to stop."""
    settings = _settings(host=host, port=port)
    from tertulia.transport.server import CannotListen, Server, listen

    try:
        listener = listen(settings.host, settings.port)
    except CannotListen as error:
        _give_up(str(error))

    from tertulia.app import create_app, server_config

    server = Server(server_config(settings, create_app(settings)))
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:  # by then it has stopped in good order
        return
    if not server.started:
        raise typer.Exit(3)  # as uvicorn's own command does: supervisors know it


@commands.command()
def migrate() -> None:
    """Bring the database up to date; a new one is made."""
    settings = _settings()
    from tertulia.store.migrate import migrate as migrate_store

    revision = _run(settings, migrate_store(settings.database_url))
    typer.echo(f"The database is at schema {revision}.")


@commands.command()
def create_admin(username: Annotated[str, typer.Argument(help="A new user, or one who is there.")]) -> None:
    """Make an administrator, or make one of a user who is there.

    The password is asked for; without a terminal it is the first line of the standard input, or ADMIN_PASSWORD.
    """
    settings = _settings()
    from tertulia.app import create_admin as create

    _run(settings, create(settings, username, _password()))
    typer.echo(f"{username} is an administrator.")


@commands.command()
def simulate(
    users: Annotated[int, typer.Option(min=1, max=50_000, help="How many come.")] = 50,
    url: Annotated[str, typer.Option(help="Where the server is.")] = "http://127.0.0.1:8000",
    room: Annotated[int, typer.Option(min=1, help="The room that they walk about in.")] = 1,
    duration: Annotated[
        float | None, typer.Option(min=0, help="Seconds from when all are in; without it, until Ctrl-C.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, max=60, help="Positions a second of who walks.")] = 20,
    talk: Annotated[float, typer.Option(min=0, help="Messages a minute of each.")] = 1,
    prefix: Annotated[
        str | None,
        typer.Option(
            help="They are called PREFIX-1, PREFIX-2, …, and stay for the next run; without it they are removed."
        ),
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(
            envvar="SIMULATE_PASSWORD", help="What their passwords are made of: the same for the same prefix."
        ),
    ] = None,
    seed: Annotated[str, typer.Option(help="The same seed, the same walks.")] = "1",
    restless: Annotated[bool, typer.Option(help="All walk all the time: the most that so many can ask for.")] = False,
    report: Annotated[Report, typer.Option(help="What to print at the end.")] = Report.TABLE,
) -> None:
    """Fill a room with people who walk, sit and talk, and tell what they see of it: to size a machine, and for tests."""
    from tertulia import simulator
    from tertulia.simulator.table import LiveTable

    try:
        options = simulator.options_from(
            url, users=users, room_id=room, duration=duration, rate=rate, talk=talk, prefix=prefix, password=password,
            seed=seed, restless=restless,
        )  # fmt: skip
        with LiveTable(sys.stdout if report is Report.TABLE else sys.stderr) as table:
            found = simulator.simulate(options, table)
            if report is Report.TABLE:
                table.sum_up(found)
    except simulator.Unusable as error:
        _give_up(str(error), WRONG_SETTING)
    except simulator.Failure as error:
        _give_up(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None  # as shells say it of who was interrupted
    if report is Report.JSON:
        typer.echo(simulator.as_json(found))


@commands.command()
def version() -> None:
    """Show the version."""
    from tertulia import __version__

    typer.echo(__version__)


def main() -> None:
    commands(prog_name="tertulia")


def _settings(**given: Any) -> "Settings":
    """The settings, with the logs as they say; ends the program when they are wrong."""
    from tertulia.settings import InvalidSetting, load, warnings_for

    try:
        settings = load(**given)
    except InvalidSetting as error:
        _give_up(str(error), WRONG_SETTING)
    from tertulia.transport import logs

    logs.configure(log_format=settings.log_format, level="DEBUG" if settings.debug else settings.log_level)
    for warning in warnings_for(settings):
        logging.getLogger("tertulia").warning(warning)
    from tertulia.store.urls import parse_url

    try:
        parse_url(settings.database_url)
    except ValueError as error:
        _give_up(f"DATABASE_URL: {error}", WRONG_SETTING)
    return settings


def _password() -> str:
    if given := os.environ.get("ADMIN_PASSWORD"):
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def _run(settings: "Settings", work: Coroutine[Any, Any, T]) -> T:
    """What *work* gives; what stops it is one line, unless DEBUG wants to see the way there."""
    try:
        return asyncio.run(work)
    except Exception as error:
        if settings.debug:
            raise
        from tertulia.transport.logs import redact

        _give_up(redact(str(error)) or type(error).__name__)


def _give_up(reason: str, code: int = 1) -> NoReturn:
    typer.echo(f"tertulia: {' '.join(reason.split())}", err=True)
    raise typer.Exit(code)
