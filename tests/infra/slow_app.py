"""An application that takes a second for every answer."""

from __future__ import annotations

import asyncio


async def application(scope, receive, send):
    await receive()
    await asyncio.sleep(1)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})
