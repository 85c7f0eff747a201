"""Waiting for the first of several things, without leaving the others behind."""

import asyncio
from collections.abc import Awaitable
from typing import Any


async def first_of(*waits: Awaitable[object]) -> None:
    """Wait for one of them, and raise what it raises; the others are given up, save for tasks, which go on."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancelled(*(task for task, wait in zip(tasks, waits, strict=True) if task is not wait))
    for task in done:
        task.result()


async def cancelled(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
