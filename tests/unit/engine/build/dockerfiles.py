"""Short ways to parse, evaluate and fail."""

from collections.abc import Mapping
from typing import Any

import pytest

from boxship.engine.build.frontend.dockerfile import Dockerfile, parse
from boxship.engine.build.frontend.errors import DockerfileError
from boxship.engine.build.frontend.evaluate import (
    EvaluatedStage,
    Evaluation,
    ImageRequest,
    Options,
    evaluate,
)
from boxship.engine.build.frontend.instruction import Instruction
from boxship.oci.image import ExecutionConfig, ImageConfig
from boxship.oci.platform import Platform

AMD64 = Platform(os="linux", architecture="amd64")
ARM64 = Platform(os="linux", architecture="arm64")


def options(**values: Any) -> Options:
    """Options for linux/amd64."""
    return Options(**{"target_platform": AMD64, "build_platform": AMD64, **values})


def image(platform: Platform = AMD64, **config: Any) -> ImageConfig:
    """A base image's configuration."""
    return ImageConfig(
        os=platform.os, architecture=platform.architecture, config=ExecutionConfig(**config)
    )


def request(name: str, platform: Platform = AMD64) -> ImageRequest:
    """The request for an image of the default registry."""
    return ImageRequest(f"docker.io/library/{name}", platform)


def run(
    text: str, images: Mapping[ImageRequest, ImageConfig] | None = None, **values: Any
) -> Evaluation:
    """Parse and evaluate."""
    return evaluate(parse(text), options(**values), images)


def last(
    text: str, images: Mapping[ImageRequest, ImageConfig] | None = None, **values: Any
) -> EvaluatedStage:
    """The evaluated target."""
    evaluation = run(text, images, **values)
    return evaluation.stages[evaluation.target]


def only(line: str) -> Instruction:
    """The instruction of a Dockerfile that has one besides FROM."""
    found: Dockerfile = parse(f"FROM scratch\n{line}\n")
    (instruction,) = found.stages[0].instructions
    return instruction


def fault(text: str, **values: Any) -> DockerfileError:
    """The error of a Dockerfile that cannot be built."""
    with pytest.raises(DockerfileError) as caught:
        run(text, all_stages=True, **values)
    return caught.value


def findings(
    text: str, images: Mapping[ImageRequest, ImageConfig] | None = None, **values: Any
) -> list[str]:
    """What the checks find, as text."""
    return [str(one) for one in run(text, images, all_stages=True, **values).findings]
