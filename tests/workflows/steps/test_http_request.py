from __future__ import annotations

import json

import pytest

from tests.harness.context import contact, context, note_codes
from workflows.contract import Call, CallRefused, CallUnknown, HttpAnswered, Leave
from workflows.steps.http_request import Header, HttpRequest, HttpRequestConfig, Mapped

STEP = HttpRequest()


def config(**given):
    return HttpRequestConfig(**{"url": "https://api.example.com/v1", **given})


def request(ctx, **given):
    outcome = STEP.execute(ctx, config(**given))
    assert isinstance(outcome, Call)
    return outcome.request


@pytest.mark.rule("SP2.13.http.variables")
@pytest.mark.rule("SP2.13.http.url_encoded")
def test_values_in_the_url_are_percent_encoded():
    person = contact(firstname="A&B/ C?")
    got = request(context(person), url="https://api.example.com/$contact.firstname?q=$unknown&r=1")
    assert got.url == "https://api.example.com/A%26B%2F%20C%3F?q=&r=1"
    assert got.body is None


@pytest.mark.rule("SP2.13.http.variables")
@pytest.mark.rule("SP2.13.http.json_escaped")
def test_values_in_a_json_body_cannot_change_its_structure():
    ctx = context(nasty='x", "admin": true, "y": "', count=3, listed="1,2", flag=True)
    body = '{"a": "$nasty", "n": $count, "l": [$listed], "f": $flag, "e": $unknown, "t": "$$5 \\" $count"}'
    got = request(ctx, method="POST", body=body)
    assert json.loads(got.body) == {
        "a": 'x", "admin": true, "y": "',
        "n": 3,
        "l": ["1,2"],
        "f": True,
        "e": None,
        "t": '$5 " 3',
    }
    assert ("Content-Type", "application/json") in got.headers


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [("form", "v=a%26b%3C"), ("xml", "v=a&amp;b&lt;"), ("text", "v=a&b<")],
)
def test_other_bodies_are_escaped_by_their_form(content_type, expected):
    got = request(context(value="a&b<"), method="POST", content_type=content_type, body="v=$value")
    assert got.body == expected


@pytest.mark.rule("SP2.13.http.header_breaks")
def test_header_values_lose_line_breaks():
    header = Header(name="X-Name", value="$value")
    got = request(context(value="a\r\nX-Evil: 1"), headers=(header,))
    assert got.headers == (("X-Name", "aX-Evil: 1"),)


@pytest.mark.rule("SP2.13.http.secrets_masked")
def test_secrets_are_named_to_the_caller_and_masked_in_the_journal():
    headers = (Header(name="X-Token", value="secret:crm"), Header(name="Authorization", value="Bearer abc"))
    ctx = context(value="secret:crm")
    got = request(ctx, headers=(*headers, Header(name="X-Other", value="$value")))
    assert got.secret_headers == frozenset({"X-Token"})
    assert got.headers[2] == ("X-Other", "crm")
    assert "Bearer" not in ctx.inputs["headers"]
    assert "secret:" not in ctx.inputs["headers"]


@pytest.mark.rule("SP2.13.http.repeatable")
def test_only_reading_and_what_may_be_repeated_is_repeatable():
    assert STEP.execute(context(), config()).repeatable
    assert not STEP.execute(context(), config(method="POST")).repeatable
    outcome = STEP.execute(context(), config(method="POST", may_repeat=True))
    assert outcome.repeatable
    assert ("Idempotency-Key", "run:11:1") in outcome.request.headers


@pytest.mark.rule("SP2.13.http.mapping", "SP2.13.http.status_variable")
def test_parts_of_the_answer_and_the_status_become_variables():
    settings = config(
        mapping=(
            Mapped(key="$.data.contacts[1].firstName", variable="second"),
            Mapped(key="data", variable="all"),
            Mapped(key="$.missing", variable="missing"),
        ),
        status_variable="status",
    )
    ctx = context()
    body = '{"data": {"contacts": [{}, {"firstName": "Grace"}]}}'
    assert STEP.receive(ctx, settings, HttpAnswered(200, body)) == Leave("next")
    assert ctx.variables == {
        "second": "Grace",
        "all": '{"contacts":[{},{"firstName":"Grace"}]}',
        "missing": None,
        "status": 200,
        "status.message": "OK",
    }
    assert {o.name for o in STEP.outputs(settings)} == set(ctx.variables)


@pytest.mark.rule("SP2.13.http.only_json")
def test_an_answer_that_is_no_json_leaves_null_and_the_status():
    settings = config(mapping=(Mapped(key="$.a", variable="a"),), status_variable="status")
    ctx = context()
    assert STEP.receive(ctx, settings, HttpAnswered(200, "<html>")) == Leave("next")
    assert (ctx.variables["a"], ctx.variables["status"]) == (None, 200)
    assert note_codes(ctx) == ["not_json"]


@pytest.mark.rule("SP2.13.http.failure_branch")
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (HttpAnswered(404, "{}"), 404),
        (HttpAnswered(302, ""), 302),
        (CallRefused("Own address"), -1),
        (CallUnknown("Timed out"), 0),
    ],
)
def test_failures_go_on_or_take_the_failure_path(answer, status):
    ctx = context()
    assert STEP.receive(ctx, config(status_variable="code"), answer) == Leave("next")
    assert ctx.variables["code"] == status
    assert STEP.receive(context(), config(failure_branch=True), answer) == Leave("failure")
    assert STEP.receive(context(), config(failure_branch=True), HttpAnswered(204, "")) == Leave("next")


def test_an_unknown_status_has_a_message_too():
    ctx = context()
    STEP.receive(ctx, config(status_variable="code"), HttpAnswered(299, ""))
    assert ctx.variables["code.message"] == "Status 299"


@pytest.mark.rule("SP2.13.http.limits")
def test_limits_of_the_settings():
    with pytest.raises(ValueError, match="at most 10"):
        config(headers=tuple(Header(name=f"X-{n}") for n in range(11)))
    with pytest.raises(ValueError, match="at most 10"):
        config(mapping=tuple(Mapped(key=f"$.k{n}", variable=f"k{n}") for n in range(11)))
    with pytest.raises(ValueError, match="wildcards"):
        Mapped(key="$.data[*]", variable="a")
    with pytest.raises(ValueError, match="pattern"):
        Header(name="Bad: name")


def test_settings_that_make_no_sense_are_errors():
    settings = config(
        url="ftp://example.com",
        status_variable="a",
        mapping=(Mapped(key="$.a", variable="a"),),
        headers=(Header(name="X"), Header(name="x")),
    )
    fields = [p.field for p in STEP.problems(settings)]
    assert fields == ["url", "mapping.0.variable", "headers.1.name"]
