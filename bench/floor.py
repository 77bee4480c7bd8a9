"""What no engine can be faster than: the runtimes alone, and starting an interpreter."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import PREFIX, measure

from boxship.entrypoints import base_image


def main() -> None:
    """Measure the suite."""
    with tempfile.TemporaryDirectory() as directory:
        bundle = Path(directory)
        root = bundle / "rootfs"
        root.mkdir()
        layer = base_image.busybox_layer(base_image.find_busybox())
        subprocess.run(["tar", "-x", "-C", str(root)], input=layer, check=True)
        subprocess.run(["runc", "spec"], cwd=bundle, check=True)
        specification = json.loads((bundle / "config.json").read_text())
        specification["process"].update(terminal=False, args=["/bin/true"])
        (bundle / "config.json").write_text(json.dumps(specification))
        for runtime in ("crun", "runc"):
            line = [runtime, "--root", f"{directory}/{runtime}", "run", "-b", directory]
            measure(f"{runtime} run true", [*line, PREFIX])
    for flags, code in (("-IS", "pass"), ("-I", "pass"), ("-IS", "import argparse, json, socket")):
        measure(f"python3 {flags}: {code}", [sys.executable, flags, "-c", code])
    measure("/bin/true", ["/bin/true"])


if __name__ == "__main__":
    main()
