from __future__ import annotations

import pytest

from isflow.infra.origins import allowed_origins, origin_allowed
from isflow.infra.sockets import OriginValidator

ALLOWED = allowed_origins(["https://desk.example.com", "http://127.0.0.1:8000", "http://[::1]:8000"])

VECTORS = [
    ("https://desk.example.com", True),
    ("https://DESK.example.com", True),
    ("https://desk.example.com:443", True),
    ("http://127.0.0.1:8000", True),
    ("http://[::1]:8000", True),
    (None, False),
    ("", False),
    ("null", False),
    ("http://desk.example.com", False),
    ("https://desk.example.com:8443", False),
    ("https://desk.example.com.evil.test", False),
    ("https://evil.test", False),
    ("https://evil-desk.example.com", False),
    ("https://sub.desk.example.com", False),
    ("https://desk.example.com@evil.test", False),
    ("https://desk.example.com/path", False),
    ("https://desk.example.com?x", False),
    ("http://127.0.0.1:8081", False),
    ("http://localhost:8000", False),
    ("http://[", False),
    ("http://127.0.0.1:99999", False),
    ("http://127.0.0.1:abc", False),
    ("file://desk.example.com", False),
    ("https://desk.example.com https://evil.test", False),
    ("https://dеsk.example.com", False),  # noqa: RUF001 - a Cyrillic letter is the point
    ("//desk.example.com", False),
    ("https:\\\\desk.example.com", False),
    ("https://", False),
]


@pytest.mark.parametrize(("origin", "expected"), VECTORS)
def test_only_exact_origins_are_allowed(origin, expected):
    assert origin_allowed(origin, ALLOWED) is expected


def test_what_cannot_be_parsed_never_enters_the_list():
    assert allowed_origins(["*", "desk.example.com", "http://["]) == frozenset()


async def handshake(path, *headers):
    reached = []
    sent = []

    async def application(scope, receive, send):
        reached.append(scope["path"])

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message["type"])

    scope = {"type": "websocket", "path": path, "headers": list(headers), "subprotocols": []}
    await OriginValidator(application)(scope, receive, send)
    return reached, sent


@pytest.mark.asyncio
async def test_a_handshake_of_our_own_page_passes(settings):
    settings.PUBLIC_URL = "https://desk.example.com"
    assert await handshake("/ws/live/", (b"origin", b"https://desk.example.com")) == (["/ws/live/"], [])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"origin", b"https://evil.test"),),
        ((b"origin", b"http://["),),
        ((b"origin", b"\xff"),),
        ((b"origin", b"https://desk.example.com"), (b"origin", b"https://evil.test")),
    ],
)
async def test_every_other_handshake_is_closed_before_it_is_accepted(settings, headers):
    settings.PUBLIC_URL = "https://desk.example.com"
    assert await handshake("/ws/live/", *headers) == ([], ["websocket.close"])


@pytest.mark.asyncio
async def test_the_widget_proves_itself_otherwise():
    reached, _ = await handshake("/ws/widget/", (b"origin", b"https://shop.example"))
    assert reached == ["/ws/widget/"]
