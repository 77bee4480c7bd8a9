import pytest

from boxship.api.errors import PageNotFoundError
from boxship.api.operations import OPERATIONS
from boxship.api.router import Router


@pytest.fixture(scope="module")
def router() -> Router:
    return Router()


@pytest.mark.parametrize(
    ("method", "path", "name", "params"),
    [
        ("GET", "/_ping", "SystemPing", {}),
        ("HEAD", "/_ping", "SystemPingHead", {}),
        ("GET", "/containers/json", "ContainerList", {}),
        ("GET", "/containers/json/json", "ContainerInspect", {"id": "json"}),
        ("GET", "/containers//web/json", "ContainerInspect", {"id": "web"}),
        ("DELETE", "/containers/json", "ContainerDelete", {"id": "json"}),
        ("POST", "/containers/prune", "ContainerPrune", {}),
        ("POST", "/containers/create/start", "ContainerStart", {"id": "create"}),
        ("GET", "/images/json", "ImageList", {}),
        ("GET", "/images/get", "ImageGetAll", {}),
        ("GET", "/images/a/json", "ImageInspect", {"name": "a"}),
        (
            "GET",
            "/images/reg:5000/team/app:1/json",
            "ImageInspect",
            {"name": "reg:5000/team/app:1"},
        ),
        ("POST", "/images/a/tag", "ImageTag", {"name": "a"}),
        ("DELETE", "/images/team/json", "ImageDelete", {"name": "team/json"}),
        ("DELETE", "/images/json", "ImageDelete", {"name": "json"}),
        ("GET", "/networks/", "NetworkList", {}),
        ("GET", "/networks/net", "NetworkInspect", {"id": "net"}),
        ("POST", "/networks/net/connect", "NetworkConnect", {"id": "net"}),
        ("DELETE", "/volumes/data", "VolumeDelete", {"name": "data"}),
    ],
)
def test_paths_find_their_operation(
    router: Router, method: str, path: str, name: str, params: dict[str, str]
) -> None:
    match = router.match(method, path)
    assert (match.operation.name, match.params) == (name, params)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nope"),
        ("POST", "/info"),
        ("GET", "/containers"),
        ("GET", "/images//json/x"),
        ("BREW", "/info"),
        ("POST", "/images/push"),
    ],
)
def test_everything_else_is_not_found(router: Router, method: str, path: str) -> None:
    with pytest.raises(PageNotFoundError, match="page not found"):
        router.match(method, path)


def test_names_are_unique_and_give_the_handler_its_name() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    by_name = {operation.name: operation for operation in OPERATIONS}
    assert by_name["ContainerStop"].handler_name == "container_stop"
    assert by_name["PutContainerArchive"].handler_name == "put_container_archive"
    assert by_name["ContainerLogs"].follows
    assert not by_name["ContainerStop"].follows


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_has_a_handler(router: Router, operation: object) -> None:
    assert callable(router.handler(operation))  # type: ignore[arg-type]
