"""Call another system and keep parts of its answer. Whether the address may be called the guard decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Literal
from xml.sax.saxutils import escape as escape_xml

from pydantic import Field
from pydantic.config import JsonDict

from isflow.kernel import templates
from isflow.kernel.jsonpath import Found, JsonKey
from isflow.kernel.values import Scalar
from workflows.contract import (
    FAILURE,
    NEXT,
    Answer,
    Call,
    CallRefused,
    HttpAnswered,
    HttpCall,
    JsonKeyText,
    Leave,
    OptionalVariableName,
    Outcome,
    Output,
    PluginConfig,
    Problem,
    StepConfig,
    StepContext,
    StepType,
    Template,
    VariableName,
    always,
    step_types,
    when,
)

MAX_HEADERS = 10
MAX_MAPPING = 10
MAX_URL = 2_000
BODY_LIMIT = 64 * 1024
HEADER_LIMIT = 4_000
CONTAINER_LIMIT = 10_000
REFUSED, UNKNOWN = -1, 0
FIRST_FAILURE = 300
SECRET = "secret:"  # noqa: S105 - the mark of a secret, none itself
MASK = "••••••"
PRIVATE_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})
CONTENT_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "xml": "application/xml",
    "text": "text/plain; charset=utf-8",
}
_WITH_BODY: JsonDict = {"x-show-if": {"field": "method", "in": ["POST", "PUT", "PATCH", "DELETE"]}}


class Header(PluginConfig):
    """One header of the request."""

    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        description="Name of the header",
    )
    value: Template = Field(
        default="", max_length=HEADER_LIMIT, description="Value; secret:name takes it from the vault"
    )


class Mapped(PluginConfig):
    """A part of the answer that becomes a variable."""

    key: JsonKeyText = Field(max_length=500, description="JSON key in the answer, such as $.data[0].name")
    variable: VariableName = Field(description="Name of the variable")


class HttpRequestConfig(StepConfig):
    """Settings of HTTP request."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="GET", description="Method of the request"
    )
    url: Template = Field(
        min_length=1, max_length=MAX_URL, title="URL", description="Address; may use variables"
    )
    content_type: Literal["json", "form", "xml", "text"] = Field(
        default="json", description="Form of the body", json_schema_extra=_WITH_BODY
    )
    body: Template = Field(
        default="", max_length=BODY_LIMIT, description="Body; may use variables", json_schema_extra=_WITH_BODY
    )
    headers: tuple[Header, ...] = Field(
        default=(), max_length=MAX_HEADERS, description="Headers, at most ten"
    )
    mapping: tuple[Mapped, ...] = Field(
        default=(),
        max_length=MAX_MAPPING,
        title="Response mapping",
        description="Parts of the answer to keep",
    )
    status_variable: OptionalVariableName = Field(
        default="",
        title="Save response status as variable",
        description="Gets the status; 0 if nobody knows whether it worked, -1 if nothing was sent",
    )
    failure_branch: bool = Field(
        default=False,
        title="Add failure branch",
        description="Go on along an own path unless the answer has a status from 200 to 299",
        json_schema_extra={"x-advanced": True},
    )
    may_repeat: bool = Field(
        default=False,
        title="May be repeated",
        description="The other system knows requests by their Idempotency-Key and does not act twice",
        json_schema_extra={"x-advanced": True},
    )


@step_types.register("http_request")
class HttpRequest(StepType[HttpRequestConfig]):
    label = "HTTP request"
    description = "Call another system and keep parts of its answer."
    icon = "globe"
    group = "integrations"
    summary = "{method} {url}"
    config_class = HttpRequestConfig
    outlet_rules = (always(NEXT), when(FAILURE, "failure_branch"))

    def outputs(self, config: HttpRequestConfig) -> tuple[Output, ...]:
        status = config.status_variable
        codes = (Output(status, "Response status", "number"), Output(f"{status}.message", "Response message"))
        return (*(Output(m.variable, f"Answer: {m.key}") for m in config.mapping), *(codes if status else ()))

    def problems(self, config: HttpRequestConfig) -> Iterator[Problem]:
        if not config.url.lower().startswith(("http://", "https://")):
            yield Problem("url", "The URL must begin with http:// or https://.")
        taken = {config.status_variable} if config.status_variable else set()
        for index, mapped in enumerate(config.mapping):
            if mapped.variable in taken:
                yield Problem(f"mapping.{index}.variable", "This name stands twice.", "duplicate")
            taken.add(mapped.variable)
        seen: set[str] = set()
        for index, header in enumerate(config.headers):
            if header.name.lower() in seen:
                yield Problem(f"headers.{index}.name", "This header stands twice.", "duplicate")
            seen.add(header.name.lower())

    def execute(self, ctx: StepContext, config: HttpRequestConfig) -> Outcome:
        has_body = config.method != "GET" and bool(config.body)
        headers = tuple(_headers(ctx, config, has_body=has_body))
        request = HttpCall(
            method=config.method,
            url=ctx.render(config.url, templates.escape_url, drop_unknown=True),
            headers=headers,
            body=_body(ctx, config) if has_body else None,
            secret_headers=frozenset(name for name, value in headers if value.startswith(SECRET)),
        )
        ctx.inputs["request"] = f"{request.method} {request.url}"
        ctx.inputs["headers"] = "\n".join(f"{name}: {_shown(name, value)}" for name, value in headers)
        ctx.inputs["body"] = request.body
        return Call(request, repeatable=config.method == "GET" or config.may_repeat)

    def receive(self, ctx: StepContext, config: HttpRequestConfig, answer: Answer) -> Outcome:
        if isinstance(answer, HttpAnswered):
            status, message = answer.status, _phrase(answer.status)
            document = _document(ctx, answer.body) if config.mapping else None
        else:
            status = REFUSED if isinstance(answer, CallRefused) else UNKNOWN
            message, document = answer.reason, None
            ctx.note("http_refused" if status == REFUSED else "http_unknown", message)
        for mapped in config.mapping:
            ctx.set_variable(mapped.variable, _at(document, mapped.key))
        if config.status_variable:
            ctx.set_variable(config.status_variable, status)
            ctx.set_variable(f"{config.status_variable}.message", message)
        succeeded = HTTPStatus.OK <= status < FIRST_FAILURE
        return Leave(FAILURE.id if config.failure_branch and not succeeded else NEXT.id)


def _headers(ctx: StepContext, config: HttpRequestConfig, *, has_body: bool) -> Iterator[tuple[str, str]]:
    given = {header.name.lower() for header in config.headers}
    if has_body and "content-type" not in given:
        yield "Content-Type", CONTENT_TYPES[config.content_type]
    if config.may_repeat and "idempotency-key" not in given:
        yield "Idempotency-Key", ctx.key
    for header in config.headers:
        if header.value.startswith(SECRET):
            yield header.name, header.value
        else:
            value = ctx.render(header.value, templates.escape_header, HEADER_LIMIT, drop_unknown=True)
            # What a variable brings in must not be taken for the name of a secret.
            yield header.name, value.removeprefix(SECRET)


def _shown(name: str, value: str) -> str:
    return MASK if value.startswith(SECRET) or name.lower() in PRIVATE_HEADERS else value


def _body(ctx: StepContext, config: HttpRequestConfig) -> str:
    if config.content_type == "json":
        return _json_body(ctx, config.body)
    escapes: Mapping[str, Callable[[str], str]] = {"form": templates.escape_url, "xml": escape_xml}
    escape = escapes.get(config.content_type, templates.identity)
    return ctx.render(config.body, escape, drop_unknown=True)


def _json_body(ctx: StepContext, body: str) -> str:
    """Inside the quotes of a string a value is text; outside it is a whole JSON value, quotes included."""
    pieces: list[str] = []
    position, in_string = 0, False
    for reference in templates.names(body):
        between = body[position : reference.start]
        in_string = _is_in_string(between, starts_inside=in_string)
        place = body[reference.start : reference.end]
        pieces.append(ctx.render(between))
        pieces.append(_in_string(ctx, place) if in_string else _json_value(ctx, reference, place))
        position = reference.end
    return "".join(pieces) + ctx.render(body[position:])


def _is_in_string(text: str, *, starts_inside: bool) -> bool:
    inside, is_escaped = starts_inside, False
    for character in text:
        if is_escaped:
            is_escaped = False
        elif character == "\\":
            is_escaped = inside
        elif character == '"':
            inside = not inside
    return inside


def _in_string(ctx: StepContext, place: str) -> str:
    return ctx.render(place, templates.escape_json_string, drop_unknown=True)


def _json_value(ctx: StepContext, reference: templates.Reference, place: str) -> str:
    value = ctx.value(reference.name)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = ctx.render(place, drop_unknown=True)
    return json.dumps(text) if text else "null"


def _document(ctx: StepContext, body: str) -> object:
    try:
        return json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        ctx.note("not_json", "The answer is no JSON, so nothing of it could be kept.")
        return None


def _at(document: object, key: str) -> Scalar:
    found = JsonKey.parse(key).find(document)
    if not isinstance(found, Found) or found.is_null:
        return None
    value = found.value
    if isinstance(value, str | int | float):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:CONTAINER_LIMIT]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
