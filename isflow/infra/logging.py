"""Logs: structured events with bound context, and no secrets in them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

MASK = "***"
_SECRET_KEY = re.compile(
    r"token|secret|password|passwd|authorization|api_?key|cookie|credential", re.IGNORECASE
)
_TEXT_SECRETS = (
    # the query of an address
    (re.compile(r"(\bhttps?://[^\s?#\"'<>]+)\?[^\s#\"'<>]+"), rf"\1?{MASK}"),
    # the path and query of a request line
    (re.compile(r"(\s/[^\s?#\"'<>]*)\?[^\s#\"'<>]+"), rf"\1?{MASK}"),
    # name and password in an address
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"'<>]+@"), rf"\1{MASK}@"),
    # the bot tokens that one provider wants in the path
    (re.compile(r"(/bot)\d+:[\w-]+"), rf"\1{MASK}"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
)
_DEPTH = 6


def mask_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what must not be logged: values under telling names, queries and credentials in addresses."""
    for key, value in event.items():
        event[key] = _masked(key, value, 0)
    return event


def configure_logging(level: str, *, json: bool) -> None:
    """Send structlog's and the standard library's logs to standard error, as JSON lines or readable text."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    renderer: Processor
    if json:
        renderer = structlog.processors.JSONRenderer(default=str)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask_secrets,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    # Only plain console handlers are replaced; others were put there by somebody who wants them.
    root.handlers = [handler, *(other for other in root.handlers if type(other) is not logging.StreamHandler)]
    root.setLevel(level.upper())


def _masked(key: str, value: Any, depth: int) -> Any:
    """Return a value as it may be logged under a key."""
    if _SECRET_KEY.search(key) and value is not None and not isinstance(value, bool | int | float):
        return MASK
    if isinstance(value, str):
        return _masked_text(value)
    if depth >= _DEPTH:
        return value
    if isinstance(value, Mapping):
        return {name: _masked(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", item, depth + 1) for item in value]
    return value


def _masked_text(text: str) -> str:
    """Hide credentials inside a text."""
    if "/" not in text and " " not in text:
        return text
    for pattern, replacement in _TEXT_SECRETS:
        text = pattern.sub(replacement, text)
    return text
