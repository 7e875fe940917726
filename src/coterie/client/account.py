"""This device's account, as its profile keeps it, and the leaf that it brings into groups."""

import msgspec

from coterie.client.device import Enrolled, public_key
from coterie.client.room_policy import KNOWN_EXTENSIONS
from coterie.client.store import Store
from coterie.identity import CERTIFICATE_EXTENSION, encode_certificate, encode_credential
from coterie.mls import SUITES, BasicCredential, Capabilities, Extension, NewLeaf, greased
from coterie.mls.credential import BASIC
from coterie.mls.key_package import MLS10
from coterie.secret import Secret
from coterie.wire.frames import SignedDocument
from coterie.wire.invite import Address
from coterie.wire.tls import Trust

_KEY = "account"


class _Row(msgspec.Struct, frozen=True, array_like=True):
    is_made: bool  # False: the server was asked for it, and has not answered
    host: str
    port: int
    fingerprint: bytes
    server_id: bytes
    generation: bytes
    name: str
    account_public_key: bytes
    device: bytes
    device_key: bytes
    certificate: SignedDocument
    device_list: SignedDocument
    is_tls: bool = False  # these three came later: rows without them are read as they were meant
    authorities: str = ""
    pins: tuple[bytes, ...] = ()


_rows = msgspec.msgpack.Decoder(_Row)


def save(store: Store, account: Enrolled, *, is_made: bool) -> None:
    """Writes it, durably. Inside or outside of a transaction."""
    tls = account.address.tls
    trust = tls or Trust()
    row = _Row(
        is_made,
        account.address.host,
        account.address.port,
        account.fingerprint,
        account.server_id,
        account.generation,
        account.name,
        account.account_public_key,
        account.device,
        account.device_key.expose(),
        account.certificate,
        account.device_list,
        tls is not None,
        trust.authorities,
        trust.pins,
    )
    store.put(_KEY, msgspec.msgpack.encode(row))


def load(store: Store) -> tuple[Enrolled, bool] | None:
    """The account, and whether the server is known to have made it; None in a profile without one."""
    encoded = store.get(_KEY)
    if encoded is None:
        return None
    row = _rows.decode(encoded)
    account = Enrolled(
        Address(row.host, row.port, Trust(row.authorities, row.pins) if row.is_tls else None),
        row.fingerprint,
        row.server_id,
        row.generation,
        row.name,
        row.account_public_key,
        row.device,
        Secret(row.device_key),
        row.certificate,
        row.device_list,
    )
    return account, row.is_made


def new_leaf(account: Enrolled) -> NewLeaf:
    """What this device puts into every leaf of its own: RFC 9420 section 7.2, PROTOCOL.md section 3."""
    return NewLeaf(
        account.device_key,
        public_key(account.device_key),
        BasicCredential(encode_credential(account.name, account.device)),
        greased(
            Capabilities(
                versions=(MLS10,),
                cipher_suites=tuple(SUITES),
                extensions=KNOWN_EXTENSIONS,
                credentials=(BASIC,),
            )
        ),
        (Extension(CERTIFICATE_EXTENSION, encode_certificate(account.certificate)),),
    )
