"""Rows as the admin's pages for troubles, questions and operation show them; no tables of their own."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from workflows.models.event import Event
from workflows.models.run import Run


class Trouble(Run):
    """What a person has to look at, listed on one page."""

    class Meta:
        proxy = True
        verbose_name = _("needs attention")
        verbose_name_plural = _("needs attention")


class Why(Event):
    """An event as the answer to the question why a workflow did or did not run."""

    class Meta:
        proxy = True
        verbose_name = _("why did it (not) run?")
        verbose_name_plural = _("why did it (not) run?")


class Timer(Run):
    """A run that wakes at some time, of whatever workspace."""

    class Meta:
        proxy = True
        verbose_name = _("engine room")
        verbose_name_plural = _("engine room")
