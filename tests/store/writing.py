"""A process that posts to room 1 as fast as it can and prints each ack: `python writing.py URL [BYTES]`.

BYTES limits the size of the files that it can write (RLIMIT_FSIZE); after a line on standard input the limit is gone.
"""

import asyncio
import resource
import signal
import sys
from itertools import count

from tertulia.domain.commands import SendResult
from tertulia.store import Post, Store

IN_FLIGHT = 32


def limit_files(limit: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails with EFBIG, as a full disk does with ENOSPC
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


async def main(url: str, limit: int | None) -> None:
    store = Store.open(url)
    await store.start(migrate=True)
    numbers = count()
    if limit is not None:
        limit_files(limit)
    lines = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    lines.add_done_callback(lambda _: limit_files(resource.RLIM_INFINITY))

    def send() -> None:
        nonce = f"{next(numbers)}"

        def done(outcome: object) -> None:
            if isinstance(outcome, SendResult):
                print("ack", nonce, outcome.seq, flush=True)
            else:
                print("refused", nonce, type(outcome).__name__, flush=True)
            asyncio.get_running_loop().call_later(0 if isinstance(outcome, SendResult) else 0.02, send)

        store.post(Post(1, 1, "ana", "x" * 300, nonce=nonce, digest=int(nonce)), done)

    for _ in range(IN_FLIGHT):
        send()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
