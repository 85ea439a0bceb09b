"""The server over real sockets: whoever is slow or says too much is cut off, and whoever waits is answered."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from homeroom.adapters.web_server import Listening, serve_until
from homeroom.errors import SettingsError

WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSING = WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


class App:
    """Answers every request with how it was asked; on /wait only when it is told to."""

    def __init__(self):
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/wait":
            self.asked.set()
            await self.go_on.wait()
        body = f"{scope['method']} {scope['path']}".encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class QuickApp(App):
    """Answers what has come whole below /quick without a task; below /quick/wait when it is told to."""

    def __init__(self):
        super().__init__()
        self.bodies = []
        self.headers = []

    def whole(self, scope, body, answer):
        if not scope["path"].startswith("/quick"):
            return False
        self.bodies.append(body)
        self.headers.append(list(scope["headers"]))
        told = f"quick {scope['method']} {scope['path']} {scope['query_string'].decode()}".encode()
        headers = [(b"content-length", str(len(told)).encode())]
        if scope["path"] == "/quick/last":
            headers.append((b"connection", b"close"))
        if scope["path"] == "/quick/wait":
            self.asked.set()
            waiting = asyncio.ensure_future(self.go_on.wait())
            waiting.add_done_callback(lambda _: answer(200, headers, told))
        else:
            answer(200, headers, told)
        return True


def served(work, make=App, **fields):
    """Run something against a server, and return what comes of it."""

    async def run():
        app, stopping = make(), asyncio.Event()
        heard = asyncio.get_running_loop().create_future()
        listening = Listening(host="127.0.0.1", port=0, **fields)
        server = asyncio.create_task(serve_until(app, listening, stopping, heard.set_result))
        address = await heard
        try:
            return await work(app, int(address.rpartition(":")[2]), stopping)
        finally:
            app.go_on.set()
            stopping.set()
            await server

    return asyncio.run(run())


async def said(port, *pieces, context=None):
    """Send bytes, and return all that comes back until the server closes; nothing if it resets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_requests_are_answered_one_after_the_other_on_one_connection():
    async def work(app, port, stopping):
        last = WHOLE.replace(b"Host", b"Connection: close\r\nHost")
        return await said(port, WHOLE, last)

    assert served(work).count(b"GET /") == 2


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\n"])
def test_whoever_does_not_send_its_headers_in_time_is_cut_off(begun):
    async def work(app, port, stopping):
        return await said(port, begun)

    assert served(work, header_s_max=0.05) == b""


def test_a_second_request_has_to_come_in_time_too():
    async def work(app, port, stopping):
        return await said(port, WHOLE, b"GET / HT")

    assert served(work, header_s_max=0.05, idle_s_max=30).count(b"200 OK") == 1


def test_a_connection_that_is_idle_is_closed():
    async def work(app, port, stopping):
        return await said(port, WHOLE)

    assert b"200 OK" in served(work, idle_s_max=0.05)


@pytest.mark.parametrize(
    "headers",
    [b"A: " + b"x" * 40_000 + b"\r\n", b"A: x\r\n" * 20_000],
    ids=["long", "many"],
)
def test_whoever_sends_too_many_headers_is_cut_off(headers):
    async def work(app, port, stopping):
        return await said(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")

    assert b"200 OK" not in served(work)


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nX: ",
        b"GET / HTTP/1.1\r\nX",
        b"POST /wait HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"POST /wait HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x=",
    ],
)
def test_whoever_sends_on_and_on_within_one_header_is_cut_off(begun):
    async def work(app, port, stopping):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 64 << 20 and not reader.at_eof():
                writer.write(b"x" * 65_536)
                sent += 65_536
                await writer.drain()
        writer.close()
        return sent

    assert served(work, header_s_max=60) < 64 << 20


def test_what_is_no_http_is_refused():
    async def work(app, port, stopping):
        return await said(port, b"\x16\x03\x01 nonsense\r\n\r\n")

    assert served(work).startswith(b"HTTP/1.1 400")


def test_a_request_under_way_is_answered_when_the_server_stops():
    async def work(app, port, stopping):
        asked = asyncio.create_task(said(port, WHOLE.replace(b"GET /", b"GET /wait")))
        await app.asked.wait()
        stopping.set()
        app.go_on.set()
        return await asked

    assert b"GET /wait" in served(work)


def test_a_request_that_takes_too_long_does_not_keep_the_server_from_stopping():
    async def work(app, port, stopping):
        asked = asyncio.create_task(said(port, WHOLE.replace(b"GET /", b"GET /wait")))
        await app.asked.wait()
        stopping.set()
        return await asked

    assert b"200 OK" not in served(work, stop_s_max=0.05)


def test_a_port_that_is_taken_is_said_so():
    async def work(app, port, stopping):
        again = Listening(host="127.0.0.1", port=port)
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1 port {port}"):
            await serve_until(app, again, asyncio.Event(), print)

    served(work)


# --- requests that have come whole -----------------------------------------------------------------------------------

POSTED = b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def told(answers):
    """Return the bodies of some answers, and of each whether it was given without a task."""
    return [part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 200 OK\r\n")[1:]]


def test_a_request_that_has_come_whole_is_answered_without_a_task():
    async def work(app, port, stopping):
        answers = await said(port, POSTED.replace(b"/quick", b"/quick?a=b"), LAST)
        return told(answers), app.bodies, answers

    bodies, sent, answers = served(work, QuickApp)
    assert bodies == [b"quick POST /quick a=b", b"GET /last"]
    assert sent == [b"body"]
    assert answers.count(b"\r\ndate: ") == 2


def test_an_answer_that_says_so_is_the_last_of_its_connection():
    async def work(app, port, stopping):
        return told(await said(port, POSTED.replace(b"/quick", b"/quick/last") + POSTED))

    assert served(work, QuickApp) == [b"quick POST /quick/last "]


def test_answers_come_in_the_order_of_their_requests_however_they_are_given():
    async def work(app, port, stopping):
        pieces = POSTED + POSTED.replace(b"/quick", b"/quick/wait") + WHOLE + POSTED + LAST
        answers = asyncio.create_task(said(port, pieces))
        await app.asked.wait()
        app.go_on.set()
        return told(await answers)

    assert served(work, QuickApp) == [
        b"quick POST /quick ",
        b"quick POST /quick/wait ",
        b"GET /",
        b"POST /quick",
        b"GET /last",
    ]


@pytest.mark.parametrize(
    "request_",
    [
        POSTED.replace(b"Host", b"Connection: close\r\nHost"),
        POSTED.replace(b"HTTP/1.1", b"HTTP/1.0"),
        POSTED.replace(b"/quick", b"/quick%2F", 1),
        POSTED.replace(b"/quick", b"http://x/quick", 1),
    ],
    ids=["the last", "an old version", "an encoded path", "a whole address"],
)
def test_what_is_not_quite_ordinary_gets_a_task(request_):
    async def work(app, port, stopping):
        return await said(port, request_, LAST), app.bodies

    answers, bodies = served(work, QuickApp)
    assert b"\r\n\r\nPOST " in answers
    assert bodies == []


def test_what_is_said_behind_a_body_is_no_header():
    chunked = POSTED.partition(b"\r\n\r\n")[0].replace(
        b"Content-Length: 4", b"Transfer-Encoding: chunked"
    )
    body = b"\r\n\r\n4\r\nbody\r\n0\r\nAuthorization: Bearer x\r\n\r\n"

    async def work(app, port, stopping):
        return told(await said(port, chunked + body, LAST)), app.bodies, app.headers[0]

    bodies, sent, headers = served(work, QuickApp)
    assert bodies == [b"quick POST /quick ", b"GET /last"]
    assert sent == [b"body"]
    assert [name for name, _ in headers] == [b"host", b"transfer-encoding"]


def test_a_request_that_comes_in_pieces_gets_a_task():
    async def work(app, port, stopping):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POSTED.replace(b"/quick", b"/wait")[:-2])
        await app.asked.wait()
        writer.write(POSTED[-2:])
        app.go_on.set()
        writer.write(LAST)
        answers = await reader.read()
        writer.close()
        return told(answers), app.bodies

    assert served(work, QuickApp) == ([b"POST /wait", b"GET /last"], [])


def test_an_answer_without_a_task_is_given_while_the_server_stops():
    async def work(app, port, stopping):
        asked = asyncio.create_task(said(port, POSTED.replace(b"/quick", b"/quick/wait")))
        await app.asked.wait()
        stopping.set()
        app.go_on.set()
        return await asked

    assert b"quick POST /quick/wait" in served(work, QuickApp)


def test_whoever_goes_away_before_the_answer_without_a_task_harms_nobody():
    async def work(app, port, stopping):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POSTED.replace(b"/quick", b"/quick/wait"))
        await app.asked.wait()
        writer.transport.abort()
        app.go_on.set()
        return told(await said(port, POSTED, LAST))

    assert served(work, QuickApp) == [b"quick POST /quick ", b"GET /last"]


def test_a_connection_that_is_idle_after_an_answer_without_a_task_is_closed():
    async def work(app, port, stopping):
        return await said(port, POSTED)

    assert b"200 OK" in served(work, QuickApp, idle_s_max=0.05)


def test_after_an_answer_without_a_task_headers_have_to_come_in_time_too():
    async def work(app, port, stopping):
        return await said(port, POSTED, b"POST /quick HT")

    assert served(work, QuickApp, header_s_max=0.05, idle_s_max=30).count(b"200 OK") == 1


def test_a_body_that_never_comes_leaves_the_headers_time_behind():
    async def work(app, port, stopping):
        asked = asyncio.create_task(said(port, POSTED.replace(b"/quick", b"/wait")[:-2]))
        await app.asked.wait()
        stopping.set()
        return await asked

    assert b"200 OK" not in served(work, QuickApp, stop_s_max=0.05)


def test_nonsense_after_a_request_that_has_come_whole_is_refused():
    async def work(app, port, stopping):
        return await said(port, POSTED + b"\x16\x03\x01 nonsense\r\n\r\n")

    answers = served(work, QuickApp)
    assert told(answers)[0].startswith(b"quick POST /quick ")
    assert b"HTTP/1.1 400" in answers


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, none))
    return {"certificate": str(folder / "cert.pem"), "certificate_key": str(folder / "key.pem")}


def test_with_a_certificate_it_speaks_tls_and_nothing_else(certificate):
    async def work(app, port, stopping):
        context = ssl.create_default_context(cafile=certificate["certificate"])
        closing = WHOLE.replace(b"Host", b"Connection: close\r\nHost")
        return await said(port, closing, context=context), await said(port, closing)

    safe, plain = served(work, **certificate)
    assert b"200 OK" in safe
    assert b"200 OK" not in plain


def test_whoever_never_begins_the_handshake_is_cut_off(certificate):
    async def work(app, port, stopping):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        return True

    assert served(work, header_s_max=0.2, **certificate)


def test_clients_that_know_tls_1_2_alone_are_served(certificate):
    async def work(app, port, stopping):
        context = ssl.create_default_context(cafile=certificate["certificate"])
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE+AESGCM")
        return await said(
            port, WHOLE.replace(b"Host", b"Connection: close\r\nHost"), context=context
        )

    assert b"200 OK" in served(work, **certificate)


def test_a_certificate_that_cannot_be_read_is_said_so(tmp_path):
    (tmp_path / "c").write_text("nonsense")
    fields = {"certificate": str(tmp_path / "c"), "certificate_key": str(tmp_path / "c")}
    for given in (fields, fields | {"certificate": str(tmp_path / "none")}):
        listening = Listening(host="127.0.0.1", port=0, **given)
        with pytest.raises(SettingsError, match="certificate"):
            asyncio.run(serve_until(None, listening, asyncio.Event(), print))


def test_where_there_are_too_many_requests_whoever_watches_the_node_is_heard():
    async def work(app, port, stopping):
        health = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        held = []
        for _ in range(2):
            held.append(await asyncio.open_connection("127.0.0.1", port))
            app.asked.clear()
            held[-1][1].write(WHOLE.replace(b"GET /", b"GET /wait"))
            await app.asked.wait()
        try:
            return await said(port, CLOSING), await said(port, health)
        finally:
            for _, writer in held:
                writer.close()

    others, watching = served(work, connections_max=3)
    assert b" 503 " in others
    assert b"200 OK" in watching


@pytest.mark.parametrize("make", [App, QuickApp])
@pytest.mark.parametrize("begun", [b"", b"GET / HT", WHOLE])
def test_connections_that_say_nothing_keep_nobody_out(make, begun):
    async def work(app, port, stopping):
        held = []
        for _ in range(7):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            held.append((reader, writer))
            writer.write(begun)
            if begun == WHOLE:
                await reader.readuntil(b"GET /")
        answers = [await said(port, CLOSING) for _ in range(3)]
        assert await held[0][0].read() == b"", "who has waited longest has gone"
        for _, writer in held:
            writer.close()
        return answers

    assert all(b"200 OK" in one for one in served(work, make, connections_max=5))


def test_a_request_under_way_is_closed_for_nobody():
    async def work(app, port, stopping):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(WHOLE.replace(b"GET /", b"GET /wait"))
        await app.asked.wait()
        others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        app.go_on.set()
        answer = await reader.readuntil(b"GET /wait")
        for _, one in (*others, (reader, writer)):
            one.close()
        return answer

    assert b"200 OK" in served(work, connections_max=2)
