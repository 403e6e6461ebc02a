from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channels_app.contract import Attachment, Capabilities, Option
from channels_app.rendering import OutboundContent, render

PLAIN = Capabilities(text_limit=40)
TAPS = Capabilities(max_buttons=3, max_list_rows=10, button_label_limit=20, media_kinds=frozenset({"image"}))
CHOICES = tuple(Option(str(n), f"Choice {n}") for n in range(1, 5))


def test_choices_stay_where_they_can_be_tapped():
    content = OutboundContent("Pick", options=CHOICES, options_title="Menu")

    assert render(content, TAPS) == content


def test_choices_become_numbered_lines_elsewhere():
    content = OutboundContent("Pick", options=CHOICES[:2], options_title="Menu")

    assert render(content, PLAIN) == OutboundContent("Pick\n1. Choice 1\n2. Choice 2")


def test_too_many_or_too_long_choices_become_lines():
    many = tuple(Option(str(n), str(n)) for n in range(11))
    long = (Option("1", "x" * 21),)

    assert render(OutboundContent("Pick", options=many), TAPS).text.endswith("\n11. 10")
    assert render(OutboundContent("Pick", options=long), TAPS).text == f"Pick\n1. {'x' * 21}"


def test_prose_is_cut_before_choices():
    content = OutboundContent("p" * 100, options=CHOICES[:2])

    text = render(content, PLAIN).text

    assert text.endswith("p\n1. Choice 1\n2. Choice 2")
    assert len(text) == 40


def test_files_a_channel_cannot_carry_become_addresses():
    image, file = Attachment("image", "https://x/i"), Attachment("file", "https://x/f")
    content = OutboundContent("Look", attachments=(image, file))

    assert render(content, TAPS) == OutboundContent("Look\nhttps://x/f", attachments=(image,))


def test_html_becomes_text_where_there_is_none():
    content = OutboundContent(subject="S", html="<p>Hello&nbsp;<b>you</b></p><p>Bye<br>bye</p>")

    assert render(content, PLAIN) == OutboundContent("Hello\xa0you\nBye\nbye")
    mail = Capabilities(has_subject=True, has_html=True)
    assert render(content, mail) == content


@given(
    st.text(max_size=200),
    st.lists(st.text(max_size=30), max_size=12),
    st.integers(1, 100),
    st.integers(0, 10),
    st.text(max_size=60),
)
def test_the_result_always_fits(text, labels, limit, buttons, markup):
    capabilities = Capabilities(text_limit=limit, max_buttons=buttons)
    options = tuple(Option(str(n), label) for n, label in enumerate(labels))

    result = render(OutboundContent(text, options=options, html=markup), capabilities)

    assert len(result.text) <= limit
    assert len(result.options) <= buttons
    assert render(result, capabilities) == result
