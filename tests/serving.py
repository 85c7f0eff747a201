"""A Tertulia server as its users have it: a process of its own, which may be killed and started again."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from servers import Program, free_port
from tertulia.settings import Settings


class Server(Program):
    """`tertulia serve` on a free port of the loopback, with its data below *folder* and the settings given.

    Its addresses are `url` (http://…) and `ws_url` (ws://…); what it logs is `log()`. `kill` and `start` keep port and
    data. Several nodes share what they are told to share: DATABASE_URL, REDIS_URL, SECRET_KEY.
    """

    def __init__(self, folder: Path, *, port: int = 0, kind: str = "own", **settings: Any) -> None:
        """*kind*: "own", as `tertulia serve` runs it, or "asgi": under any ASGI server, with its own sockets."""
        self.port = port or free_port()
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self.log_file = folder / "server.log"
        folder.mkdir(parents=True, exist_ok=True)
        names = {name.upper() for name in Settings.model_fields}
        environment = {name: value for name, value in os.environ.items() if name.upper() not in names}
        environment |= {"DATA_DIR": str(folder / "data"), "PORT": str(self.port), "HOST": "127.0.0.1"}
        environment |= {name: str(value) for name, value in settings.items()}
        factory = ["--factory", "tertulia.app:from_environment", "--host", "127.0.0.1", "--port", str(self.port)]
        commands = {"own": ["tertulia", "serve"], "asgi": ["uvicorn", *factory]}
        super().__init__(
            [sys.executable, "-m", *commands[kind]],
            f"http://127.0.0.1:{self.port}",
            self._is_ready,
            self.log_file,
            env=environment,
            cwd=folder,  # without a `.env`
        )

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def run(self, *arguments: str, **environment: str) -> str:
        """Another `tertulia` command with this server's settings; gives what it prints."""
        command = [sys.executable, "-m", "tertulia", *arguments]
        environment = {**self._popen["env"], **environment}
        done = subprocess.run(
            command, env=environment, cwd=self._popen["cwd"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def terminate(self) -> int:
        """Asks it to stop, waits until it has, and gives its exit code."""
        assert self._process is not None
        process = self._process
        self.stop(signal.SIGTERM)
        return process.returncode

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self.log_file.exists():
            error.add_note(f"The server's log ended:\n{self.log()[-4000:]}")
        self.stop()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        return False
