"""Configuration of the whole test run."""

pytest_plugins = ["tests.support.fixtures"]
