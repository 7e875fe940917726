"""Published vectors of the key schedule: key-schedule, psk_secret, transcript-hashes and secret-tree."""

from coterie.mls import key_schedule, transcript_hash
from coterie.mls.codec import decode
from coterie.mls.framing import AuthenticatedContent
from coterie.mls.group_context import GroupContext
from coterie.mls.psk import ExternalPsk, psk_secret
from coterie.mls.secret_tree import (
    MessageKey,
    RatchetType,
    SecretTree,
    sender_data_key_and_nonce,
)
from coterie.mls.suites import SUITES
from coterie.secret import Secret
from tests.mls.published import assert_complete, each, octets, vector

PSK_COUNTS = 11  # 0 to 10 PSKs


def test_all_entries_are_there() -> None:
    assert_complete("key-schedule.json", 1)
    assert_complete("psk_secret.json", PSK_COUNTS)
    assert_complete("transcript-hashes.json", 1)
    assert_complete("secret-tree.json", 3)


@each(1)
def test_every_secret_of_five_epochs(suite: int, number: int) -> None:
    s, v = SUITES[suite], vector("key-schedule.json", suite, number)
    init_secret = Secret(bytes.fromhex(v["initial_init_secret"]))
    assert len(v["epochs"]) == 5
    for epoch, e in enumerate(v["epochs"]):
        context = GroupContext(
            suite,
            bytes.fromhex(v["group_id"]),
            epoch,
            bytes.fromhex(e["tree_hash"]),
            bytes.fromhex(e["confirmed_transcript_hash"]),
        )
        assert context.encode().hex() == e["group_context"]
        commit_secret = Secret(bytes.fromhex(e["commit_secret"]))
        psk = Secret(bytes.fromhex(e["psk_secret"]))
        joiner = key_schedule.joiner_secret(s, init_secret, commit_secret, context)
        assert joiner.expose().hex() == e["joiner_secret"]
        begun = key_schedule.begin_epoch(s, joiner, psk, context)
        assert begun.welcome_secret.expose().hex() == e["welcome_secret"]
        assert begun.encryption_secret.expose().hex() == e["encryption_secret"]
        for name in begun.secrets.__slots__:
            assert getattr(begun.secrets, name).expose().hex() == e[name], name
        _, external_pub = key_schedule.external_key_pair(s, begun.secrets.external_secret)
        assert external_pub.hex() == e["external_pub"]
        exported = key_schedule.export(
            s,
            begun.secrets.exporter_secret,
            e["exporter"]["label"].encode(),
            bytes.fromhex(e["exporter"]["context"]),
            e["exporter"]["length"],
        )
        assert exported.expose().hex() == e["exporter"]["secret"]
        init_secret = begun.secrets.init_secret


@each(PSK_COUNTS)
def test_psk_secret(suite: int, number: int) -> None:
    v = vector("psk_secret.json", suite, number)
    assert len(v["psks"]) == number
    psks = [
        (ExternalPsk(psk["psk_id"], psk["psk_nonce"]), Secret(psk["psk"]))
        for psk in map(octets, v["psks"])
    ]
    assert psk_secret(SUITES[suite], psks).expose().hex() == v["psk_secret"]


@each(1)
def test_transcript_hashes_and_confirmation_tag(suite: int, number: int) -> None:
    s, v = SUITES[suite], octets(vector("transcript-hashes.json", suite, number))
    commit = decode(AuthenticatedContent.decode, v["authenticated_content"])
    tag = commit.auth.confirmation_tag
    assert tag is not None
    confirmed = transcript_hash.confirmed_transcript_hash(
        s, v["interim_transcript_hash_before"], commit
    )
    assert confirmed == v["confirmed_transcript_hash_after"]
    assert s.mac(Secret(v["confirmation_key"]), confirmed) == tag
    interim = transcript_hash.interim_transcript_hash(s, confirmed, tag)
    assert interim == v["interim_transcript_hash_after"]


@each(3)
def test_every_leaf_has_the_published_keys(suite: int, number: int) -> None:
    s, v = SUITES[suite], vector("secret-tree.json", suite, number)
    tree = SecretTree.begin(s, Secret(bytes.fromhex(v["encryption_secret"])), len(v["leaves"]))
    for leaf, generations in enumerate(v["leaves"]):
        for g in map(octets, generations):
            for which, name in (
                (RatchetType.HANDSHAKE, "handshake"),
                (RatchetType.APPLICATION, "application"),
            ):
                tree, key = tree.key_of(leaf, which, g["generation"])
                assert key == MessageKey(Secret(g[f"{name}_key"]), g[f"{name}_nonce"])
    data = octets(v["sender_data"])
    key = sender_data_key_and_nonce(s, Secret(data["sender_data_secret"]), data["ciphertext"])
    assert key == MessageKey(Secret(data["key"]), data["nonce"])
