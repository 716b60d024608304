"""What every test shares: no stray event loop, and with CI=true an effort of hypothesis that can be repeated."""

import asyncio
import os

import hypothesis

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

# Where no loop was ever set, pytest-asyncio has one made that nobody closes: it is told of when it is collected, as an
# error of whatever test runs then.
asyncio.set_event_loop(None)
