"""Compressed bodies of requests: from a stranger, held in memory, within a bound that is known beforehand.

A file may be as large as it likes and is read in blocks; a body is wanted whole, and 200 MB of zeros fit in 208 bytes.
So it is decompressed step by step, and given up at the first byte too many. A Zstandard frame also says how much
memory its decoder needs, which is asked before it gets any (RFC 8878, 3.1.1.1.2: 8 MB is what a decoder should offer).
"""

import io
from typing import Final

from homeroom import limits
from homeroom.adapters.compression import MAGIC_BYTES, Compression, StreamFault, detect, read_blocks
from homeroom.errors import InputError

__all__ = ["ENCODINGS", "BodyTooLargeError", "decompressed"]

ENCODINGS: Final = {"gzip": Compression.GZIP, "zstd": Compression.ZSTD}
"""What a body may be encoded with, as ``Content-Encoding`` says it."""


class BodyTooLargeError(InputError):
    """A body unpacks to more than the bound."""


def decompressed(body: bytes, encoding: str, size_bytes_max: int) -> bytes:
    """Return a body without its encoding.

    Raises
    ------
    BodyTooLargeError
        It unpacks to more than the bound, or to more than 1 MB and ``limits.BODY_RATIO_MAX`` times its size.
    InputError
        It is not what its encoding says, or damaged.
    """
    compression = ENCODINGS[encoding]
    if detect(body) is not compression:
        raise InputError(f"the body is not {encoding}, as Content-Encoding says")
    if compression is Compression.ZSTD:
        _check_window(body)
    free = max(limits.BODY_BYTES_FREE, len(body) * limits.BODY_RATIO_MAX)
    found: list[bytes] = []
    size_bytes = 0
    try:
        rest = io.BytesIO(
            body[MAGIC_BYTES:]
        )  # in pieces: what follows a stream is copied at its end
        for block in read_blocks(body[:MAGIC_BYTES], rest, limits.BODY_MEMBERS_MAX):
            size_bytes += len(block)
            if size_bytes > min(free, size_bytes_max):
                raise BodyTooLargeError(
                    f"the body unpacks to more than {size_bytes_max:,} bytes, or to more than {limits.BODY_RATIO_MAX} "
                    f"times its size; send smaller batches"
                )
            found.append(block)
    except StreamFault as fault:
        raise InputError(f"the body cannot be unpacked: {fault.detail}") from None
    return found[0] if len(found) == 1 else b"".join(found)


def _check_window(body: bytes) -> None:
    import zstandard

    try:
        window = zstandard.get_frame_parameters(body).window_size
    except zstandard.ZstdError:
        raise InputError("the body has a zstd header that cannot be read") from None
    if window > limits.BODY_WINDOW_BYTES_MAX:
        raise InputError(
            f"the body needs {window:,} bytes to be unpacked, at most {limits.BODY_WINDOW_BYTES_MAX:,} are given; "
            f"compress it with a smaller window (without --long or --ultra)"
        )
