"""Addresses of the workflows app."""

from __future__ import annotations

from django.urls import path

from workflows import views

app_name = "workflows"

urlpatterns = [
    path("hooks/workflow/<str:workspace>/<str:token>", views.workflow_webhook, name="webhook"),
]
