"""Signatures of certificates, verified: RSA with PKCS #1 v1.5 (RFC 7518, section 3.3).

Nothing is said about whether a certificate is to be trusted; whoever reads a signed statement decides that. What is
checked is that the statement was signed by whoever has the certificate's key.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_der_x509_certificate

from homeroom.records.signatures import Signed

__all__ = ["is_signature"]

_HASHES: Final = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}


def is_signature(signed: Signed) -> bool:
    """Say whether a signature was made by the key of its certificate."""
    try:
        key = load_der_x509_certificate(signed.certificate).public_key()
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(signed.signature, signed.message, PKCS1v15(), _HASHES[signed.algorithm])
    except (InvalidSignature, ValueError):
        return False
    return True
