"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business: a busy one fails no test.
settings.register_profile("sampan", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sampan")
