"""Addresses of the workflows app."""

from __future__ import annotations

from django.urls import path

from workflows import pages, views

app_name = "workflows"

urlpatterns = [
    path("w/<slug:slug>/attention/", pages.attention, name="attention"),
    path("w/<slug:slug>/contacts/<int:contact_id>/workflows/", pages.contact_runs, name="contact_runs"),
    path(
        "w/<slug:slug>/contacts/<int:contact_id>/workflows/<int:run_id>/stop/",
        pages.contact_run_stop,
        name="contact_run_stop",
    ),
    path("hooks/workflow/<str:workspace>/<str:token>", views.workflow_webhook, name="webhook"),
]
