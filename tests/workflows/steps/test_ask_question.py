from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.harness.context import NOW, channel, contact, context, note_codes
from workflows.contract import (
    AddTag,
    Choice,
    Delivered,
    DeliveryFailed,
    Duration,
    End,
    FieldRef,
    Known,
    KnownField,
    Leave,
    Need,
    Reply,
    SaveAnswer,
    SendMessage,
    SetField,
    TimedOut,
    Wait,
)
from workflows.steps.ask_question import AskQuestion, AskQuestionConfig, Option

STEP = AskQuestion()
OPTIONS = (Option(id="a", label="Sales"), Option(id="b", label="Support"))
WEEK = NOW + timedelta(days=7)


def config(**given):
    return AskQuestionConfig(**{"text": "Your email, $contact.firstname?", "question_type": "email", **given})


def asked(ctx, settings):
    STEP.execute(ctx, settings)
    ctx.effects.clear()
    return ctx


@pytest.mark.rule("S002.ask.default_timeout")
def test_the_question_is_sent_and_the_answer_awaited_for_seven_days():
    ctx = context()

    assert STEP.execute(ctx, config()) == Wait("question", WEEK, "run:11:1:m1")
    assert ctx.effects == [SendMessage(1, 101, "run:11:1:m1", "Your email, Ada?")]


@pytest.mark.rule("SP2.2.ask.success")
def test_a_valid_answer_is_kept_in_variable_and_field():
    settings = config(save=SaveAnswer(field=FieldRef(slug="email"), variable="mail"))
    ctx = asked(context(), settings)

    assert STEP.resume(ctx, settings, Reply("ada@Example.com")) == Leave("success")
    assert ctx.effects == [SetField("email", "ada@example.com")]
    assert ctx.variables == {"mail": "ada@example.com"}
    assert ctx.render("$mail, $contact.email") == "ada@example.com, ada@example.com"


@pytest.mark.rule("S002.ask.invalid_not_saved", "SP2.2.ask.raw_answer")
def test_an_invalid_answer_is_not_saved_and_leads_to_failure():
    settings = config(save=SaveAnswer(field=FieldRef(slug="email"), variable="mail"))
    ctx = asked(context(), settings)

    assert STEP.resume(ctx, settings, Reply("abc")) == Leave("failure")
    assert ctx.effects == []
    assert ctx.variables == {"mail.raw": "abc"}
    assert note_codes(ctx) == ["invalid_answer"]


@pytest.mark.rule("SP2.2.ask.attempts")
def test_further_attempts_ask_again_with_the_retry_text():
    settings = config(max_attempts=2, retry_text="Once more, please.")
    ctx = asked(context(), settings)

    assert STEP.resume(ctx, settings, Reply("abc")) == Wait("question", WEEK, "run:11:1:m2")
    assert ctx.effects[0].text == "Once more, please."
    assert STEP.resume(ctx, settings, Reply("def")) == Leave("failure")
    assert ctx.variables == {}


def test_without_a_retry_text_the_question_is_repeated():
    settings = config(max_attempts=2)
    ctx = asked(context(), settings)
    STEP.resume(ctx, settings, Reply("abc"))
    assert ctx.effects[0].text == "Your email, Ada?"


@pytest.mark.rule("S002.ask.timeout")
def test_without_an_answer_the_timeout_path_is_taken_or_the_run_ends():
    settings = config(timeout=Duration(value=2, unit="hours"))
    ctx = context()
    assert STEP.execute(ctx, settings).until == NOW + timedelta(hours=2)
    outcome = STEP.resume(ctx, settings, TimedOut())
    assert isinstance(outcome, End)
    assert outcome.reason == "timeout"
    assert STEP.resume(context(), config(timeout_branch=True), TimedOut()) == Leave("timeout")


@pytest.mark.rule("SP2.2.ask.message_failure")
def test_a_question_that_cannot_be_sent_takes_the_failure_path_or_ends_the_run():
    person = contact(channels=())
    assert STEP.execute(context(person), config(failure_branch=True)) == Leave("message_failure")
    outcome = STEP.execute(context(person), config())
    assert isinstance(outcome, End)
    assert outcome.reason == "message_failed"
    assert STEP.resume(context(), config(), DeliveryFailed("Gone")) == End("message_failed", "Gone")


def test_delivery_leaves_the_wait_as_it_is():
    settings = config()
    ctx = asked(context(), settings)
    ctx.now = datetime(2026, 3, 5, tzinfo=NOW.tzinfo)
    assert STEP.resume(ctx, settings, Delivered("read")) == Wait("question", WEEK, "run:11:1:m1")


@pytest.mark.rule("SP2.2.ask.options", "SP2.2.ask.tag")
def test_the_chosen_option_may_become_a_tag():
    settings = config(question_type="multiple_choice", options=OPTIONS, save=SaveAnswer(tag=True))
    ctx = context()
    STEP.execute(ctx, settings)
    assert ctx.effects[0].choices == (Choice("a", "Sales"), Choice("b", "Support"))
    assert STEP.resume(ctx, settings, Reply("", payload="b")) == Leave("success")
    assert ctx.effects[1] == AddTag(None, "Support")
    assert Need.TAGS in STEP.needs_of(settings)
    assert Need.TAGS not in STEP.needs_of(config())


@pytest.mark.rule("S002.ask.field_mismatch")
def test_a_field_of_another_kind_is_left_alone_and_the_answer_counts():
    settings = config(save=SaveAnswer(field=FieldRef(slug="age"), variable="mail"))
    ctx = asked(context(contact(kinds={"age": "number"})), settings)

    assert STEP.resume(ctx, settings, Reply("ada@example.com")) == Leave("success")
    assert ctx.effects == []
    assert ctx.variables["mail"] == "ada@example.com"
    assert note_codes(ctx) == ["field_type_mismatch"]


def test_a_list_field_takes_an_answer_that_is_one_of_its_options():
    settings = config(question_type="text", save=SaveAnswer(field=FieldRef(slug="size")))
    person = contact(kinds={"size": "list"}, options={"size": ("Small", "Large")})
    ctx = asked(context(person), settings)
    assert STEP.resume(ctx, settings, Reply("large")) == Leave("success")
    assert ctx.effects == [SetField("size", "Large")]

    ctx = asked(context(person), settings)
    assert STEP.resume(ctx, settings, Reply("huge")) == Leave("success")
    assert note_codes(ctx) == ["field_type_mismatch"]


def test_outlets_follow_the_toggles():
    assert [o.id for o in STEP.outlets(config())] == ["success", "failure"]
    both = config(timeout_branch=True, failure_branch=True)
    assert [o.id for o in STEP.outlets(both)] == ["success", "failure", "timeout", "message_failure"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"question_type": "multiple_choice"}, "options"),
        ({"question_type": "multiple_choice", "options": OPTIONS[:1] * 2}, "options.1.label"),
        ({"question_type": "riddle"}, "question_type"),
        ({"timeout": Duration(value=8, unit="days")}, "timeout"),
        ({"timeout": Duration(value=30, unit="seconds")}, "timeout"),
        ({"save": SaveAnswer(tag=True)}, "save.tag"),
    ],
)
def test_settings_that_make_no_sense_are_errors(given, field):
    assert field in [problem.field for problem in STEP.problems(config(**given))]


@pytest.mark.rule("SP2.2.ask.option_limits")
def test_ten_options_of_twenty_characters_are_the_most():
    with pytest.raises(ValueError, match="at most 20"):
        Option(id="a", label="x" * 21)
    with pytest.raises(ValueError, match="at most 10"):
        config(options=tuple(Option(id=str(n), label=str(n)) for n in range(11)))


def test_a_field_that_cannot_take_the_answer_is_an_error_at_save():
    known = Known(fields={"age": KnownField("number")})
    settings = config(save=SaveAnswer(field=FieldRef(slug="age")))
    assert [p.code for p in STEP.misfits(settings, known)] == ["field_type_mismatch"]


@pytest.mark.rule("S002.loop.question_breaks")
def test_only_an_answer_breaks_a_cycle():
    assert STEP.breaks_cycle_at("success")
    assert STEP.breaks_cycle_at("failure")
    assert not STEP.breaks_cycle_at("timeout")
    assert not STEP.breaks_cycle_at("message_failure")


def test_the_loop_check_hears_what_an_answer_changes():
    settings = config(
        question_type="multiple_choice",
        options=OPTIONS,
        save=SaveAnswer(field=FieldRef(slug="topic"), tag=True),
    )
    kinds = {(e.kind, e.is_on_arrival) for e in STEP.emissions(settings)}
    assert kinds == {
        ("message_created", True),
        ("contact_field_updated", False),
        ("contact_tag_updated", False),
    }


def test_the_text_is_cut_at_the_limit():
    ctx = context(contact(channels=(channel(),)), long="x" * 3000)
    STEP.execute(ctx, config(text="$long"))
    assert len(ctx.effects[0].text) == 2000
