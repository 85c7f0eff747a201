"""A space as a tutorial builds one: each move that comes in is sent on to everybody at once, one by one.

No accounts, no floor, no limits, no ticks: less work than the product does for a move, and far more for the viewers. Run
under uvicorn with its defaults (uvloop, httptools), without the access log.
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


@app.websocket("/ws/{user_id}")
async def space(websocket: WebSocket, user_id: int) -> None:
    await manager.connect(websocket)
    try:
        while True:
            move = await websocket.receive_json()
            where = {"user_id": user_id, **move["data"]}
            await manager.broadcast({"event": "position_updated", "data": where})
    except WebSocketDisconnect:
        manager.disconnect(websocket)
