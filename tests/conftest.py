"""Configuration of the whole test run."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.fixtures"]

# How long a draw takes says how busy the machine is, and nothing about the code.
settings.register_profile("any-load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-load")
