"""The contract of a question type: how it is asked, which answers are valid, what is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from isflow.kernel.registry import Registry
from isflow.kernel.values import Scalar
from workflows.contract.effects import Choice
from workflows.contract.outcome import Reply


class InvalidAnswer(Exception):  # noqa: N818 - an answer may be invalid; that is no fault
    """The reply does not answer the question; the message says what is wanted."""


@dataclass(frozen=True, slots=True)
class QuestionSettings:
    """Settings that only some question types read."""

    options: tuple[Choice, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


class QuestionType(ABC):
    """One kind of question. Stateless."""

    key: ClassVar[str]
    label: ClassVar[Any]
    fits: ClassVar[frozenset[str]] = frozenset({"text"})
    """Kinds of contact field that can hold the answer."""
    takes_options: ClassVar[bool] = False
    takes_range: ClassVar[bool] = False
    saves_tag: ClassVar[bool] = False

    def choices(self, settings: QuestionSettings) -> Sequence[Choice]:
        """Buttons to offer with the question."""
        return ()

    def hint(self, settings: QuestionSettings) -> str:
        """A line added to the question where the channel has no buttons."""
        return ""

    @abstractmethod
    def parse(self, reply: Reply, settings: QuestionSettings, today: date) -> Scalar:
        """The canonical value of a valid answer; InvalidAnswer otherwise."""


question_types: Registry[QuestionType] = Registry("question type")
