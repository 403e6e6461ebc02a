"""Serving HTTP under ASGI the cheap way: a request is one job of a pool of threads that live on.

Django's own handler hops between loop and threads for every middleware and signal, and starts a thread per
request, whose database connection dies with it. Our views are synchronous, so one hop is enough.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class ThreadedASGIHandler(ASGIHandler):
    """Runs middleware, view and signals of a request in one pooled thread."""

    def __init__(self) -> None:
        super().__init__()
        threads = ThreadPoolExecutor(settings.ISFLOW_WEB_THREADS, thread_name_prefix="web")
        self._in_thread = sync_to_async(self._answer, thread_sensitive=False, executor=threads)
        self._close = sync_to_async(_close, thread_sensitive=False, executor=threads)

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - Django's signature
        super().load_middleware(is_async=False)

    async def handle(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Read the body, have the request answered, send the answer."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            response = await self._in_thread(scope, body)
            await self.send_response(response, send)
            if not response.closed:
                await self._close(response)
        finally:
            body.close()

    def _answer(self, scope: dict[str, Any], body: IO[bytes]) -> Any:
        """Answer a request; unless the answer is an asynchronous stream, everything is over on return."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        response._handler_class = self.__class__  # noqa: SLF001 - as Django's handlers do
        if isinstance(response, StreamingHttpResponse):
            if response.is_async:
                return response
            if isinstance(response, FileResponse):
                response.block_size = self.chunk_size
            # A generator may hold a database connection of this thread, so it must end in it.
            response.streaming_content = _replay(list(response))
        response.close()
        return response


def _close(response: HttpResponseBase) -> None:
    response.close()


async def _replay(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
