"""A question that takes any text; the caption of a picture counts."""

from __future__ import annotations

from datetime import date

from isflow.kernel.values import Scalar
from workflows.contract import InvalidAnswer, QuestionSettings, QuestionType, Reply, question_types

MAX_LENGTH = 10_000


@question_types.register("text")
class TextQuestion(QuestionType):
    label = "Text"
    fits = frozenset({"text", "list"})

    def parse(self, reply: Reply, settings: QuestionSettings, today: date) -> Scalar:
        text = reply.text.strip()
        if not text:
            raise InvalidAnswer("Write a text.")
        return text[:MAX_LENGTH]
