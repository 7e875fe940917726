"""Both logins, by password and as a device: PROTOCOL.md section 1."""

import secrets
from dataclasses import dataclass

from coterie import opaque
from coterie.client.device import Enrolled, public_key
from coterie.client.login import PasswordLogin
from coterie.explain.handshake import record_parts
from coterie.explain.key_ring import KeyRing
from coterie.explain.line import Line
from coterie.explain.step import Chapter, Part, Step, Who
from coterie.identity import AccountKey, Vault
from coterie.opaque.client import ClientRegistration
from coterie.opaque.server import ServerKeys, ServerLogin, registration_response
from coterie.passwords import encode_password
from coterie.secret import Secret
from coterie.wire.frames import LoggedIn, PasswordLoggedIn, PasswordLoginResponse
from coterie.wire.signed import device_login_input, verify_signature

PASSWORD, AS_DEVICE = "Logging in by password", "Logging in as a device"  # sections


@dataclass(frozen=True, slots=True)
class Registered:
    """What the server keeps of alice's account."""

    keys: ServerKeys
    record: bytes
    vault: bytes
    password: Secret


def register(account: Enrolled, account_key: AccountKey) -> Registered:
    """As ``join`` does it; told in no step."""
    keys, password = ServerKeys.generate(), encode_password(secrets.token_urlsafe(12))
    registration = ClientRegistration(password)
    name = account.name.encode()
    record, export_key = registration.finish(
        registration_response(keys, registration.request(), name),
        server_identity=account.server_id,
        client_identity=name,
    )
    vault = Vault(account_key).seal(export_key, name=account.name, server_id=account.server_id)
    return Registered(keys, record, vault, password)


def log_in(ring: KeyRing, line: Line, account: Enrolled, registered: Registered) -> Chapter:
    """First by password, then as the device."""
    return Chapter(
        "The logins",
        "The password opens the account, on the day when a device is added; from then on the device has a key of its "
        "own. alice made her account before, and the server keeps an OPAQUE record of 192 bytes and her vault.",
        (*_by_password(ring, line, account, registered), _as_device(line, account)),
    )


def _by_password(
    ring: KeyRing, line: Line, account: Enrolled, registered: Registered
) -> tuple[Step, ...]:
    name = account.name.encode()
    login = PasswordLogin(account.name, registered.password)
    asked = line.ask(start := login.start())
    with ring.noting(Who.SERVER) as servers_keys:
        ke2, waiting = ServerLogin.respond(
            registered.keys,
            registered.record,
            start.ke1,
            credential_identifier=name,
            context=opaque.context(line.handshake_hash),
            server_identity=account.server_id,
            client_identity=name,
        )
    answered = line.answer(response := PasswordLoginResponse(ke2))
    with ring.noting(Who.ALICE) as clients_keys:
        finish = login.finish(response, account.server_id, line.handshake_hash)
    finished = line.ask(finish)
    waiting.finish(finish.ke3)
    let_in = line.answer(answer := PasswordLoggedIn(registered.vault, account.device_list))
    with ring.noting(Who.ALICE) as vault_keys:
        login.open(answer)
    return (
        Step(
            "alice's client blinds the password",
            Who.ALICE,
            "It maps the password to a point and multiplies that by a random number. What goes out is a random point: "
            "whoever has it, the server included, learns nothing, not even whether it is the same password as before.",
            PASSWORD,
            "RFC 9807 6.2.1, GenerateKE1; RFC 9497, Blind",
            Who.SERVER,
            record_parts(
                "PasswordLoginStart",
                asked.frame_size,
                Part("blinded_message", 32, "the blinded password, a point of ristretto255"),
                Part("client_nonce", 32, "random"),
                Part("client_public_keyshare", 32, "for a fresh Diffie-Hellman of the login"),
            ),
            asked.wire_size,
        ),
        Step(
            "The server evaluates it with a key that it has for this name alone",
            Who.SERVER,
            "The key comes from a seed that lies in a file apart from the database. Without that seed nobody can try "
            "passwords at home. An unknown name is answered in the same shape, from a record that fits no password.",
            PASSWORD,
            "RFC 9807 6.2.2, GenerateKE2; RFC 9497, BlindEvaluate",
            Who.ALICE,
            record_parts(
                "PasswordLoginResponse",
                answered.frame_size,
                Part("evaluated_message", 32, "the blinded point, multiplied by the server's key"),
                Part("masking_nonce", 32, "random"),
                Part(
                    "masked_response", 128, "the server's public key and alice's envelope, hidden"
                ),
                Part("server_nonce", 32, "random"),
                Part("server_public_keyshare", 32, "for the Diffie-Hellman of the login"),
                Part("server_mac", 64, "over all so far, the handshake hash included"),
            ),
            answered.wire_size,
            tuple(servers_keys),
        ),
        Step(
            "alice's client stretches the password",
            Who.ALICE,
            "It takes the blinding away, runs Argon2id (64 MiB, 3 passes; the numbers are fixed, so that no server can "
            "lower them), and gets the key that opens the envelope. With it comes her private key for this server. If "
            "the server's MAC is wrong, the password is, or the name, or somebody relays: one error for all of them.",
            PASSWORD,
            "RFC 9807 6.2.3, GenerateKE3; RFC 9106",
            keys=tuple(clients_keys),
        ),
        Step(
            "alice's client proves that it came to the same keys",
            Who.ALICE,
            "A MAC under a key that only the right password leads to. Until it has verified, the login counts as "
            "failed.",
            PASSWORD,
            "RFC 9807 6.2.4, ServerFinish",
            Who.SERVER,
            record_parts(
                "PasswordLoginFinish",
                finished.frame_size,
                Part("client_mac", 64, "over all of the login"),
            ),
            finished.wire_size,
        ),
        Step(
            "The server gives her the vault",
            Who.SERVER,
            "It holds the account key, encrypted under OPAQUE's export key, which the password alone gives. With the "
            "account key her client certifies a new device, signs the list of her devices, and drops it again.",
            "The vault",
            "RFC 9807 6.2.3, export_key; HKDF-SHA256; AES-256-GCM",
            Who.ALICE,
            record_parts(
                "PasswordLoggedIn",
                let_in.frame_size,
                Part("vault", len(registered.vault), "the sealed account key"),
                Part(
                    "device_list",
                    len(account.device_list.document) + len(account.device_list.signature),
                    "her devices, signed by the account key",
                ),
            ),
            let_in.wire_size,
            tuple(vault_keys),
        ),
    )


def _as_device(line: Line, account: Enrolled) -> Step:
    request = account.identity.login(line.handshake_hash)
    asked = line.ask(request)
    signed = device_login_input(account.name, account.device, line.handshake_hash)
    verify_signature(public_key(account.device_key), signed, request.signature)
    line.answer(LoggedIn())
    return Step(
        "alice's device logs in",
        Who.ALICE,
        "It signs the handshake hash. The signature is good on this connection alone: whoever relays it has another "
        "hash on the other side of him. A device that comes back needs this step only, and no password.",
        AS_DEVICE,
        "RFC 8032, Ed25519; Noise 11.2",
        Who.SERVER,
        record_parts(
            "DeviceLogin",
            asked.frame_size,
            Part("device", len(request.device), "the device's id, random"),
            Part(
                "signature", len(request.signature), "over label, name, device and handshake hash"
            ),
        ),
        asked.wire_size,
    )
