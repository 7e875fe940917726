"""What an attacker on the network can do is done, and what was seen of it becomes the facts of a proof."""

from collections.abc import Iterable, Iterator

from coterie.client.enrolment import password_login
from coterie.client.seams import Seams
from coterie.client.transport import real_seams
from coterie.demo.programs import Facts
from coterie.demo.proofs import Connections, Handshake, Impostor, Login, Logins, Tampering
from coterie.demo.relay import Recording, Way, flip_bit
from coterie.demo.stage import Person
from coterie.demo.story import Story
from coterie.errors import NotAuthenticated
from coterie.passwords import encode_password

UNKNOWN = "trudy"  # nobody's name, as long as carol's
CLIENT_KEY, SERVER_KEY = "noise.initiator-to-responder.k", "noise.responder-to-initiator.k"


# --- a record changed on its way -----------------------------------------------------------------


async def tamper(story: Story) -> tuple[Tampering, Tampering]:
    """Flips a bit in a record of alice's on its way to the server, and in one on its way to bobb."""
    alice, bobb = story.alice, story.bobb
    relay = alice.relay
    to_server, refused = relay.newest, _refusals(story)
    relay.tamper(Way.UP, flip_bit)
    first = (await story.say(alice, bobb, story.marked("A bit of this one flips on its way."))).text
    told = await story.stage.bell.until(
        lambda: next(iter(_refusals(story)[len(refused) :]), None), "the server's refusal"
    )

    from_server = bobb.relay.newest
    bobb.relay.tamper(Way.DOWN, flip_bit)
    second = (await story.say(alice, bobb, story.marked("And of this one, close to bobb."))).text
    notice = await bobb.chat.until_said("bobb's notice", "does not open")

    # A second copy of either would stand before this one.
    await story.say(alice, bobb, story.marked("Did you get both?"))
    texts = [line["text"] for line in bobb.chat.out]
    return (
        await _tampering(story, alice, to_server, Way.UP, told["reason"], texts.count(first)),
        await _tampering(story, bobb, from_server, Way.DOWN, notice, texts.count(second)),
    )


async def _tampering(
    story: Story, victim: Person, recording: Recording, way: Way, error: str, times_read: int
) -> Tampering:
    await _end_of(story, recording)
    bits = sum(change.bits for change in recording.changes if change.way is way)
    after = len(victim.relay.recordings) - recording.number
    return Tampering(way, bits, error, recording.has_ended, after, times_read)


def _refusals(story: Story) -> list[Facts]:
    """The connections that the server dropped for what it received."""
    return [line for line in story.server.program.log if line["event"] == "dropped"]


# --- keys ----------------------------------------------------------------------------------------


def connections(story: Story) -> Connections:
    """Those of alice's chat: it has connected again by now."""
    hashes = (line.get("handshake_hash") for line in story.server.program.log)
    return Connections(
        tuple(handshakes(story.alice.chat.log)), frozenset(each for each in hashes if each)
    )


def handshakes(log: Iterable[Facts]) -> Iterator[Handshake]:
    """Those in a client's log: first the keys that come of one are named, then that it is done."""
    keys: dict[str, str] = {}
    for line in log:
        if line["event"] == "key-derived":
            keys[line["name"]] = line["fingerprint"]
        elif line["event"] == "handshake-done":
            yield Handshake(
                line["handshake_hash"], keys.pop(CLIENT_KEY, ""), keys.pop(SERVER_KEY, "")
            )


# --- another server ------------------------------------------------------------------------------


async def meet_impostor(story: Story) -> Impostor:
    """Leads alice, who wants to send, to a server that is not hers."""
    alice, stage = story.alice, story.stage
    other = await stage.serve("impostor", stage.folder / "impostor")
    alice.relay.target = other.address
    text = story.marked("For the right server alone.")
    story.said.append(text)
    ran = await alice.run("send", story.room, text)
    recording = alice.relay.newest
    await _end_of(story, recording)
    alice.relay.target = story.server.address
    return Impostor(
        sent=recording.sizes(Way.UP),
        received=recording.sizes(Way.DOWN),
        status=ran.status,
        error=ran.complaint,
        trusted=story.server.fingerprint,
        found=other.fingerprint,
    )


# --- passwords -----------------------------------------------------------------------------------


async def guess_passwords(story: Story) -> Logins:
    """Logs in as carol with her password and with another one, and as somebody who does not exist."""
    right = story.carols_password
    wrong = right[::-1]
    seams = real_seams()
    try:
        return Logins(
            right=await _log_in(story, story.carol.name, right, seams),
            wrong=await _log_in(story, story.carol.name, wrong, seams),
            unknown=await _log_in(story, UNKNOWN, wrong, seams),
        )
    finally:
        seams.threads.close()


async def _log_in(story: Story, name: str, password: str, seams: Seams) -> Login:
    relay = story.carol.relay
    error = ""
    try:
        await password_login(
            relay.address, story.server.invite.fingerprint, name, encode_password(password), seams
        )
    except NotAuthenticated as refused:
        error = str(refused)
    recording = relay.newest
    await _end_of(story, recording)
    return Login(error, recording.sizes(Way.UP), recording.sizes(Way.DOWN))


async def _end_of(story: Story, recording: Recording) -> None:
    await story.stage.bell.until(
        lambda: True if recording.has_ended else None, "the end of a connection"
    )
