from __future__ import annotations

from datetime import date

import pytest

from workflows.contract import InvalidAnswer, QuestionSettings, Reply
from workflows.questions.text import TextQuestion

TODAY = date(2026, 3, 4)


def parse(reply):
    return TextQuestion().parse(reply, QuestionSettings(), TODAY)


@pytest.mark.rule("SP2.2.question.text")
def test_any_text_is_an_answer():
    assert parse(Reply("  Blue, I think ")) == "Blue, I think"
    assert parse(Reply("caption", kind="image")) == "caption"
    assert len(parse(Reply("x" * 20_000))) == 10_000


def test_a_picture_without_caption_is_none():
    with pytest.raises(InvalidAnswer):
        parse(Reply("", kind="image"))
