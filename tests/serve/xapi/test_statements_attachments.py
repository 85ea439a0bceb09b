"""Attachments and signatures: bodies of several parts (1.0.3, Data, 2.4.11 and 2.6; Communication, 1.5; 2.0, 4.1.3)."""

import base64
import datetime as dt
import hashlib
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.serve.xapi.store import agent, changed, new_id, statement

BOTH = pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
BOUNDARY = "-------314159265358979323846"
SIGNATURE = "http://adlnet.gov/expapi/attachments/signature"
DATA = b"here is some text\r\nwith --" + BOUNDARY.encode() + b" in it \x00\xff"


def described(data=DATA, **parts):
    return {
        "usageType": "http://usage.example/x",
        "display": {"en": "x"},
        "contentType": "text/plain",
        "length": len(data),
        "sha2": hashlib.sha256(data).hexdigest(),
        **parts,
    }


def part(data, **headers):
    given = {
        "Content-Type": "text/plain",
        "Content-Transfer-Encoding": "binary",
        "X-Experience-API-Hash": hashlib.sha256(data).hexdigest(),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{name}: {value}" for name, value in given.items() if value is not None]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def first(sent, kind="application/json"):
    return f"Content-Type: {kind}\r\n\r\n".encode() + json.dumps(sent).encode()


def joined(*parts, boundary=BOUNDARY):
    mark = b"--" + boundary.encode()
    return b"".join(mark + b"\r\n" + one + b"\r\n" for one in parts) + mark + b"--\r\n"


def send(store, body, kind=f'multipart/mixed; boundary="{BOUNDARY}"', **given):
    return store.post("statements", content=body, headers={"Content-Type": kind}, **given)


def with_attachments(*attachments, **parts):
    return statement(id=new_id(), attachments=list(attachments), **parts)


@BOTH
def test_data_come_back_with_the_statement(store, version):  # 1.5.2, 2.1.3 XAPI-00167
    store.version = version
    other = b"other"
    sent = with_attachments(
        described(), described(other, contentType="image/x"), described(fileUrl="a:b")
    )
    assert send(store, joined(first(sent), part(DATA), part(other))).status_code == 200
    answer = store.get("statements", {"statementId": sent["id"], "attachments": True})
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/mixed"
    pieces = answer.content.split(b"--" + boundary.strip('"').encode())
    assert len(pieces) == 5, "an attachment that two name is sent once"
    head, _, body = pieces[1].partition(b"\r\n\r\n")
    assert b"Content-Type: application/json" in head
    assert json.loads(body)["attachments"] == sent["attachments"]
    for piece, data, content_type in (
        (pieces[2], DATA, b"text/plain"),
        (pieces[3], other, b"image/x"),
    ):
        head, _, body = piece.partition(b"\r\n\r\n")
        assert body == data + b"\r\n"
        assert b"Content-Type: " + content_type in head
        assert b"Content-Transfer-Encoding: binary" in head
        assert hashlib.sha256(data).hexdigest().encode() in head
    plain = store.get("statements", {"statementId": sent["id"], "attachments": False})
    assert plain.headers["content-type"] == "application/json"


@BOTH
def test_a_page_with_attachments_is_in_parts_even_without_any(store, version):
    store.version = version
    sent = with_attachments(described())
    send(store, joined(first([sent, statement()]), part(DATA)))
    for params in ({"limit": 2}, {"verb": "http://verbs.example/none"}):
        answer = store.get("statements", {**params, "attachments": True})
        assert answer.headers["content-type"].startswith("multipart/mixed")
        assert (DATA in answer.content) == ("limit" in params)


@BOTH
def test_a_put_may_have_parts(store, version):
    store.version = version
    sent = with_attachments(described())
    answer = store.put(
        "statements",
        {"statementId": sent["id"]},
        content=joined(first(sent), part(DATA)),
        headers={"Content-Type": f"multipart/mixed; boundary={BOUNDARY}"},
    )
    assert answer.status_code == 204


@pytest.mark.parametrize("name", ["sha384", "sha512"])
def test_longer_hashes_are_known(store, name):
    digest = hashlib.new(name, DATA).hexdigest()
    sent = with_attachments(described(sha2=digest.upper()))
    body = joined(first(sent), part(DATA, X_Experience_API_Hash=digest))
    assert send(store, body).status_code == 200
    answer = store.get("statements", {"statementId": sent["id"], "attachments": True})
    assert DATA in answer.content


def test_attachments_of_a_sub_statement_are_sent_too(store):
    inner = {"objectType": "SubStatement", **statement(attachments=[described()])}
    sent = statement(id=new_id(), object=inner)
    assert store.post("statements", json=sent).status_code == 400
    assert send(store, joined(first(sent), part(DATA))).status_code == 200
    answer = store.get("statements", {"statementId": sent["id"], "attachments": True})
    assert DATA in answer.content


@BOTH
def test_parts_without_attachments_are_sound(store, version):  # 1.5.1
    store.version = version
    assert send(store, joined(first(statement()))).status_code == 200
    url = with_attachments(described(fileUrl="https://files.example/1"))
    assert send(store, joined(first(url))).status_code == 200
    assert store.post("statements", json=url).status_code == 200
    assert send(store, b"a preamble\r\n" + joined(first(statement()))).status_code == 200


@BOTH
def test_what_breaks_the_rules_of_parts_is_refused(store, version):  # 1.5, XAPI-00127 to 00135
    store.version = version
    sent = with_attachments(described())
    good = joined(first(sent), part(DATA))
    bodies = {
        "no data": joined(first(sent)),
        "more data": joined(first(sent), part(DATA), part(b"other")),
        "data of another hash": joined(first(sent), part(DATA, X_Experience_API_Hash="0" * 64)),
        "not the data of its hash": joined(
            first(sent), part(b"x", X_Experience_API_Hash=described()["sha2"])
        ),
        "no hash": joined(first(sent), part(DATA, X_Experience_API_Hash=None)),
        "no encoding": joined(first(sent), part(DATA, Content_Transfer_Encoding=None)),
        "another encoding": joined(first(sent), part(DATA, Content_Transfer_Encoding="base64")),
        "another first part": joined(first(sent, "text/plain"), part(DATA)),
        "no first part": joined(part(DATA)),
        "another boundary": joined(first(sent), part(DATA), boundary="x"),
        "no end": good.removesuffix(b"--\r\n"),
        "nothing": b"",
        "no empty line": joined(b"Content-Type: application/json\r\n" + json.dumps(sent).encode()),
        "no json": joined(b"Content-Type: application/json\r\n\r\n{"),
    }
    for name, body in bodies.items():
        assert send(store, body).status_code == 400, name
    for kind in ("multipart/mixed", "multipart/form-data; boundary=" + BOUNDARY, "text/plain", ""):
        assert send(store, good, kind).status_code == 400, kind
    assert store.post("statements", json=sent).status_code == 400, "json has no room for data"
    assert send(store, joined(*[first(statement())] * 300)).status_code == 400, "too many parts"
    assert store.get("statements", {"statementId": sent["id"]}).status_code == 404
    assert send(store, good).status_code == 200


# --- signatures --------------------------------------------------------------------------------------------------


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


ALGORITHMS = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}


def signed(sent, key, algorithm="RS256", payload=None, chain="own", **attachment):
    """Return a body with a statement and its signature."""
    header = {"alg": algorithm}
    if chain is not None:
        der = certificate(key) if chain == "own" else chain
        header["x5c"] = [base64.b64encode(der).decode()]
    text = json.dumps(sent).encode() if payload is None else payload
    message = encoded(json.dumps(header).encode()) + b"." + encoded(text)
    kind = ALGORITHMS.get(algorithm, hashes.SHA256())
    jws = message + b"." + encoded(key.sign(message, padding.PKCS1v15(), kind))
    kinds = {"usageType": SIGNATURE, "contentType": "application/octet-stream"}
    given = described(jws, **{**kinds, **attachment})
    return joined(
        first({**sent, "attachments": [given]}), part(jws, Content_Type=given["contentType"])
    )


@BOTH
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
@pytest.mark.parametrize("chain", ["own", None])
def test_a_signature_that_holds_is_kept(store, version, key, algorithm, chain):  # 2.6
    store.version = version
    sent = statement(id=new_id(), timestamp="2026-03-01T12:00:00+01:00")
    assert send(store, signed(sent, key, algorithm, chain=chain)).status_code == 200
    assert store.one(sent["id"])["attachments"][0]["usageType"] == SIGNATURE


def test_a_signature_that_does_not_hold_is_refused(store, key):  # 2.6
    sent = statement(id=new_id(), actor=agent("signer"))
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    change = changed(sent, "verb.id", "http://verbs.example/other")
    bad = {
        "another content type": signed(sent, key, contentType="text/plain"),
        "another algorithm": signed(sent, key, "HS256"),
        "none": signed(sent, key, "none"),
        "broken json": signed(sent, key, payload=b"{"),
        "no statement": signed(sent, key, payload=b"{}"),
        "another statement": signed(sent, key, payload=json.dumps(change).encode()),
        "another id": signed(sent, key, payload=json.dumps({**sent, "id": new_id()}).encode()),
        "another key": signed(sent, key, chain=certificate(other)),
        "a key of another kind": signed(sent, key, chain=certificate(curve)),
        "no certificate": signed(sent, key, chain=b"x"),
    }
    for name, body in bad.items():
        answer = send(store, body)
        assert answer.status_code == 400, name
        assert answer.json()["field"].startswith("attachments[0]"), name
        assert "signer" not in answer.text
    for jws in (b"a.b", b"a.b.c.d", b"!.!.!", b"e30.e30.e30"):
        given = described(jws, usageType=SIGNATURE, contentType="application/octet-stream")
        body = joined(first({**sent, "attachments": [given]}), part(jws))
        assert send(store, body).status_code == 400
    by_url = described(usageType=SIGNATURE, contentType="application/octet-stream", fileUrl="a:b")
    assert store.post("statements", json={**sent, "attachments": [by_url]}).status_code == 400
    assert store.get("statements", {"statementId": sent["id"]}).status_code == 404
