"""A question that takes one e-mail address and nothing else."""

from __future__ import annotations

from datetime import date

from isflow.kernel.values import Scalar, normalise
from workflows.contract import InvalidAnswer, QuestionSettings, QuestionType, Reply, question_types


@question_types.register("email")
class EmailQuestion(QuestionType):
    label = "Email"
    fits = frozenset({"email", "text"})

    def parse(self, reply: Reply, settings: QuestionSettings, today: date) -> Scalar:
        try:
            address = normalise("email", reply.text)
        except ValueError as error:
            raise InvalidAnswer(f"{error}.") from error
        if address is None:
            raise InvalidAnswer("Write an email address such as name@example.com.")
        return address
