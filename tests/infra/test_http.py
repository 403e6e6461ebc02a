from __future__ import annotations

import contextlib
import gzip
import resource
import threading
import time
import zlib

import pytest

from isflow.infra import http, netguard
from isflow.infra.connections import checked_url
from isflow.infra.http import HttpRefused, HttpRequest, HttpUnknown, client, close_connections, send
from tests.infra.servers import Server, answer


@pytest.fixture
def server(settings):
    settings.ISFLOW_HTTP_ALLOW = ["127.0.0.0/8"]
    with Server() as running:
        yield running
        close_connections()


def get(server, path="/", **options):
    return send(HttpRequest("GET", server.url + path, **options))


def names(seen):
    return {name.lower() for name, _ in seen.headers}


class TestOrdinaryCalls:
    def test_everything_arrives_and_comes_back(self, server):
        server.answers["/a"] = answer(201, b"pong", X_Thing="v")
        request = HttpRequest("POST", f"{server.url}/a?q=1#part", (("X-Key", " k "),), b"ping")

        got = send(request)

        assert (got.status, got.body, got.truncated) == (201, b"pong", False)
        assert ("X-Thing", "v") in got.headers
        assert 0 < got.elapsed < 1
        (seen,) = server.seen
        assert (seen.line, seen.body) == ("POST /a?q=1 HTTP/1.1", b"ping")
        assert {("Host", f"127.0.0.1:{server.port}"), ("X-Key", "k"), ("Content-Length", "4")} <= set(
            seen.headers
        )

    def test_an_empty_post_says_so(self, server):
        server.answers["/"] = answer()
        send(HttpRequest("POST", server.url))
        assert ("Content-Length", "0") in server.seen[0].headers

    def test_connections_are_kept(self, server):
        server.answers["/"] = answer(body=b"ok")
        for _ in range(5):
            get(server)
        assert server.connections == 1

    def test_many_threads_share_the_pool(self, server):
        server.answers["/"] = answer(body=b"ok")
        got = []
        threads = [threading.Thread(target=lambda: got.append(get(server).body)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == [b"ok"] * 16

    def test_gzip_is_unpacked(self, server):
        server.answers["/"] = answer(body=gzip.compress(b"hello" * 100), Content_Encoding="gzip")
        assert get(server).body == b"hello" * 100

    def test_error_statuses_are_answers(self, server):
        server.answers["/"] = answer(503, b"no")
        assert get(server).status == 503

    def test_head_has_no_body(self, server):
        server.answers["/"] = b"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\n"
        assert send(HttpRequest("HEAD", server.url)).body == b""

    def test_the_environment_names_no_proxy(self, server, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        server.answers["/"] = answer()
        assert get(server).status == 200

    def test_the_plain_client_follows_nothing(self, server):
        server.answers["/"] = answer(302, Location="/b")
        assert client().get(server.url).status_code == 302


class TestWhatWasSent:
    def test_a_closed_port_means_refused(self, settings):
        settings.ISFLOW_HTTP_ALLOW = ["127.0.0.1"]
        with pytest.raises(HttpRefused, match="connection failed"):
            send(HttpRequest("GET", "http://127.0.0.1:1/"))

    def test_a_lost_connection_means_unknown(self, server):
        server.answers["/"] = lambda _: None
        with pytest.raises(HttpUnknown, match="connection failed"):
            get(server)

    def test_garbage_means_unknown(self, server):
        server.answers["/"] = b"SSH-2.0-OpenSSH\r\n\r\n"
        with pytest.raises(HttpUnknown):
            get(server)

    def test_a_cut_body_means_unknown(self, server):
        def cut(connection):
            connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\nhalf")

        server.answers["/"] = cut
        with pytest.raises(HttpUnknown):
            get(server)

    def test_no_tls_means_refused(self, server):
        server.answers["/"] = answer()
        with pytest.raises(HttpRefused):
            send(HttpRequest("POST", server.url.replace("http", "https"), timeout=0.2))
        assert server.seen == []

    def test_a_slow_look_up_means_refused(self, monkeypatch):
        late = threading.Event()
        monkeypatch.setattr(netguard, "lookup", lambda *_: late.wait(5) and [])
        with pytest.raises(HttpRefused, match="look-up"):
            send(HttpRequest("GET", "http://slow.example/", timeout=0.1))
        late.set()


def drip(start, piece):
    """Send a beginning, then one piece every hundredth of a second for ever."""

    def run(connection):
        connection.sendall(start)
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(piece)
                time.sleep(0.01)

    return run


class TestHostileServers:
    @pytest.mark.parametrize(
        "behaviour",
        [
            drip(b"", b"H"),
            drip(b"HTTP/1.1 200 X\r\n", b"A"),
            drip(b"HTTP/1.1 200 X\r\n", b"HTTP/1.1 100 X\r\n\r\n"),
            drip(b"HTTP/1.1 100 X\r\n\r\n", b"HTTP/1.1 102 X\r\n\r\n"),
            drip(b"HTTP/1.1 200 X\r\n\r\n", b"b"),
            drip(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nb\r\n"),
            lambda _: time.sleep(0.4),
        ],
        ids=["status line", "header", "second status", "interim answers", "body", "chunks", "silence"],
    )
    def test_dripping_and_silence_end_at_the_deadline(self, server, behaviour):
        server.answers["/"] = behaviour
        started = time.monotonic()
        with pytest.raises(HttpUnknown):
            get(server, timeout=0.2)
        assert time.monotonic() - started < 0.4

    def test_a_receiver_that_does_not_read_ends_at_the_deadline(self, server):
        server.answers["/"] = answer()
        body = bytes(http.MAX_BODY)
        server._read = lambda _: time.sleep(0.4)
        started = time.monotonic()
        with pytest.raises(HttpUnknown, match="timeout"):
            send(HttpRequest("POST", server.url, body=body, timeout=0.2))
        assert time.monotonic() - started < 0.4

    def test_an_endless_answer_is_cut(self, server):
        def endless(connection):
            connection.sendall(b"HTTP/1.1 200 X\r\n\r\n")
            with contextlib.suppress(OSError):
                while True:
                    connection.sendall(bytes(65536))

        server.answers["/"] = endless
        got = get(server)
        assert (len(got.body), got.truncated) == (http.MAX_ANSWER, True)

    def test_a_gzip_bomb_is_cut_without_being_unpacked(self, server):
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
        server.answers["/"] = answer(body=bomb, Content_Encoding="gzip")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        got = get(server)
        assert (len(got.body), got.truncated) == (http.MAX_ANSWER, True)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB

    def test_a_body_that_only_claims_to_be_gzip_is_unknown(self, server):
        server.answers["/"] = answer(body=b"plain", Content_Encoding="gzip")
        with pytest.raises(HttpUnknown, match="unpacked"):
            get(server)

    @pytest.mark.parametrize(
        "headers",
        [b"A: " + b"x" * 1_000_000, b"A: " + b"x" * 40_000, b"\r\n".join(b"A%d: x" % n for n in range(200))],
        ids=["one-huge", "one-large", "many"],
    )
    def test_too_many_headers_are_unknown(self, server, headers):
        server.answers["/"] = b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n" + headers + b"\r\n\r\n"
        with pytest.raises(HttpUnknown):
            get(server)

    def test_a_cut_connection_is_not_used_again(self, server):
        server.answers["/"] = answer(body=bytes(http.MAX_ANSWER * 2))
        get(server)
        server.answers["/"] = answer(body=b"ok")
        assert get(server).body == b"ok"
        assert server.connections == 2


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
    def test_the_method_changes_as_browsers_do_it(self, server, status, method):
        server.answers |= {"/a": answer(status, Location="/b"), "/b": answer()}
        body = None if method in {"GET", "HEAD"} else b"x"
        send(HttpRequest(method, f"{server.url}/a", (("Content-Type", "text/plain"), ("A", "b")), body))
        to_get = (status == 303 and method != "HEAD") or (status < 303 and method == "POST")
        expected = "GET" if to_get else method
        second = server.seen[1]
        assert second.line == f"{expected} /b HTTP/1.1"
        assert second.body == (b"" if expected != method else body or b"")
        assert "a" in names(second)
        assert ("content-type" in names(second)) is not to_get

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("same", [True, False])
    def test_secrets_stay_at_their_origin(self, server, status, same):
        with Server() as other:
            target = server if same else other
            server.answers["/a"] = answer(status, Location=f"{target.url}/b")
            target.answers["/b"] = answer()
            headers = (
                ("Authorization", "s"),
                ("Cookie", "s"),
                ("X-Api-Key", "s"),
                ("X-Mine", "s"),
                ("X-Any", "a"),
            )
            request = HttpRequest("GET", f"{server.url}/a", headers, secret_headers=frozenset({"x-MINE"}))
            send(request)
            got = names(target.seen[-1])
            close_connections()
        secrets = {"authorization", "cookie", "x-api-key", "x-mine"}
        assert got & secrets == (secrets if same else set())
        assert "x-any" in got

    @pytest.mark.rule("SP2.13.http.redirects")
    def test_three_are_followed_and_no_more(self, server):
        for n in range(5):
            server.answers[f"/{n}"] = answer(302, Location=f"/{n + 1}")
        server.answers["/5"] = answer(body=b"end")
        assert get(server, "/2").body == b"end"
        with pytest.raises(HttpUnknown, match="too many"):
            get(server, "/1")

    @pytest.mark.parametrize(
        "location",
        [
            "http://169.254.169.254/",
            "//10.0.0.1/",
            "http://user@127.0.0.1/",
            "http://[::1]/",
            "file:///etc/passwd",
            "gopher://127.0.0.1/",
            "http://0x7f.1/",
            "http://localhost./",
            "http://\uff11\uff10.0.0.1/",
        ],
    )
    def test_a_redirect_to_the_inside_is_not_followed(self, server, settings, location):
        settings.ISFLOW_HTTP_ALLOW = [f"127.0.0.1:{server.port}"]
        server.answers["/"] = answer(302, Location=location.encode().decode("latin-1"))
        with pytest.raises(HttpUnknown, match="redirect refused"):
            get(server)
        assert server.connections == 1

    def test_https_does_not_lead_to_http(self):
        request = HttpRequest("GET", "https://a.example/")
        with pytest.raises(HttpRefused, match="https to http"):
            http._redirected(request, checked_url(request.url), "http://a.example/", 302)

    def test_a_redirect_without_a_place_is_an_answer(self, server):
        server.answers["/"] = answer(302)
        assert get(server).status == 302

    def test_the_time_counts_over_all_hops(self, server):
        def slow(connection):
            time.sleep(0.15)
            connection.sendall(answer(302, Location="/"))

        server.answers["/"] = slow
        with pytest.raises(HttpUnknown):
            get(server, timeout=0.2)


class TestWhatMayBeSent:
    @pytest.mark.parametrize(
        "name",
        [
            *(
                "Host",
                "content-length",
                "Transfer-Encoding",
                "Connection",
                "Proxy-Auth",
                "X-Isflow-Run",
                "Upgrade",
            ),
            *("", "a b", "a:", "a\r\nb", "ä", "a\x00"),
        ],
    )
    def test_dangerous_header_names_are_refused(self, server, name):
        with pytest.raises(HttpRefused, match="header"):
            get(server, headers=((name, "v"),))
        assert server.connections == 0

    @pytest.mark.parametrize("char", [*"\r\n\x00\x0b\x0c\x1b\x7f", "\r\nX-Evil: 1", "\n\n"])
    def test_control_characters_in_values_are_refused(self, server, char):
        with pytest.raises(HttpRefused, match="control"):
            get(server, headers=(("A", f"a{char}b"),))
        assert server.connections == 0

    def test_no_value_adds_a_line(self, server):
        server.answers["/"] = answer()
        get(server)
        expected = server.seen[0].raw.count(b"\n") + 1
        for code in range(500):
            with contextlib.suppress(HttpRefused):
                get(server, headers=(("A", f"a{chr(code)}Evil: 1{chr(code)}"),))
        assert {seen.raw.count(b"\n") for seen in server.seen[1:]} == {expected}
        assert len(server.seen) > 400

    @pytest.mark.parametrize(
        "url",
        ["", "x", "ftp://a.example/", "http://", "http:///a", "http://a.example:0/", "http://a.example:70000/",
         "http://u@a.example/", "http://@a.example/", "http://a b/", "javascript:alert(1)", "http://a..example:x/",
         "http://[::1", "http://a.example/" + "x" * 9000, "//a.example/"],
    )  # fmt: skip
    def test_broken_addresses_are_refused(self, url):
        with pytest.raises(HttpRefused):
            send(HttpRequest("GET", url))

    @pytest.mark.parametrize("url", ["http://127.0.0.1:{}/a\r\nX: y", "http://127.0.0.1:{}/a b?c d\n"])
    def test_an_address_adds_no_line(self, server, url):
        with contextlib.suppress(HttpRefused, HttpUnknown, KeyError):
            send(HttpRequest("GET", url.format(server.port)))
        assert all("X" not in dict(seen.headers) for seen in server.seen)

    @pytest.mark.parametrize("method", ["", "get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\n"])
    def test_other_methods_are_refused(self, server, method):
        with pytest.raises(HttpRefused, match="method"):
            send(HttpRequest(method, server.url))

    def test_too_much_is_refused(self, server):
        for request in (
            HttpRequest("POST", server.url, body=bytes(http.MAX_BODY + 1)),
            HttpRequest("GET", server.url, (("A", "x" * 20_000),)),
            HttpRequest("GET", server.url, tuple((f"A{n}", "x") for n in range(100))),
        ):
            with pytest.raises(HttpRefused, match="too long"):
                send(request)
        assert server.connections == 0
