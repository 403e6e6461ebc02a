from __future__ import annotations

from datetime import date

import pytest

from workflows.contract import InvalidAnswer, QuestionSettings, Reply
from workflows.questions.email import EmailQuestion


def parse(text):
    return EmailQuestion().parse(Reply(text), QuestionSettings(), date(2026, 3, 4))


@pytest.mark.rule("SP2.2.question.email")
def test_one_address_is_an_answer():
    assert parse(" a@B.co ") == "a@b.co"


@pytest.mark.parametrize("text", ["abc", "mail me at a@b.co", "a@b", "", "a@b@c.de"])
def test_anything_else_is_none(text):
    with pytest.raises(InvalidAnswer):
        parse(text)
