from __future__ import annotations

import threading

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.signals import request_finished, request_started
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import path

from isflow.infra.handler import ThreadedASGIHandler

THREADS = []


def plain(request):
    THREADS.append(threading.current_thread().name)
    return HttpResponse(request.body or b"hello")


def broken(request):
    raise RuntimeError("expected")


def lines(request):
    def parts():
        THREADS.append(threading.current_thread().name)
        yield b"one,"
        THREADS.append(threading.current_thread().name)
        yield b"two"

    return StreamingHttpResponse(parts())


def ticker(request):
    async def parts():
        for part in (b"tick,", b"tock"):
            yield part

    return StreamingHttpResponse(parts())


def download(request):
    return FileResponse(open(__file__, "rb"))  # noqa: PTH123 - the response closes it


urlpatterns = [
    path("plain/", plain),
    path("broken/", broken),
    path("lines/", lines),
    path("ticker/", ticker),
    path("download/", download),
]

pytestmark = [pytest.mark.asyncio, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def _bare(settings):
    settings.MIDDLEWARE = []
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    THREADS.clear()


async def ask(route, *, method="GET", body=b""):
    scope = {
        "type": "http",
        "method": method,
        "path": route,
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"content-length", str(len(body)).encode())],
    }
    browser = ApplicationCommunicator(ThreadedASGIHandler(), scope)
    await browser.send_input({"type": "http.request", "body": body})
    start = await browser.receive_output(5)
    content = b""
    more = True
    while more:
        part = await browser.receive_output(5)
        content += part.get("body", b"")
        more = part.get("more_body", False)
    await browser.wait(5)
    return start["status"], content


async def test_a_request_runs_in_one_thread_of_the_pool():
    assert await ask("/plain/") == (200, b"hello")
    assert THREADS[0].startswith("web")


async def test_a_body_reaches_the_view():
    assert await ask("/plain/", method="POST", body=b"x" * 70_000) == (200, b"x" * 70_000)


async def test_a_failing_view_is_an_answer():
    status, _ = await ask("/broken/")
    assert status == 500


async def test_an_unknown_page_is_an_answer():
    status, _ = await ask("/nowhere/")
    assert status == 404


async def test_a_generator_is_read_in_the_thread_of_its_request():
    assert await ask("/lines/") == (200, b"one,two")
    assert len(set(THREADS)) == 1


async def test_an_asynchronous_stream_flows_through():
    assert await ask("/ticker/") == (200, b"tick,tock")


async def test_a_file_is_sent_whole():
    status, content = await ask("/download/")
    assert status == 200
    assert content.startswith(b"from __future__")


@pytest.mark.parametrize("route", ["/plain/", "/lines/", "/ticker/", "/broken/"])
async def test_every_request_is_announced_and_finished_once(route):
    seen = []

    def started(**kwargs):
        seen.append("started")

    def finished(**kwargs):
        seen.append("finished")

    request_started.connect(started)
    request_finished.connect(finished)
    try:
        await ask(route)
    finally:
        request_started.disconnect(started)
        request_finished.disconnect(finished)
    assert seen == ["started", "finished"]


async def test_a_caller_who_hangs_up_early_is_no_error():
    scope = {"type": "http", "method": "POST", "path": "/plain/", "query_string": b"", "headers": []}
    browser = ApplicationCommunicator(ThreadedASGIHandler(), scope)
    await browser.send_input({"type": "http.disconnect"})
    await browser.wait(5)
    assert THREADS == []
