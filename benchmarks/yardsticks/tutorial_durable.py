"""Storing a message as tutorials do it: a pydantic model in, a SQLAlchemy `Session` and a transaction for each, an ack out.

No accounts, no limits, no sequence per room, no nonce: less work than the product does. `TUTORIAL_STYLE` chooses how the
synchronous session meets the event loop:

- `threadpool` (default): `run_in_threadpool`, what FastAPI itself does with endpoints and dependencies that are not async
- `blocking`: called straight from the coroutine; cheaper, but every socket of the process stands still during each commit

SQLite has one writer at a time: an `asyncio.Lock` lets the threads in one by one, or they would fight over the file's lock
in SQLite's busy handler and fail under load. PostgreSQL needs none.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field
from sqlalchemy import ForeignKey, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.concurrency import run_in_threadpool

URL = os.environ["DATABASE_URL"]
SYNCHRONOUS = os.environ.get("SQLITE_SYNCHRONOUS", "FULL")
STYLE = os.environ.get("TUTORIAL_STYLE", "threadpool")
IS_SQLITE = URL.startswith("sqlite")

engine = create_engine(URL)


if IS_SQLITE:

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
        connection.execute("PRAGMA foreign_keys=ON")


class Base(DeclarativeBase):
    pass


class Room(Base):
    __tablename__ = "tutorial_rooms"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class Message(Base):
    __tablename__ = "tutorial_messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("tutorial_rooms.id"), index=True)
    username: Mapped[str] = mapped_column(String(50))
    content: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC).replace(tzinfo=None))


class MessageIn(BaseModel):
    id: int
    room_id: int
    message: str = Field(min_length=1, max_length=4000)


class Ack(BaseModel):
    event: str = "ack"
    id: int
    message_id: int
    created_at: datetime


def save(incoming: MessageIn) -> Ack:
    with Session(engine) as session:
        row = Message(room_id=incoming.room_id, username="alice", content=incoming.message)
        session.add(row)
        session.commit()
        session.refresh(row)
        return Ack(id=incoming.id, message_id=row.id, created_at=row.created_at)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Room(id=1, name="Café"))
        session.commit()
    yield
    engine.dispose()


app = FastAPI(lifespan=lifespan)
one_writer: AbstractAsyncContextManager[None] = asyncio.Lock() if IS_SQLITE and STYLE == "threadpool" else nullcontext()


@app.websocket("/send")
async def send(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            incoming = MessageIn.model_validate(await websocket.receive_json())
            if STYLE == "blocking":
                ack = save(incoming)
            else:
                async with one_writer:
                    ack = await run_in_threadpool(save, incoming)
            await websocket.send_text(ack.model_dump_json())
    except WebSocketDisconnect:
        pass
