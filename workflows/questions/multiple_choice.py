"""A question with up to ten answers to choose from: by button, by label or by number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from isflow.kernel.values import Scalar
from workflows.contract import (
    Choice,
    InvalidAnswer,
    QuestionSettings,
    QuestionType,
    Reply,
    question_types,
)

MAX_DIGITS = 2


@question_types.register("multiple_choice")
class MultipleChoiceQuestion(QuestionType):
    label = "Multiple choice"
    fits = frozenset({"text", "list"})
    takes_options = True
    saves_tag = True

    def choices(self, settings: QuestionSettings) -> Sequence[Choice]:
        return settings.options

    def parse(self, reply: Reply, settings: QuestionSettings, today: date) -> Scalar:
        text = reply.text.strip()
        for option in settings.options:
            if reply.payload == option.id or text.casefold() == option.label.strip().casefold():
                return option.label
        # The labels come first, so that an option called “2” means itself.
        if (
            text.isascii()
            and text.isdigit()
            and len(text) <= MAX_DIGITS
            and 0 < int(text) <= len(settings.options)
        ):
            return settings.options[int(text) - 1].label
        raise InvalidAnswer("Choose one of the options.")
