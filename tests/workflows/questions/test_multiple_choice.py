from __future__ import annotations

from datetime import date

import pytest

from workflows.contract import Choice, InvalidAnswer, QuestionSettings, Reply
from workflows.questions.multiple_choice import MultipleChoiceQuestion

SETTINGS = QuestionSettings((Choice("a", "Sales"), Choice("b", "Support"), Choice("c", "1")))


def parse(text, payload=""):
    return MultipleChoiceQuestion().parse(Reply(text, payload), SETTINGS, date(2026, 3, 4))


@pytest.mark.rule("SP2.2.question.multiple_choice")
@pytest.mark.parametrize(
    ("text", "payload", "label"),
    [
        ("", "b", "Support"),
        (" sales ", "", "Sales"),
        ("2", "", "Support"),
        ("1", "", "1"),
        ("Support", "of an older question", "Support"),
    ],
)
def test_button_label_and_number_choose(text, payload, label):
    assert parse(text, payload) == label


@pytest.mark.parametrize("text", ["", "0", "4", "²", "9" * 5000, "Sales please"])
def test_anything_else_chooses_nothing(text):
    with pytest.raises(InvalidAnswer):
        parse(text)


def test_the_options_are_offered_as_choices():
    assert MultipleChoiceQuestion().choices(SETTINGS) == SETTINGS.options
