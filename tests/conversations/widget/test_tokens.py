from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conversations.widget.accounts import look_of, origin_fits
from conversations.widget.tokens import visitor_address, visitor_token_for, visitor_token_issue


class Stub:
    def __init__(self, **config):
        self.config, self.name = config, "Website chat"


def test_a_token_proves_its_address_on_its_channel_only():
    token = visitor_token_for(channel_id=3, address="somebody")
    assert visitor_address(token, channel_id=3) == "somebody"
    assert visitor_address(token, channel_id=4) is None
    assert visitor_address(token[:-1] + "_", channel_id=3) is None


def test_every_new_visitor_has_an_unguessable_address():
    addresses = {visitor_address(visitor_token_issue(channel_id=1), channel_id=1) for _ in range(5)}
    assert len(addresses) == 5
    assert all(len(address) >= 20 for address in addresses)


@given(st.text() | st.none() | st.integers() | st.lists(st.text()))
def test_anything_may_be_given_as_a_token(value):
    assert visitor_address(value, channel_id=1) is None


def test_text_on_the_brand_colour_can_be_read():
    assert look_of(Stub(colour="#ffffff")).ink == "#111827"
    assert look_of(Stub(colour="#102030")).ink == "#ffffff"
    assert look_of(Stub(colour="red; }")).colour == "#3b4cca"
    assert look_of(Stub()).title == "Website chat"


def test_origins_are_compared_exactly():
    shop = Stub(allowed_origins=["https://shop.example", "not an origin"])
    assert origin_fits(shop, "https://shop.example:443", own="https://chat.example")
    assert origin_fits(shop, "https://chat.example", own="https://chat.example")
    assert origin_fits(shop, None, own="https://chat.example")
    assert not origin_fits(shop, "https://shop.example.evil.example", own="https://chat.example")
    assert not origin_fits(shop, "http://[", own="https://chat.example")
