"""What a device and an account may ask for in a time: refused with WAIT, uncounted, and nobody else's."""

from dataclasses import replace

import pytest

from coterie.server.limits import RATE_BURST_S, Limits
from coterie.server.quotas import Quotas
from coterie.wire import frames as f
from tests.server.world import post

LIMITS = Limits()
GROUP = b"g" * 16
ANNAS, BENS = b"a" * 16, b"b" * 16
CHANGE = f.ChangeList(GROUP, 0, f.ListChange())


def asked(quotas: Quotas, body: f.RequestBody, times: int, *, by: str = "anna") -> int:
    """How many of them are admitted, all at once."""
    device = {"anna": ANNAS, "ben": BENS}[by]
    return sum(quotas.refusal(body, device, by, 0.0) is None for _ in range(times))


@pytest.mark.parametrize(
    ("limit", "body"),
    [
        ("rooms_per_day", f.CreateGroup(GROUP)),
        ("list_changes_per_minute", CHANGE),
        ("device_lists_per_hour", f.ReplaceDeviceList(f.SignedDocument(b"", bytes(64)))),
        ("lookups_per_hour", f.FetchAccount("ben")),
        ("key_packages_per_hour", f.FetchKeyPackages("ben")),
        ("uploads_per_hour", f.UploadKeyPackages(())),
        ("invites_per_day", f.CreateInvite(b"t" * 16, 1, 60)),
    ],
)
def test_so_many_are_admitted_and_then_each_waits_its_time(limit: str, body: f.RequestBody) -> None:
    quotas = Quotas(replace(LIMITS, **{limit: 7}))
    assert asked(quotas, body, 20) == 7
    assert asked(quotas, body, 20, by="ben") == 7, "another account waits for this one"
    refused = quotas.refusal(body, ANNAS, "anna", 0.0)
    assert refused is not None
    assert refused.code is f.Code.WAIT
    assert refused.wait_s > 1
    assert quotas.refusal(body, ANNAS, "anna", refused.wait_s) is None
    assert quotas.refusal(body, ANNAS, "anna", refused.wait_s) is not None


def test_posts_come_in_a_burst_and_then_at_their_rate() -> None:
    quotas = Quotas(replace(LIMITS, posts_per_second=2))
    assert asked(quotas, post(GROUP, 1), 100) == 2 * RATE_BURST_S
    refused = quotas.refusal(post(GROUP, 1), ANNAS, "anna", 0.0)
    assert refused == f.Failed(f.Code.WAIT, "too many posts: wait 0 s", wait_s=0.5)


def test_bytes_of_a_day_are_those_of_posts_welcomes_and_key_packages_together() -> None:
    quotas = Quotas(replace(LIMITS, bytes_per_day=100_000))
    welcome = f.WelcomeFor(bytes(20_000), (BENS,))
    assert asked(quotas, post(GROUP, 1, body=bytes(20_000), welcome=welcome), 1) == 1
    assert asked(quotas, f.UploadKeyPackages((bytes(15_000), bytes(15_000))), 1) == 1
    assert asked(quotas, post(GROUP, 1, body=bytes(30_000)), 1) == 0
    assert asked(quotas, post(GROUP, 1, body=bytes(20_000)), 1) == 1


def test_bytes_of_a_day_are_those_of_all_devices_of_an_account() -> None:
    """Devices come and go with each new list: one account could fill the disk with a new one at a time."""
    quotas = Quotas(replace(LIMITS, bytes_per_day=100_000))
    large = post(GROUP, 1, body=bytes(50_000))
    devices = [bytes([number]) * 16 for number in range(10)]
    admitted = [quotas.refusal(large, device, "anna", 0.0) is None for device in devices]
    assert sum(admitted) == 1
    assert quotas.refusal(large, BENS, "ben", 0.0) is None


def test_what_is_refused_for_one_reason_is_not_counted_for_another() -> None:
    quotas = Quotas(replace(LIMITS, bytes_per_day=10_000, posts_per_second=1))
    assert asked(quotas, post(GROUP, 1, body=bytes(9_000)), 100) == 1
    assert asked(quotas, post(GROUP, 1, body=b""), 100) == 0 + (10_000 - 9_512) // 512
    quotas = Quotas(replace(LIMITS, posts_per_second=1))
    assert asked(quotas, post(GROUP, 1), 500) == RATE_BURST_S
    assert asked(quotas, f.UploadKeyPackages((bytes(10_000),) * 10), 60) == 60


def test_many_small_posts_count_for_more_than_their_bytes() -> None:
    quotas = Quotas(replace(LIMITS, bytes_per_day=51_200, posts_per_second=1_000))
    assert asked(quotas, post(GROUP, 1, body=b""), 1_000) == 100


def test_large_list_change_counts_for_many_and_with_a_commit_too() -> None:
    """Sixty of a thousand devices each held up the only writer for more than a second."""
    change = f.ListChange(remove=tuple(bytes([n]) * 16 for n in range(200)))
    large, small = f.ChangeList(GROUP, 0, change), CHANGE
    quotas = Quotas(replace(LIMITS, list_changes_per_minute=13))
    assert asked(quotas, large, 10) == 2
    assert asked(quotas, post(GROUP, 1, kind=f.Kind.COMMIT, change=change), 1) == 0
    assert asked(quotas, small, 10) == 3


def test_invite_for_many_counts_for_as_many_and_never_for_more_than_a_days() -> None:
    """A hundred invites a day, each for a thousand, were accounts for whoever wanted a server full of them."""
    quotas = Quotas(replace(LIMITS, invites_per_day=10))
    assert asked(quotas, f.CreateInvite(b"t" * 16, 4, 60), 5) == 2
    assert asked(quotas, f.CreateInvite(b"t" * 16, 1, 60), 5) == 2
    refused = quotas.refusal(f.CreateInvite(b"t" * 16, 11, 60), BENS, "ben", 0.0)
    assert refused is not None
    assert refused.code is f.Code.TOO_LARGE
    assert asked(quotas, f.CreateInvite(b"t" * 16, 10, 60), 5, by="ben") == 1


def test_key_packages_of_one_account_are_not_emptied_by_one_other() -> None:
    quotas = Quotas(LIMITS)
    assert asked(quotas, f.FetchKeyPackages("carl"), 1_000) == LIMITS.key_packages_per_hour
    assert asked(quotas, f.FetchKeyPackages("dora"), 1) == 1


def test_reading_has_no_quota_of_its_own() -> None:
    quotas = Quotas(LIMITS)
    for body in (f.Ping(), f.Fetch(GROUP, 0), f.FetchInbox(0), f.FetchGroups()):
        assert asked(quotas, body, 10_000) == 10_000
