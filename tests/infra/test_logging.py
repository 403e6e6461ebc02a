from __future__ import annotations

import json
import logging

import pytest
import structlog

from isflow.infra.logging import MASK, configure_logging, mask_secrets


def masked(**event):
    return mask_secrets(None, "info", event)


@pytest.mark.parametrize(
    "key",
    ["token", "bot_token", "SECRET_KEY", "Password", "Authorization", "api_key", "apiKey", "Set-Cookie"],
)
def test_values_under_telling_names_are_hidden(key):
    assert masked(**{key: "hush"}) == {key: MASK}
    assert masked(data={"deep": [{key: "hush"}]}) == {"data": {"deep": [{key: MASK}]}}
    assert masked(**{key: ["hush", {"a": "hush"}]}) == {key: MASK}


def test_counts_and_ordinary_values_stay():
    event = {"tokens": 12, "event": "run.ended", "run": 7, "ok": True, "none": None, "names": ["a b", "c/d"]}
    assert masked(**event) == event


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.example/b?key=hush#part", "see https://a.example/b?***#part"),
        ("GET /hook?key=hush HTTP/1.1", "GET /hook?*** HTTP/1.1"),
        ("postgres://user:hush@db/isflow", "postgres://***@db/isflow"),
        ("POST https://api.example/bot123:hush/sendMessage", "POST https://api.example/bot***/sendMessage"),
        ("Authorization: Bearer hushhushhush", "Authorization: Bearer ***"),
        ("is it so? yes / no", "is it so? yes / no"),
    ],
)
def test_secrets_inside_texts_are_hidden(text, expected):
    assert masked(event=text) == {"event": expected}


@pytest.fixture
def output(capsys):
    """Read what was written to standard error; the logging of the test run is restored afterwards."""
    root = logging.getLogger()
    handlers, level, config = root.handlers, root.level, structlog.get_config()
    yield lambda: capsys.readouterr().err
    root.handlers, root.level = handlers, level
    structlog.configure(**config)


def test_json_lines_carry_the_bound_context(output):
    configure_logging("info", json=True)
    with structlog.contextvars.bound_contextvars(run=7):
        structlog.get_logger("isflow.test").info("call.sent", url="https://a.example/?k=hush", token="hush")
        logging.getLogger("other").warning("plain %s", "https://a.example/?k=hush")
    structlog.get_logger("isflow.test").debug("too.quiet")

    written = output()
    first, second = (json.loads(line) for line in written.splitlines())
    assert (first["event"], first["run"], first["level"], first["logger"]) == (
        "call.sent", 7, "info", "isflow.test",
    )  # fmt: skip
    assert (second["event"], second["run"]) == ("plain https://a.example/?***", 7)
    assert "hush" not in written


@pytest.mark.parametrize("as_json", [True, False])
def test_secrets_in_tracebacks_are_hidden(output, as_json):
    configure_logging("INFO", json=as_json)
    try:
        int("https://a.example/?k=hushed")
    except ValueError:
        logging.getLogger("other").exception("bad")
        structlog.get_logger("isflow.test").exception("worse")
    written = output()
    assert written.count("ValueError: ") == 2
    assert "https://a.example/?***" in written
    assert "hushed" not in written


def test_other_handlers_stay(output):
    extra = logging.NullHandler()
    logging.getLogger().handlers = [extra]
    configure_logging("INFO", json=False)
    configure_logging("INFO", json=False)
    assert len(logging.getLogger().handlers) == 2
    assert extra in logging.getLogger().handlers
