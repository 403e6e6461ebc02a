from __future__ import annotations

from django.test import RequestFactory

from isflow.infra.accounts import ClosedAccountAdapter, SealedMFAAdapter, attempted_login


def test_nobody_signs_up_unasked():
    assert not ClosedAccountAdapter().is_open_for_signup(RequestFactory().get("/"))


def test_two_factor_secrets_are_stored_encrypted():
    sealed = SealedMFAAdapter().encrypt("JBSWY3DP")
    assert "JBSWY3DP" not in sealed
    assert SealedMFAAdapter().decrypt(sealed) == "JBSWY3DP"


def test_failed_logins_are_counted_by_the_name_that_was_tried():
    posted = RequestFactory().post("/", {"login": "Ada@Example.com "})
    assert attempted_login(None, {"email": "ADA@example.com"}) == "ada@example.com"
    assert attempted_login(posted, {"username": "bob@example.com"}) == "bob@example.com"
    assert attempted_login(posted, None) == "ada@example.com"
    assert attempted_login(None, None) == ""
