"""Published vectors of the Welcome: opened, verified, and made again."""

from coterie.mls import key_schedule
from coterie.mls.commit import HpkeCiphertext
from coterie.mls.framing import decode_message
from coterie.mls.key_package import KeyPackage
from coterie.mls.psk import psk_secret
from coterie.mls.suites import SUITES
from coterie.mls.welcome import EncryptedGroupSecrets, Welcome, seal_group_info
from coterie.secret import Secret
from tests.mls.published import assert_complete, each, octets, vector


def test_all_entries_are_there() -> None:
    assert_complete("welcome.json", 1)


@each(1)
def test_welcome_opens_verifies_and_can_be_made_again(suite: int, number: int) -> None:
    s, v = SUITES[suite], octets(vector("welcome.json", suite, number))
    package, welcome = decode_message(v["key_package"]), decode_message(v["welcome"])
    assert isinstance(package, KeyPackage)
    assert isinstance(welcome, Welcome)
    reference, init_private = package.reference(), Secret(v["init_priv"])
    assert reference in [entry.new_member for entry in welcome.secrets]

    secrets = welcome.open_secrets(s, reference, init_private)
    no_psk = psk_secret(s, [])
    welcome_secret = key_schedule.welcome_secret(s, secrets.joiner_secret, no_psk)
    info = welcome.open_group_info(s, welcome_secret)
    info.verify(s, v["signer_pub"])
    begun = key_schedule.begin_epoch(s, secrets.joiner_secret, no_psk, info.group_context)
    confirmed = info.group_context.confirmed_transcript_hash
    assert s.mac(begun.secrets.confirmation_key, confirmed) == info.confirmation_tag

    encrypted_info = seal_group_info(s, welcome_secret, info)
    assert encrypted_info == welcome.encrypted_group_info
    sealed = HpkeCiphertext(
        *s.encrypt_with_label(package.init_key, b"Welcome", encrypted_info, secrets.encode())
    )
    ours = Welcome(suite, (EncryptedGroupSecrets(reference, sealed),), encrypted_info)
    assert ours.open_secrets(s, reference, init_private) == secrets
