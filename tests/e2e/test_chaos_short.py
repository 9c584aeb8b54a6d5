"""A short run of `make chaos`, and whether its judge sees what it must."""

from __future__ import annotations

import os
import random
import sys

import pytest
from support.stack import ROOT

sys.path.append(str(ROOT / "tests/chaos"))

import chaos  # noqa: E402
import deliveries  # noqa: E402
from deliveries import Attempt, Delivery, Receipt  # noqa: E402
from kills import Killed  # noqa: E402

KILLS = 8
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))


def test_eight_kills_lose_and_double_nothing(broker):
    options = chaos.Options(broker, KILLS, SEED, people=3)
    print(f"SEED={SEED}")
    assert not chaos.run(options).problems


def delivery(*attempts: Attempt, channel: str = "email") -> Delivery:
    return Delivery("d", "ada", "r", 1, channel, "sent", 100.0, list(attempts))


def came(*times: float, owner: str = "ada", channel: str = "email") -> list[Receipt]:
    return [Receipt(channel, "d", owner, at) for at in times]


def killed(at: float, name: str = "notification") -> list[Killed]:
    return [Killed(name, 7, at, at)]


FIRST = Attempt(1, "notification", 100.0, None, "open")
SECOND = Attempt(2, "notification-1", 106.0, 106.2, "sent")


@pytest.mark.parametrize(
    ("found", "receipts", "kills", "channel", "explained", "said"),
    [
        ([SECOND], came(106.1), [], "email", 0, ""),
        ([FIRST, SECOND], came(100.1, 106.1), killed(100.2), "email", 1, ""),
        ([FIRST, SECOND], came(100.1, 106.1), killed(100.2, "daprd-notification"), "email", 1, ""),
        ([FIRST, SECOND], came(100.1, 106.1), killed(100.2, "daprd-notification"), "webhook", 0, "nobody was killed"),
        ([FIRST, SECOND], came(100.1, 106.1), killed(100.2, "notification-1"), "email", 0, "nobody was killed"),
        ([FIRST, SECOND], came(100.1, 106.1), killed(99.0), "email", 0, "nobody was killed"),
        ([FIRST, SECOND], came(100.1, 106.1), [], "email", 0, "nobody was killed"),
        ([FIRST, SECOND], came(100.1, 100.2, 106.1), killed(100.3), "email", 1, "delivered 2 times"),
        ([SECOND], came(99.5), [], "email", 0, "0.500 s early"),
        ([SECOND], came(103.0), [], "email", 0, "before any attempt"),
        ([SECOND], came(106.1, owner="bob"), [], "email", 0, "went to bob"),
    ],
)
def test_the_judge_excuses_only_a_kill_in_mid_attempt(found, receipts, kills, channel, explained, said):
    count, wrong = deliveries.judge_one(delivery(*found, channel=channel), receipts, kills)
    assert count == explained
    assert (said in " ".join(wrong)) if said else not wrong
