"""Transcript hashes: RFC 9420 section 8.2."""

from coterie.mls.codec import encode_opaque, encode_uint16
from coterie.mls.framing import AuthenticatedContent
from coterie.mls.suites import CipherSuite


def confirmed_transcript_hash(
    suite: CipherSuite, interim_before: bytes, commit: AuthenticatedContent
) -> bytes:
    """Of the epoch that the commit begins."""
    return suite.hash(
        interim_before
        + encode_uint16(commit.wire_format)
        + commit.content.encode()
        + encode_opaque(commit.auth.signature)
    )


def interim_transcript_hash(suite: CipherSuite, confirmed: bytes, confirmation_tag: bytes) -> bytes:
    """What the next commit's hash begins with."""
    return suite.hash(confirmed + encode_opaque(confirmation_tag))
