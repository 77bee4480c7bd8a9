import pytest

from boxship.daemon.options import merge
from boxship.daemon.reload import plan_reload
from boxship.errors import InvalidParameterError


def test_reloadable_settings_change_and_others_wait() -> None:
    running = merge({}, {"labels": ("a=1",), "mtu": 1500})
    wanted = merge({}, {"labels": ("a=2",), "mtu": 1400, "debug": True})
    outcome = plan_reload(running, wanted)
    assert set(outcome.applied) == {"labels", "debug"}
    assert outcome.needs_restart == ("mtu",)
    assert outcome.config.engine.labels == ("a=2",)
    assert outcome.config.engine.network.mtu == 1500
    assert outcome.config.log_level == "debug"
    assert running["labels"] == ("a=1",)


def test_a_setting_that_left_the_file_gets_its_default_back() -> None:
    outcome = plan_reload(merge({}, {"max-concurrent-downloads": 9}), merge({}, {}))
    assert outcome.config.engine.registry.max_concurrent_downloads == 3


def test_a_bad_value_changes_nothing() -> None:
    with pytest.raises(InvalidParameterError, match="invalid logging level"):
        plan_reload(merge({}, {}), merge({}, {"log-level": "loud"}))


def test_the_event_s_attributes() -> None:
    values = merge({}, {"labels": ("a=1", "b=2"), "features": {"x": True}})
    attributes = plan_reload(values, values).event_attributes()
    assert attributes["labels"] == '["a=1","b=2"]'
    assert attributes["registry-mirrors"] == "[]"
    assert attributes["debug"] == "false"
    assert attributes["max-concurrent-uploads"] == "5"
    assert attributes["features"] == "x:True"
