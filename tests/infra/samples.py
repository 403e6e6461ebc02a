"""Models of their own registry, so that no other test ever meets them."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import models
from pydantic import BaseModel, ConfigDict

from isflow.infra.fields import EncryptedJSONField, EncryptedTextField, PydanticField


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    size: int = 1
    corners: tuple[str, ...] = ()


class Sample(models.Model):  # noqa: DJ008 - never shown
    status = models.CharField(max_length=10, default="new")
    token = models.UUIDField(null=True)
    note = models.CharField(max_length=5, default="")
    data = models.JSONField(null=True)
    at = models.DateTimeField(null=True)
    done = models.BooleanField(default=False)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    shape = PydanticField(schema=Shape, default=Shape)
    shapes = PydanticField(schema=tuple[Shape, ...], default=tuple)
    maybe = PydanticField[Shape | None](schema=Shape, null=True)
    secret = EncryptedTextField(default="")
    secrets = EncryptedJSONField(null=True)
    order = models.IntegerField(default=0, db_column="group")  # a reserved word as a column

    class Meta:
        app_label = "infra"
        apps = Apps()
        db_table = "infra test sample"
