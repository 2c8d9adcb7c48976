"""How long the properties of the model are tried: `USANCE_HYPOTHESIS_PROFILE=soak` for long."""

import os

from hypothesis import settings

settings.register_profile("quick", max_examples=400, deadline=None)
settings.register_profile("soak", max_examples=20_000, deadline=None)
settings.load_profile(os.environ.get("USANCE_HYPOTHESIS_PROFILE", "quick"))
