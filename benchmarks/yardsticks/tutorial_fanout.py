"""A chat room as FastAPI's tutorial builds one: a list of connections, and an awaited `send_text` for each of them.

No accounts, no storage, no limits: less work than the product does. Publishers have a path of their own so that a message
is delivered to the subscribers alone, as in the product, where they have not joined the room. Run under uvicorn with its
defaults (uvloop, httptools), without the access log.
"""

import json
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect


class ConnectionManager:
    def __init__(self) -> None:
        self.active_connections: list[WebSocket] = []

    async def connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.active_connections.append(websocket)

    def disconnect(self, websocket: WebSocket) -> None:
        self.active_connections.remove(websocket)

    async def broadcast(self, message: Any) -> None:
        for connection in list(self.active_connections):
            await connection.send_text(json.dumps(message))


app = FastAPI()
manager = ConnectionManager()


@app.websocket("/subscribe")
async def subscribe(websocket: WebSocket) -> None:
    await manager.connect(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        manager.disconnect(websocket)


@app.websocket("/publish")
async def publish(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            message = json.loads(await websocket.receive_text())
            await manager.broadcast(message)
    except WebSocketDisconnect:
        pass
