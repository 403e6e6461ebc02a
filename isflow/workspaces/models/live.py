"""Gap-free counters of the streams that browsers listen to."""

from __future__ import annotations

from django.db import models

from isflow.workspaces.scope import ScopedModel


class LiveStream(ScopedModel):
    """How many frames a stream has carried. A client whose last number is not N - 1 fetches anew."""

    name = models.CharField(max_length=64)
    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="live_stream_one_per_name")]

    def __str__(self) -> str:
        return f"{self.name} #{self.number}"
