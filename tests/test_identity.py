"""Accounts, devices, leaves, pins and safety numbers: PROTOCOL.md section 3."""

import hashlib
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie import identity
from coterie.errors import InvalidInput, RemoteProtocolError, RuleViolation
from coterie.identity import (
    AccountKey,
    ChangedKey,
    LeafIdentity,
    Pin,
    PinnedHow,
    Vault,
    check_leaf,
    encode_certificate,
    encode_credential,
)
from coterie.secret import Secret
from coterie.wire.frames import SignedDocument
from coterie.wire.signed import (
    DeviceCertificate,
    DeviceList,
    open_certificate,
    open_device_list,
    sign_certificate,
    sign_device_list,
)

ALICE = AccountKey(Secret(b"a" * 32))
EVE = AccountKey(Secret(b"e" * 32))
LAPTOP, PHONE = b"L" * 16, b"P" * 16
LAPTOP_KEY = AccountKey(Secret(b"l" * 32)).public_key
PHONE_KEY = AccountKey(Secret(b"p" * 32)).public_key
EXPORT_KEY = Secret(b"x" * 64)
SERVER_ID = b"s" * 16
NOW = 1_800_000_000.5
DAY = 86_400

# --- vault -------------------------------------------------------------------------------------


def test_vault_opens_with_the_key_name_and_server_that_sealed_it() -> None:
    sealed = Vault(ALICE).seal(EXPORT_KEY, name="alice", server_id=SERVER_ID)
    assert len(sealed) == 61
    assert Vault.open(sealed, EXPORT_KEY, name="alice", server_id=SERVER_ID) == Vault(ALICE)
    assert sealed != Vault(ALICE).seal(EXPORT_KEY, name="alice", server_id=SERVER_ID)
    assert ALICE.seed.expose() not in sealed
    assert ALICE.public_key not in sealed


@pytest.mark.parametrize(
    ("export_key", "name", "server_id"),
    [
        (Secret(b"y" * 64), "alice", SERVER_ID),
        (EXPORT_KEY, "bobb", SERVER_ID),
        (EXPORT_KEY, "alice", b"t" * 16),
        (EXPORT_KEY, "alices", SERVER_ID[1:]),  # the same bytes, another border
        (EXPORT_KEY, "alic", b"e" + SERVER_ID),
    ],
)
def test_vault_does_not_open_otherwise(export_key: Secret, name: str, server_id: bytes) -> None:
    sealed = Vault(ALICE).seal(EXPORT_KEY, name="alice", server_id=SERVER_ID)
    with pytest.raises(RemoteProtocolError):
        Vault.open(sealed, export_key, name=name, server_id=server_id)


@given(st.integers(0, 60), st.integers(1, 255))
def test_altered_vault_does_not_open(at: int, by: int) -> None:
    sealed = bytearray(Vault(ALICE).seal(EXPORT_KEY, name="alice", server_id=SERVER_ID))
    sealed[at] ^= by
    with pytest.raises(RemoteProtocolError):
        Vault.open(bytes(sealed), EXPORT_KEY, name="alice", server_id=SERVER_ID)


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda b: b"\x01" + b))
def test_any_bytes_are_refused_as_a_vault(sealed: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Vault.open(sealed, EXPORT_KEY, name="alice", server_id=SERVER_ID)


def test_account_key_does_not_show() -> None:
    shown = repr((AccountKey.generate(), ALICE, Vault(ALICE)))
    assert "aaaa" not in shown
    assert ALICE.seed.expose().hex() not in shown
    assert AccountKey.generate() != AccountKey.generate()


# --- certificates and lists --------------------------------------------------------------------


def first_device() -> identity.CertifiedDevice:
    return identity.new_device(ALICE, "alice", device=LAPTOP, device_key=LAPTOP_KEY, now=NOW)


def second_device() -> identity.CertifiedDevice:
    previous = open_device_list(first_device().device_list)
    return identity.new_device(
        ALICE, "alice", device=PHONE, device_key=PHONE_KEY, now=NOW, previous=previous
    )


def test_first_device_is_certified_under_version_1_of_the_list() -> None:
    made = first_device()
    device_list = open_device_list(made.device_list)
    assert (device_list.name, device_list.account_key) == ("alice", ALICE.public_key)
    assert device_list.version == 1
    assert [d.device for d in device_list.devices] == [LAPTOP]
    assert open_certificate(made.certificate) == DeviceCertificate(
        name="alice",
        account_key=ALICE.public_key,
        device=LAPTOP,
        device_key=LAPTOP_KEY,
        list_version=1,
        not_before=1_800_000_000,
        not_after=1_800_000_000 + 365 * DAY,
    )


def test_second_device_follows_and_a_revoked_one_goes() -> None:
    made = second_device()
    device_list = open_device_list(made.device_list)
    assert device_list.version == 2
    assert [d.device for d in device_list.devices] == [LAPTOP, PHONE]
    assert open_certificate(made.certificate).list_version == 2
    left = open_device_list(identity.revoke_device(ALICE, device_list, LAPTOP))
    assert (left.version, [d.device for d in left.devices]) == (3, [PHONE])
    with pytest.raises(InvalidInput):
        identity.revoke_device(ALICE, left, LAPTOP)
    with pytest.raises(InvalidInput):
        identity.certify(ALICE, left, LAPTOP, NOW)


@pytest.mark.parametrize(
    ("device", "device_key"), [(LAPTOP, PHONE_KEY), (PHONE, LAPTOP_KEY), (LAPTOP, LAPTOP_KEY)]
)
def test_device_or_key_is_not_listed_twice(device: bytes, device_key: bytes) -> None:
    previous = open_device_list(first_device().device_list)
    with pytest.raises(InvalidInput):
        identity.new_device(
            ALICE, "alice", device=device, device_key=device_key, now=NOW, previous=previous
        )


def test_account_has_at_most_fifty_devices() -> None:
    device_list = None
    for number in range(50):
        key = AccountKey(Secret(bytes([number]) * 32)).public_key
        made = identity.new_device(
            ALICE,
            "alice",
            device=bytes([number]) * 16,
            device_key=key,
            now=NOW,
            previous=device_list,
        )
        device_list = open_device_list(made.device_list)
    with pytest.raises(InvalidInput):
        identity.new_device(
            ALICE, "alice", device=LAPTOP, device_key=LAPTOP_KEY, now=NOW, previous=device_list
        )


# --- leaves ------------------------------------------------------------------------------------


def certificate(**changes: object) -> DeviceCertificate:
    return msgspec.structs.replace(open_certificate(first_device().certificate), **changes)


def encoded(changed: DeviceCertificate, key: AccountKey = ALICE) -> bytes:
    return encode_certificate(sign_certificate(changed, key))


CREDENTIAL = encode_credential("alice", LAPTOP)


def test_leaf_whose_parts_agree_is_who_it_says() -> None:
    leaf = check_leaf(CREDENTIAL, LAPTOP_KEY, encode_certificate(first_device().certificate))
    assert leaf == LeafIdentity(
        "alice", ALICE.public_key, LAPTOP, LAPTOP_KEY, 1, int(NOW), int(NOW) + 365 * DAY
    )


BAD_LEAVES = {
    "other name": (
        "leaf-name",
        encode_credential("bobb", LAPTOP),
        LAPTOP_KEY,
        encoded(certificate()),
    ),
    "other device": (
        "leaf-device",
        encode_credential("alice", PHONE),
        LAPTOP_KEY,
        encoded(certificate()),
    ),
    "other leaf key": ("leaf-key", CREDENTIAL, PHONE_KEY, encoded(certificate())),
    "certificate of another device's key": (
        "leaf-key",
        CREDENTIAL,
        LAPTOP_KEY,
        encoded(certificate(device_key=PHONE_KEY)),
    ),
    "signed by another account key": (
        "leaf-certificate",
        CREDENTIAL,
        LAPTOP_KEY,
        encoded(certificate(), EVE),
    ),
    "signature of a device list": (
        "leaf-certificate",
        CREDENTIAL,
        LAPTOP_KEY,
        encode_certificate(first_device().device_list),
    ),
    "above 400 days": (
        "leaf-lifetime",
        CREDENTIAL,
        LAPTOP_KEY,
        encoded(certificate(not_before=0, not_after=400 * DAY + 1)),
    ),
    "ends before it begins": (
        "leaf-lifetime",
        CREDENTIAL,
        LAPTOP_KEY,
        encoded(certificate(not_before=2, not_after=1)),
    ),
    "no certificate": ("leaf-certificate", CREDENTIAL, LAPTOP_KEY, b""),
    "signature alone": ("leaf-certificate", CREDENTIAL, LAPTOP_KEY, bytes(64)),
    "certificate too long": ("leaf-certificate", CREDENTIAL, LAPTOP_KEY, bytes(64 + 1025)),
    "document deep enough to recurse": (
        "leaf-certificate",
        CREDENTIAL,
        LAPTOP_KEY,
        bytes(64) + b"\x91" * 1024,
    ),
    "document with a deep eighth element": (
        "leaf-certificate",
        CREDENTIAL,
        LAPTOP_KEY,
        bytes(64) + b"\x98" + msgspec.msgpack.encode(certificate())[1:] + b"\x91" * 800,
    ),
    "no credential": ("leaf-credential", b"", LAPTOP_KEY, encoded(certificate())),
    "credential without a name": (
        "leaf-credential",
        b"\0" + LAPTOP,
        LAPTOP_KEY,
        encoded(certificate()),
    ),
    "credential without the zero": (
        "leaf-credential",
        b"alice" + LAPTOP,
        LAPTOP_KEY,
        encoded(certificate()),
    ),
    "credential with another mark": (
        "leaf-credential",
        b"alice\x01" + LAPTOP,
        LAPTOP_KEY,
        encoded(certificate()),
    ),
    "credential with two zeros": (
        "leaf-credential",
        b"alice\0\0" + LAPTOP,
        LAPTOP_KEY,
        encoded(certificate()),
    ),
    "device a byte short": (
        "leaf-credential",
        b"alice\0" + LAPTOP[1:],
        LAPTOP_KEY,
        encoded(certificate()),
    ),
    "name that is not allowed": (
        "leaf-credential",
        b"Alice\0" + LAPTOP,
        LAPTOP_KEY,
        encoded(certificate()),
    ),
    "name that is not ascii": (
        "leaf-credential",
        "alicé".encode() + b"\0" + LAPTOP,
        LAPTOP_KEY,
        encoded(certificate()),
    ),
    "name with a line feed": (
        "leaf-credential",
        b"alice\n\0" + LAPTOP,
        LAPTOP_KEY,
        encoded(certificate()),
    ),
}


@pytest.mark.parametrize(
    ("rule", "credential", "key", "extension"), BAD_LEAVES.values(), ids=BAD_LEAVES
)
def test_leaf_is_refused(rule: str, credential: bytes, key: bytes, extension: bytes) -> None:
    with pytest.raises(RuleViolation) as caught:
        check_leaf(credential, key, extension)
    assert caught.value.rule == rule


def test_lifetime_of_exactly_400_days_is_taken() -> None:
    taken = encoded(certificate(not_before=0, not_after=400 * DAY))
    assert check_leaf(CREDENTIAL, LAPTOP_KEY, taken).not_after == 400 * DAY


@given(st.binary(max_size=60), st.binary(max_size=300))
@settings(max_examples=50)
def test_any_bytes_are_refused_as_a_leaf(credential: bytes, extension: bytes) -> None:
    with pytest.raises(RuleViolation):
        check_leaf(credential, LAPTOP_KEY, extension)
    with pytest.raises(RuleViolation):
        check_leaf(CREDENTIAL, LAPTOP_KEY, extension)


@given(st.integers(0), st.integers(1, 255))
@settings(max_examples=100)
def test_altered_certificate_is_refused(at: int, by: int) -> None:
    altered = bytearray(encoded(certificate()))
    altered[at % len(altered)] ^= by
    with pytest.raises(RuleViolation):
        check_leaf(CREDENTIAL, LAPTOP_KEY, bytes(altered))


@given(
    st.from_regex(r"[a-z][a-z0-9._-]{1,31}", fullmatch=True), st.binary(min_size=16, max_size=16)
)
def test_credential_comes_back(name: str, device: bytes) -> None:
    assert identity.decode_credential(encode_credential(name, device)) == (name, device)


LEAF = check_leaf(CREDENTIAL, LAPTOP_KEY, encoded(certificate()))


def test_in_one_group_a_name_has_one_key_and_a_device_one_leaf() -> None:
    phone = replace(LEAF, device=PHONE)
    bobb = replace(LEAF, name="bobb", account_key=EVE.public_key)
    identity.check_together([LEAF, phone, bobb])
    with pytest.raises(RuleViolation, match="name-with-two-keys"):
        identity.check_together([LEAF, replace(phone, account_key=EVE.public_key)])
    with pytest.raises(RuleViolation, match="device-with-two-leaves"):
        identity.check_together([LEAF, bobb, replace(LEAF, device_key=PHONE_KEY)])


def test_leaf_keeps_its_account_and_device() -> None:
    identity.check_replacement(LEAF, replace(LEAF, device_key=PHONE_KEY, list_version=2))
    for changed in (replace(LEAF, name="bobb"), replace(LEAF, account_key=EVE.public_key)):
        with pytest.raises(RuleViolation, match="leaf-changes-account"):
            identity.check_replacement(LEAF, changed)
    with pytest.raises(RuleViolation, match="leaf-changes-device"):
        identity.check_replacement(LEAF, replace(LEAF, device=PHONE))


# --- dates and lists ---------------------------------------------------------------------------


def test_dates_have_a_day_of_slack_and_are_no_rule_for_everybody() -> None:
    for now in (LEAF.not_before - DAY, LEAF.not_before, LEAF.not_after, LEAF.not_after + DAY):
        identity.check_dates(LEAF, now)
        identity.check_dates(certificate(), now)
    for now in (LEAF.not_before - DAY - 1, LEAF.not_after + DAY + 1):
        with pytest.raises(RemoteProtocolError) as caught:
            identity.check_dates(LEAF, now)
        assert not isinstance(caught.value, RuleViolation)


def test_highest_list_counts_and_an_older_one_changes_nothing() -> None:
    one, two = (open_device_list(d.device_list) for d in (first_device(), second_device()))
    assert identity.highest_list(None, one) is one
    assert identity.highest_list(one, two) is two
    assert identity.highest_list(two, one) is two
    assert identity.highest_list(two, open_device_list(second_device().device_list)) is two


def test_two_contents_under_one_version_are_an_alarm() -> None:
    one = open_device_list(first_device().device_list)
    other = msgspec.structs.replace(one, devices=())
    with pytest.raises(RuleViolation, match="device-list-twice"):
        identity.highest_list(one, other)


def test_list_of_another_account_is_refused() -> None:
    signed = first_device().device_list
    assert identity.open_list(signed, name="alice", account_key=ALICE.public_key).version == 1
    for name, key in (("bobb", ALICE.public_key), ("alice", EVE.public_key)):
        with pytest.raises(RemoteProtocolError):
            identity.open_list(signed, name=name, account_key=key)
    forged = sign_device_list(open_device_list(signed), EVE)
    with pytest.raises(RemoteProtocolError):
        identity.open_list(forged, name="alice", account_key=ALICE.public_key)
    with pytest.raises(RemoteProtocolError):
        identity.open_list(
            SignedDocument(document=signed.document + b"\0", signature=signed.signature),
            name="alice",
            account_key=ALICE.public_key,
        )


def test_only_listed_devices_are_added_and_nobody_while_a_newer_list_is_known() -> None:
    one, two = (open_device_list(d.device_list) for d in (first_device(), second_device()))
    phone = check_leaf(
        encode_credential("alice", PHONE),
        PHONE_KEY,
        encode_certificate(second_device().certificate),
    )
    assert identity.needs_newer_list(phone, None)
    assert identity.needs_newer_list(phone, one)
    assert not identity.needs_newer_list(phone, two)
    assert not identity.needs_newer_list(LEAF, two)
    assert identity.is_listed(LEAF, one)
    assert identity.is_listed(phone, two)
    assert not identity.is_listed(phone, one)
    assert not identity.is_listed(replace(LEAF, device_key=PHONE_KEY), one)
    assert not identity.is_listed(replace(LEAF, account_key=EVE.public_key), one)
    of_bobb = DeviceList(name="bobb", account_key=one.account_key, version=1, devices=one.devices)
    assert not identity.is_listed(LEAF, of_bobb)


# --- pins --------------------------------------------------------------------------------------


def meet(held: Pin | None, how: PinnedHow, key: AccountKey = ALICE) -> Pin | ChangedKey:
    return identity.pin_on_meeting(held, name="alice", account_key=key.public_key, how=how, now=9.0)


def test_key_is_pinned_when_first_met() -> None:
    for how in PinnedHow:
        assert meet(None, how) == Pin("alice", ALICE.public_key, how, 9.0)


@pytest.mark.parametrize("how", PinnedHow)
@pytest.mark.parametrize("held_how", PinnedHow)
def test_better_reason_replaces_a_worse_one_and_keeps_the_date(
    held_how: PinnedHow, how: PinnedHow
) -> None:
    order = ["compared", "invited", "met", "believed"]
    held = Pin("alice", ALICE.public_key, held_how, 1.0)
    met = meet(held, how)
    assert isinstance(met, Pin)
    assert (met.since, met.account_key) == (1.0, ALICE.public_key)
    assert order.index(met.how) == min(order.index(held_how), order.index(how))


@pytest.mark.parametrize("how", PinnedHow)
def test_changed_key_never_replaces_a_pin_unasked(how: PinnedHow) -> None:
    held = Pin("alice", ALICE.public_key, PinnedHow.BELIEVED, 1.0)
    changed = meet(held, how, EVE)
    assert changed == ChangedKey(held, EVE.public_key)
    assert isinstance(changed, ChangedKey)
    acknowledged = identity.acknowledge(changed, how=PinnedHow.COMPARED, now=10.0)
    assert acknowledged == Pin("alice", EVE.public_key, PinnedHow.COMPARED, 10.0)


# --- safety numbers ----------------------------------------------------------------------------


def test_safety_number_is_the_same_for_both_and_in_groups_of_five() -> None:
    number = identity.safety_number("alice", ALICE.public_key, "eve", EVE.public_key)
    assert number == identity.safety_number("eve", EVE.public_key, "alice", ALICE.public_key)
    groups = number.split(" ")
    assert len(groups) == 12
    assert all(len(group) == 5 and group.isdigit() for group in groups)
    digits = "".join(groups)
    assert sorted([digits[:30], digits[30:]]) == [digits[:30], digits[30:]]


def test_safety_number_depends_on_both_names_and_both_keys() -> None:
    number = identity.safety_number("alice", ALICE.public_key, "eve", EVE.public_key)
    others = [
        identity.safety_number("alicf", ALICE.public_key, "eve", EVE.public_key),
        identity.safety_number("alice", ALICE.public_key, "evf", EVE.public_key),
        identity.safety_number("alice", LAPTOP_KEY, "eve", EVE.public_key),
        identity.safety_number("alice", ALICE.public_key, "eve", LAPTOP_KEY),
        identity.safety_number("eve", ALICE.public_key, "alice", EVE.public_key),
    ]
    assert number not in others
    assert len(set(others)) == len(others)


def test_safety_digits_are_what_the_protocol_says() -> None:
    """Never to change: two clients of different versions must show the same number."""
    digest = b"\x00\x01" + b"\x05alice" + bytes(32)
    for _ in range(5200):
        digest = hashlib.sha512(digest + bytes(32)).digest()
    expected = [int.from_bytes(digest[at : at + 5], "big") % 100_000 for at in range(0, 30, 5)]
    digits = identity.safety_digits("alice", bytes(32))
    assert [int(digits[at : at + 5]) for at in range(0, 30, 5)] == expected
    assert digits == "042472730584362097740065491767"
