"""Controllers and scheduler killed and started again at random, round after round; see world.py and stories.py.

SAMPAN_CHAOS_ROUNDS=5000 SAMPAN_CHAOS_SEED=7 pytest tests/chaos
"""

import os
from random import Random

from tests.chaos.stories import ALL
from tests.chaos.world import world

ROUNDS = int(os.environ.get("SAMPAN_CHAOS_ROUNDS", "200"))
SEED = int(os.environ.get("SAMPAN_CHAOS_SEED", "1"))


async def test_whatever_is_killed_the_end_is_what_was_wanted() -> None:
    chance = Random(SEED)
    async with world(chance) as running:
        for number in range(ROUNDS):
            stories = chance.sample(ALL, chance.choice((1, 1, 1, 2)))
            try:
                await running.play(story(running, f"r{number}-{place}") for place, story in enumerate(stories))
            except BaseException as error:
                error.add_note(f"in round {number} of seed {SEED}: {', '.join(story.__name__ for story in stories)}")
                raise
        assert running.kills > ROUNDS / 2
