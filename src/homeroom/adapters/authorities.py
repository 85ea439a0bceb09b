"""Certificates of a world's own: who is a server of its fabric, and who is which node (X.509, RFC 5280).

A world trusts nobody's authorities but two of its own. One vouches for servers, the other for nodes, and a server lets
nodes in by the one and other servers by the other: a node whose certificate could open a gateway could speak in the
name of every other node. A certificate of a node names it, and the servers let it publish under that name alone.

Keys are made here and lie in files that only their owner may read. The authorities' own keys are needed again when a
node or a region is added, and nowhere at all while a world runs: keep them off the machines that run it.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from homeroom.adapters.whole_files import PRIVATE, whole_file
from homeroom.errors import KeyFileError

__all__ = ["Authority", "Purpose", "certificate_end", "certificate_files"]

_AUTHORITY_DAYS: Final = 3_650
_CERTIFICATE_DAYS: Final = 398
_EARLIER: Final = timedelta(hours=1)
"""Certificates are valid from before they are made: clocks of other machines may be behind."""


class Purpose(Enum):
    """What a certificate is for."""

    SERVER = "server"
    """Servers of the fabric, which are clients of each other."""
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs certificates.

    Attributes
    ----------
    certificate : its own
    key : its private key
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def open(cls, stem: Path) -> "Authority":
        """Return the authority in ``stem.crt`` and ``stem.key``.

        Raises
        ------
        KeyFileError
            One of the files is missing, cannot be read, or holds something else.
        """
        files = certificate_files(stem)
        try:
            certificate = x509.load_pem_x509_certificate(files[0].read_bytes())
            key = serialization.load_pem_private_key(files[1].read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise KeyFileError(
                f"the authority {files[0]} and {files[1].name} cannot be read ({type(error).__name__}); restore both "
                f"from where they are kept; with others, nobody who is there would believe who is new"
            ) from error
        if (
            not isinstance(key, ec.EllipticCurvePrivateKey)
            or key.public_key() != certificate.public_key()
        ):
            raise KeyFileError(
                f"{files[1]} is not the key of {files[0]}; restore both from one copy"
            )
        return cls(certificate, key)

    @classmethod
    def make(cls, stem: Path, name: str, now_ms: int) -> "Authority":
        """Return the authority in ``stem.crt`` and ``stem.key``, a new one if neither is there.

        Raises `KeyFileError` as `open` does, and `SourceError` if the files cannot be written.
        """
        if not any(file.exists() for file in certificate_files(stem)):
            made = _made_authority(name, now_ms)
            _write(stem, made.certificate, made.key)
        return cls.open(stem)

    @property
    def pem(self) -> bytes:
        """Its certificate, for whoever shall believe those that it signs."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, stem: Path, names: Sequence[str], purpose: Purpose, now_ms: int) -> None:
        """Write a new key and its certificate to ``stem.key`` and ``stem.crt``.

        Parameters
        ----------
        stem : path without its ending
        names : host names, addresses, or the node; the first is its common name too
        purpose : what it is for
        now_ms : the time, milliseconds since 1970 UTC

        Raises
        ------
        SourceError
            The files cannot be written.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if purpose is Purpose.SERVER:
            uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
        issuer = self.certificate
        usable = {"digital_signature": True}
        builder = (
            _builder(names[0], key, now_ms, _CERTIFICATE_DAYS)
            .issuer_name(issuer.subject)
            .add_extension(
                x509.SubjectAlternativeName([_name(one) for one in names]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(usable), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(_authority_id(self.key), critical=False)
        )
        _write(stem, builder.sign(self.key, hashes.SHA256()), key)


def certificate_files(stem: Path) -> tuple[Path, Path]:
    """Return where a certificate and its key lie."""
    return stem.with_name(f"{stem.name}.crt"), stem.with_name(f"{stem.name}.key")


def certificate_end(file: Path) -> int:
    """Return until when a certificate is valid, milliseconds since 1970 UTC. Raises `KeyFileError`."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyFileError(
            f"certificate {file} cannot be read ({type(error).__name__}); restore it, or make it anew"
        ) from error
    return int(certificate.not_valid_after_utc.timestamp() * 1_000)


def _made_authority(name: str, now_ms: int) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(name, key, now_ms, _AUTHORITY_DAYS)
        .issuer_name(_common_name(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage({"key_cert_sign": True, "crl_sign": True}), critical=True)
    )
    return Authority(builder.sign(key, hashes.SHA256()), key)


def _builder(
    name: str, key: ec.EllipticCurvePrivateKey, now_ms: int, days: int
) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_common_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _authority_id(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _key_usage(uses: dict[str, bool]) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: uses.get(name, False) for name in names.split()})


def _write(stem: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    crt, private = certificate_files(stem)
    content = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with whole_file(private, PRIVATE) as sink:
        sink.write(content)
    with whole_file(crt, PRIVATE | 0o044) as sink:
        sink.write(certificate.public_bytes(serialization.Encoding.PEM))
