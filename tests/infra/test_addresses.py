from __future__ import annotations

import ipaddress
import socket
from itertools import product

import httpx
import pytest

from isflow.infra import netguard
from isflow.infra.addresses import (
    is_public_address,
    parse_allow_list,
    refusal_of_addresses,
    refusal_of_target,
)
from isflow.infra.http import HttpRefused, HttpRequest, client, close_connections, send

HOSTILE = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",  # noqa: S104
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0x7f.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "169.254.170.2",
    "100.100.100.200",
    "100.64.0.1",
    "192.0.0.192",
    "192.0.0.170",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "100::1",
    "fe80::5efe:7f00:1",
    "2001:20::1",
    "2001:10::1",
    "::ffff:0a00:0001",
    "0:0:0:0:0:ffff:7f00:1",
]
GOOD = [
    "1.1.1.1",
    "8.8.8.8",
    "9.9.9.9",
    "11.0.0.1",
    "13.107.42.14",
    "20.112.52.29",
    "23.185.0.1",
    "31.13.71.36",
    "34.117.59.81",
    "52.95.110.1",
    "64.233.160.1",
    "91.198.174.192",
    "93.184.216.34",
    "99.86.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "104.16.132.229",
    "126.255.255.255",
    "128.0.0.1",
    "140.82.112.3",
    "142.250.64.78",
    "149.154.167.220",
    "151.101.1.69",
    "157.240.22.35",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "185.199.108.153",
    "191.255.255.255",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "203.0.112.1",
    "204.79.197.200",
    "216.58.194.174",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2400:cb00::1",
    "2606:4700:4700::1111",
    "2620:fe::fe",
    "2620:4f:7fff::1",
    "2a00:1450:4001::1",
    "2a03:2880:f12f::1",
    "2c0f:fb50::1",
    "3ffe::1",
    "::ffff:8.8.8.8",
]
assert len(HOSTILE) == 62
assert len(GOOD) >= 50

FULL_WIDTH = str.maketrans(
    "0123456789.", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\u3002"
)


def spelled(address):
    """Return the ways in which one address may stand in a URL."""
    if ":" in address:
        return [f"[{address}]", f"[{address.upper()}]", f"[{address}%25eth0]", address]
    percent = "".join(f"%{ord(char):02x}" for char in address)
    return [address, f"{address}.", address.translate(FULL_WIDTH), percent, address.upper(), f"{address}%00"]


def targets(address):
    """Return URLs that lead to one address if they lead anywhere."""
    for scheme, host, port in product(
        ("http", "https"), spelled(address), ("", ":80", ":443", ":8443", ":22")
    ):
        yield f"{scheme}://{host}{port}/"
    for host in spelled(address)[:2]:
        yield f"http://good.example@{host}/"
        yield f"http://user:password@{host}/"
        yield f"http://{host}\\@good.example/"
        yield f"HTTP://{host}/?x#@good.example"


@pytest.fixture
def opened(monkeypatch):
    """Every socket that is connected anywhere."""
    seen = []

    def connect(_, address):
        seen.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", lambda address, *_, **__: connect(None, address))
    monkeypatch.setattr(socket.socket, "connect", connect)
    return seen


@pytest.fixture
def dns(monkeypatch):
    """Names and the answers they get, one list per call; the last answer stays."""
    answers = {}
    asked = []

    def lookup(host, port):
        asked.append(host)
        known = answers.get(host)
        if not known:
            raise socket.gaierror("unknown")
        return known.pop(0) if len(known) > 1 else known[0]

    monkeypatch.setattr(netguard, "lookup", lookup)
    answers["asked"] = asked
    return answers


@pytest.mark.parametrize("address", [text for text in HOSTILE if ":" in text or text.count(".") == 3])
def test_hostile_addresses_are_not_public(address):
    try:
        assert not is_public_address(address)
    except ValueError:
        assert not address.replace(".", "").isdigit() or any(part[0] == "0" for part in address.split("."))


@pytest.mark.parametrize("address", GOOD)
def test_good_addresses_are_public(address):
    assert is_public_address(address)
    assert refusal_of_target(address, 443) is None


@pytest.mark.rule("SP2.13.http.private")
def test_more_than_a_thousand_hostile_targets_open_no_socket(opened):
    count = 0
    for address in HOSTILE:
        for url in targets(address):
            count += 1
            with pytest.raises(HttpRefused):
                send(HttpRequest("GET", url))
    assert count >= 1000
    assert opened == []


@pytest.mark.parametrize("address", [text for text in HOSTILE if ":" in text or text[0] not in "02"])
def test_names_that_lead_inside_open_no_socket(opened, dns, address):
    try:
        inner = str(ipaddress.ip_address(address))
    except ValueError:
        inner = socket.inet_ntoa(socket.inet_aton(address))
    dns["evil.example"] = [[inner]]
    dns["mixed.example"] = [["93.184.216.34", inner]]
    dns["mixed6.example"] = [[inner, "2606:4700:4700::1111", "93.184.216.34"]]
    for host in ("evil.example", "EVIL.example.", "mixed.example", "mixed6.example"):
        for request in (HttpRequest("GET", f"http://{host}/"), HttpRequest("POST", f"https://{host}:8443/")):
            with pytest.raises(HttpRefused, match="not public"):
                send(request)
    assert opened == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "ip6.localhost."])
def test_names_of_this_machine_are_never_asked_for(opened, dns, host):
    with pytest.raises(HttpRefused):
        send(HttpRequest("GET", f"http://{host}/"))
    assert (opened, dns["asked"]) == ([], [])


def test_a_flipping_name_is_connected_where_it_was_checked(opened, dns):
    dns["flip.example"] = [["93.184.216.34"], ["127.0.0.1"]]
    with pytest.raises(HttpRefused, match="connection"):
        send(HttpRequest("GET", "http://flip.example/"))
    with pytest.raises(HttpRefused, match="not public"):
        send(HttpRequest("GET", "http://flip.example/"))
    assert opened == [("93.184.216.34", 80)]
    assert dns["asked"] == ["flip.example", "flip.example"]


@pytest.mark.parametrize("error", [socket.gaierror("no"), TimeoutError("late"), UnicodeError("odd")])
def test_a_failing_look_up_sends_nothing(opened, monkeypatch, error):
    def lookup(host, port):
        raise error

    monkeypatch.setattr(netguard, "lookup", lookup)
    with pytest.raises(HttpRefused, match=r"unknown|look-up"):
        send(HttpRequest("GET", "http://gone.example/"))
    assert opened == []


@pytest.mark.parametrize("answer", [[], ["nonsense"], ["fe80::1%eth0"]])
def test_a_strange_answer_of_the_resolver_sends_nothing(opened, dns, answer):
    dns["odd.example"] = [answer]
    with pytest.raises(HttpRefused):
        send(HttpRequest("GET", "http://odd.example/"))
    assert opened == []


def test_good_addresses_are_connected_to(opened, dns):
    for address in GOOD:
        dns["good.example"] = [[address]]
        with pytest.raises(HttpRefused, match="connection"):
            send(HttpRequest("GET", "http://good.example/"))
    assert [host for host, _ in opened] == [str(ipaddress.ip_address(address)) for address in GOOD]


def test_each_checked_address_is_tried(opened, dns):
    dns["two.example"] = [["93.184.216.34", "93.184.216.35"]]
    with pytest.raises(HttpRefused, match="connection"):
        send(HttpRequest("GET", "https://two.example/"))
    assert opened == [("93.184.216.34", 443), ("93.184.216.35", 443)]


def test_the_plain_client_is_guarded_too(opened, dns):
    dns["evil.example"] = [["10.0.0.1"]]
    dns["good.example"] = [["93.184.216.34"]]
    for url in ("http://127.0.0.1/", "http://evil.example/", "http://user@good.example/"):
        with pytest.raises(HttpRefused):
            client().get(url)
    assert opened == []
    with pytest.raises(httpx.ConnectError):
        client().get("http://good.example/")
    close_connections()


@pytest.mark.parametrize(
    ("port", "allowed"), [(80, True), (443, True), (8443, True), (1024, True), (22, False), (25, False)]
)
def test_low_ports_are_refused(port, allowed):
    assert (refusal_of_target("8.8.8.8", port) is None) is allowed
    assert (refusal_of_target("good.example", port) is None) is allowed


class TestAllowList:
    @pytest.fixture(autouse=True)
    def _allow(self, settings):
        settings.ISFLOW_HTTP_ALLOW = [
            "stub.internal", "mail.internal:25", "10.1.0.0/16", "[fd00::1]:9000", "127.0.0.1:9999",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("host", "port", "allowed"),
        [
            ("stub.internal", 22, True),
            ("mail.internal", 25, True),
            ("10.1.2.3", 8080, True),
            ("10.2.0.1", 80, False),
            ("fd00::1", 9000, True),
            ("fd00::1", 9001, False),
            ("127.0.0.1", 9999, True),
            ("::ffff:127.0.0.1", 9999, True),
            ("127.0.0.1", 8000, False),
        ],
    )
    def test_what_is_listed_and_nothing_else_is_allowed(self, host, port, allowed):
        assert (refusal_of_target(host, port) is None) is allowed

    def test_names_may_lead_into_an_allowed_network(self):
        inside, outside = ipaddress.ip_address("10.1.2.3"), ipaddress.ip_address("10.9.0.1")
        assert refusal_of_addresses("any.example", 22, [inside]) is None
        assert refusal_of_addresses("any.example", 80, [inside, outside]) == "the address is not public"
        assert refusal_of_addresses("stub.internal", 80, [outside]) is None
        assert refusal_of_addresses("any.example", 22, [ipaddress.ip_address("8.8.8.8")]) is not None
        assert refusal_of_addresses("mail.internal", 25, [outside]) is None
        assert refusal_of_addresses("mail.internal", 26, [ipaddress.ip_address("8.8.8.8")]) is not None
        assert refusal_of_addresses("any.example", 80, []) is not None

    @pytest.mark.rule("SP2.13.http.own_host")
    def test_own_hosts_are_refused_unless_listed(self, settings):
        settings.ISFLOW_OWN_HOSTS = ["flow.example", "stub.internal"]
        assert refusal_of_target("flow.example", 443) == "the host is this installation"
        assert refusal_of_target("stub.internal", 443) is None

    @pytest.mark.parametrize("entry", ["", "10.0.0.0/99", "host:port", "a/b"])
    def test_a_broken_entry_is_an_error(self, entry):
        with pytest.raises(ValueError):  # noqa: PT011 - several messages
            parse_allow_list((entry,))
