import re

from boxship.daemon.metrics import Metrics


def test_the_exposition_is_well_formed() -> None:
    metrics = Metrics()
    metrics.observe("ContainerStart", 204, 0.03)
    metrics.observe("ContainerStart", 204, 20.0)
    metrics.observe("ContainerList", 200, 0.001)
    metrics.observe("", 404, 0.001)
    lines = list(metrics.lines({"running": 2, "paused": 0, "stopped": 1}))
    pattern = re.compile(r'(# (HELP|TYPE) .+|[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? [0-9.e+]+)')
    assert [line for line in lines if not pattern.fullmatch(line)] == []
    actions = "engine_daemon_container_actions_seconds"
    assert f'{actions}_bucket{{action="start",le="0.025"}} 0' in lines
    assert f'{actions}_bucket{{action="start",le="0.05"}} 1' in lines
    assert f'{actions}_bucket{{action="start",le="+Inf"}} 2' in lines
    assert f'{actions}_sum{{action="start"}} 20.03' in lines
    assert f'{actions}_count{{action="start"}} 2' in lines
    assert 'engine_daemon_container_states_containers{state="running"} 2' in lines
    assert 'boxship_api_requests_total{operation="ContainerList",code="200"} 1' in lines
    assert 'boxship_api_requests_total{operation="",code="404"} 1' in lines
