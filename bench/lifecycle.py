"""One container: run, exec, start, stop, remove, inspect."""

from harness import IMAGE, REMOVE, command, measure, named, quietly, remove


def main() -> None:
    """Measure the suite."""
    measure("version", command("version"))
    measure("ps (nothing runs)", command("ps"))
    run = ("run", "--rm")
    measure("run --rm true (bridge)", command(*run, IMAGE, "true"))
    for network in ("none", "host"):
        line = command(*run, "--network", network, IMAGE, "true")
        measure(f"run --rm true ({network})", line)
    measure("run --rm -p true", command(*run, "-p", "127.0.0.1::80", IMAGE, "true"))
    _detached()
    _running()


def _detached() -> None:
    for network in ("bridge", "none"):

        def line(number: int, network: str = network) -> list[str]:
            name = named(f"d{number}")
            return command("run", "-d", "--network", network, "--name", name, IMAGE, "sleep", "900")

        measure(f"run -d returns ({network})", line, after=lambda n: remove(named(f"d{n}")))
    measure(
        "create",
        lambda n: command("create", "--name", named(f"c{n}"), IMAGE, "true"),
        after=lambda n: remove(named(f"c{n}")),
    )
    name = named("removed")
    sleeping = ("run", "-d", "--name", name, IMAGE, "sleep", "900")
    measure("rm -f (running)", command(*REMOVE, name), before=lambda _: quietly(*sleeping))


def _running() -> None:
    name = named("subject")
    quietly("run", "-d", "--init", "--name", name, IMAGE, "sleep", "9000")
    measure("exec true", command("exec", name, "true"))
    measure("exec -i cat", command("exec", "-i", name, "cat"))
    measure("inspect", command("inspect", name))
    measure("stop", command("stop", name), before=lambda _: quietly("start", name))
    measure("stop -t 0", command("stop", "-t", "0", name), before=lambda _: quietly("start", name))
    measure("start", command("start", name), before=lambda _: quietly("stop", "-t", "0", name))
    measure("kill", command("kill", name), before=lambda _: quietly("start", name))
    remove(name)


if __name__ == "__main__":
    main()
