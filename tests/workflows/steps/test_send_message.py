from __future__ import annotations

from datetime import timedelta

import pytest

from tests.harness.context import NOW, channel, contact, context, note_codes
from workflows.contract import (
    ChannelRef,
    Delivered,
    DeliveryFailed,
    End,
    Leave,
    Media,
    SendMessage,
    TimedOut,
    Wait,
)
from workflows.steps.send_message import (
    ChannelChoice,
    ChannelResponse,
    MediaFile,
    MessageContent,
    SendMessageConfig,
    SendMessageStep,
)

STEP = SendMessageStep()


def config(text="Hi $contact.firstname", **given):
    return SendMessageConfig(default=MessageContent(text=text), **given)


def fixed(key):
    return ChannelChoice(mode="fixed", channel=ChannelRef(id=key, label=f"Chat {key}"))


@pytest.mark.rule("S004.send.variables")
@pytest.mark.rule("S004.send.last_channel")
def test_the_text_goes_to_the_last_channel_with_its_variables_replaced():
    ctx = context()

    assert STEP.execute(ctx, config()) == Leave("next")
    assert ctx.effects == [SendMessage(channel_id=1, identity_id=101, key="run:11:1:m", text="Hi Ada")]
    assert ctx.conversation.last_outgoing_source == "workflow"


@pytest.mark.rule("S004.send.fixed_channel")
def test_a_fixed_channel_is_used_wherever_the_contact_wrote_last():
    ctx = context(contact(channels=(channel(1), channel(2))))

    STEP.execute(ctx, config(channel=fixed(2)))

    assert ctx.effects[0].channel_id == 2


@pytest.mark.rule("S004.send.channel_response")
def test_a_channel_response_replaces_the_default_on_its_channel():
    response = ChannelResponse(channel=ChannelRef(id=2), content=MessageContent(text="For two"))
    both = (channel(1), channel(2))

    first = context(contact(channels=both, last_channel_id=2))
    STEP.execute(first, config(responses=(response,)))
    second = context(contact(channels=both, last_channel_id=1))
    STEP.execute(second, config(responses=(response,)))

    assert first.effects[0].text == "For two"
    assert second.effects[0].text == "Hi Ada"


@pytest.mark.rule("S004.send.general_failure")
@pytest.mark.parametrize(
    "person",
    [
        contact(channels=()),
        contact(last_channel_id=None),
        contact(is_blocked=True),
        contact(channels=(channel(connected=False),)),
        contact(channels=(channel(window_open=False),)),
    ],
    ids=["no channel", "never wrote", "blocked", "disconnected", "window closed"],
)
@pytest.mark.rule("S002.send.failure_ends_run", "S004.send.failure_branch")
def test_a_message_that_cannot_be_sent_ends_the_run_or_takes_the_failure_path(person):
    ctx = context(person)
    outcome = STEP.execute(ctx, config())

    assert isinstance(outcome, End)
    assert outcome.reason == "message_failed"
    assert outcome.message
    assert ctx.effects == []
    assert STEP.execute(context(person), config(failure_branch=True)) == Leave("message_failure")


def test_a_fixed_channel_the_contact_does_not_have_is_a_failure():
    outcome = STEP.execute(context(), config(channel=fixed(9), failure_branch=True))
    assert outcome == Leave("message_failure")


@pytest.mark.rule("SP2.1.send.waits_for_delivery")
def test_where_delivery_takes_time_the_step_waits_for_it():
    ctx = context(contact(channels=(channel(instant=False),)))
    assert STEP.execute(ctx, config()) == Wait("delivery", NOW + timedelta(hours=25), "run:11:1:m")


@pytest.mark.parametrize("status", ["sent", "delivered", "read"])
def test_a_delivered_message_leads_on(status):
    assert STEP.resume(context(), config(failure_branch=True), Delivered(status)) == Leave("next")


@pytest.mark.parametrize("resume", [Delivered("unknown"), TimedOut()])
@pytest.mark.rule("SP2.1.send.unknown_outcome")
def test_an_unknown_outcome_never_ends_the_run(resume):
    ctx = context()
    assert STEP.resume(ctx, config(), resume) == Leave("next")
    assert note_codes(ctx) == ["delivery_unknown"]
    assert STEP.resume(context(), config(failure_branch=True), resume) == Leave("message_failure")


@pytest.mark.rule("S002.send.failure_ends_run", "S004.send.failure_branch")
def test_a_failed_delivery_ends_the_run_or_takes_the_failure_path():
    failed = DeliveryFailed("The token has expired.")
    assert STEP.resume(context(), config(), failed) == End("message_failed", "The token has expired.")
    assert STEP.resume(context(), config(failure_branch=True), failed) == Leave("message_failure")


@pytest.mark.rule("SP2.1.send.text_limit")
def test_text_grown_past_the_limit_is_cut_with_a_note():
    ctx = context(long="x" * 3000)
    STEP.execute(ctx, config("$long"))
    assert len(ctx.effects[0].text) == 2000
    assert note_codes(ctx) == ["text_cut"]


@pytest.mark.rule("S004.send.email_subject")
def test_subject_and_formatted_text_are_for_channels_that_have_a_subject():
    content = MessageContent(text="Hi", subject="For $contact.firstname", html="<p>$contact.firstname</p>")
    settings = SendMessageConfig(default=content)
    mail = context(contact(firstname="<Ada>", channels=(channel(kind="email", has_subject=True),)))
    chat = context()

    STEP.execute(mail, settings)
    STEP.execute(chat, settings)

    assert mail.effects[0].subject == "For <Ada>"
    assert mail.effects[0].html == "<p>&lt;Ada&gt;</p>"
    assert (chat.effects[0].subject, chat.effects[0].html) == ("", "")


def test_outlets_follow_the_toggle():
    assert [outlet.id for outlet in STEP.outlets(config())] == ["next"]
    assert [o.id for o in STEP.outlets(config(failure_branch=True))] == ["next", "message_failure"]


def test_a_fixed_channel_must_be_chosen_and_responses_are_one_per_channel():
    response = ChannelResponse(channel=ChannelRef(id=2), content=MessageContent(text="x"))
    settings = config(channel=ChannelChoice(mode="fixed"), responses=(response, response))
    assert [p.field for p in STEP.problems(settings)] == ["channel.channel", "responses.1.channel"]


def test_the_loop_check_hears_of_the_message():
    (emission,) = STEP.emissions(config(channel=fixed(2)))
    assert (emission.kind, emission.facts) == ("message_created", {"sender_type": "flow", "channel_id": 2})


def photo(url="https://example.org/bike.jpg", **given):
    return MediaFile(kind="image", url=url, **given)


def with_files(*files, text=""):
    return SendMessageConfig(default=MessageContent(text=text, media=files))


@pytest.mark.rule("S004.send.media")
def test_a_file_goes_along_with_its_address_rendered():
    ctx = context()
    assert STEP.execute(ctx, with_files(photo("https://example.org/$contact.firstname.jpg"))) == Leave("next")
    assert ctx.effects[0].media == (
        Media("image", f"https://example.org/{ctx.contact.text('firstname')}.jpg"),
    )


def test_a_chat_takes_one_file_and_says_what_it_left_out():
    ctx = context()
    STEP.execute(ctx, with_files(photo(), photo("https://example.org/two.jpg"), text="Look"))
    assert len(ctx.effects[0].media) == 1
    assert note_codes(ctx) == ["file_left_out"]


def test_what_is_no_address_is_left_out_and_an_empty_message_fails():
    ctx = context()
    outcome = STEP.execute(ctx, with_files(photo("$nothing")))
    assert isinstance(outcome, End)
    assert ctx.effects == []


def test_neither_text_nor_file_and_a_strange_address_are_problems():
    assert [p.field for p in STEP.problems(with_files())] == ["default.text"]
    assert [p.field for p in STEP.problems(with_files(photo("ftp://example.org/x")))] == [
        "default.media.0.url"
    ]
    assert list(STEP.problems(with_files(photo()))) == []
