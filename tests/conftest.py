"""Hypothesis profiles: how many examples a property is tried on.

python -m pytest                                       dev: a few, different every time
python -m pytest --hypothesis-profile=ci               more, the same every time
python -m pytest tests/test_properties.py -k every_gradient --hypothesis-profile=deep
                                                       10,000 complex-step cases
"""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=SLOW)
settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, suppress_health_check=SLOW
)
settings.register_profile("deep", max_examples=10_000, deadline=None, suppress_health_check=SLOW)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
