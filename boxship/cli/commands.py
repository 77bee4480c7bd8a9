"""The table of all commands, literal so that finding one costs nothing.

COMMANDS: words -> (module below boxship.cli, summary, other words for it). Help, completion and
did-you-mean derive from this table and from each module's flags.
"""

COMMANDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "container attach": (
        "container.attach",
        "Attach local standard input, output, and error streams to a running container",
        ("attach",),
    ),
    "container commit": (
        "container.commit",
        "Create a new image from a container's changes",
        ("commit",),
    ),
    "container cp": (
        "container.cp",
        "Copy files/folders between a container and the local filesystem",
        ("cp",),
    ),
    "container create": ("container.create", "Create a new container", ("create",)),
    "container diff": (
        "container.diff",
        "Inspect changes to files or directories on a container's filesystem",
        ("diff",),
    ),
    "container exec": ("container.exec", "Execute a command in a running container", ("exec",)),
    "container export": (
        "container.export",
        "Export a container's filesystem as a tar archive",
        ("export",),
    ),
    "container inspect": (
        "container.inspect",
        "Display detailed information on one or more containers",
        (),
    ),
    "container kill": ("container.kill", "Kill one or more running containers", ("kill",)),
    "container logs": ("container.logs", "Fetch the logs of a container", ("logs",)),
    "container ls": ("container.ls", "List containers", ("container list", "container ps", "ps")),
    "container pause": (
        "container.pause",
        "Pause all processes within one or more containers",
        ("pause",),
    ),
    "container port": (
        "container.port",
        "List port mappings or a specific mapping for the container",
        ("port",),
    ),
    "container prune": ("container.prune", "Remove all stopped containers", ()),
    "container rename": ("container.rename", "Rename a container", ("rename",)),
    "container restart": ("container.restart", "Restart one or more containers", ("restart",)),
    "container rm": ("container.rm", "Remove one or more containers", ("container remove", "rm")),
    "container run": ("container.run", "Create and run a new container from an image", ("run",)),
    "container start": ("container.start", "Start one or more stopped containers", ("start",)),
    "container stats": (
        "container.stats",
        "Display a live stream of container(s) resource usage statistics",
        ("stats",),
    ),
    "container stop": ("container.stop", "Stop one or more running containers", ("stop",)),
    "container top": ("container.top", "Display the running processes of a container", ("top",)),
    "container unpause": (
        "container.unpause",
        "Unpause all processes within one or more containers",
        ("unpause",),
    ),
    "container update": (
        "container.update",
        "Update configuration of one or more containers",
        ("update",),
    ),
    "container wait": (
        "container.wait",
        "Block until one or more containers stop, then print their exit codes",
        ("wait",),
    ),
    "image bootstrap": (
        "image.bootstrap",
        "Make a base image out of a Linux distribution's packages",
        (),
    ),
    "image diff": ("image.diff", "Show what differs between two images", ()),
    "context create": ("context.create", "Create a context", ()),
    "context export": (
        "context.export",
        "Export a context to a tar archive FILE or a tar stream on STDOUT.",
        (),
    ),
    "context import": ("context.import_", "Import a context from a tar or zip file", ()),
    "context inspect": (
        "context.inspect",
        "Display detailed information on one or more contexts",
        (),
    ),
    "context ls": ("context.ls", "List contexts", ("context list",)),
    "context rm": ("context.rm", "Remove one or more contexts", ("context remove",)),
    "context show": ("context.show", "Print the name of the current context", ()),
    "context update": ("context.update", "Update a context", ()),
    "context use": ("context.use", "Set the current docker context", ()),
    "image history": ("image.history", "Show the history of an image", ("history",)),
    "image import": (
        "image.import_",
        "Import the contents from a tarball to create a filesystem image",
        ("import",),
    ),
    "image inspect": ("image.inspect", "Display detailed information on one or more images", ()),
    "image load": ("image.load", "Load an image from a tar archive or STDIN", ("load",)),
    "image ls": ("image.ls", "List images", ("image list", "images")),
    "image ls-files": (
        "image.ls_files",
        "List the files of an image with the layers they come from",
        (),
    ),
    "image mount": (
        "image.mount",
        "Show an image's root file system on the engine's host, or list what is mounted",
        (),
    ),
    "image prune": ("image.prune", "Remove unused images", ()),
    "image pull": ("image.pull", "Download an image from a registry", ("pull",)),
    "image push": ("image.push", "Upload an image to a registry", ("push",)),
    "image rm": ("image.rm", "Remove one or more images", ("image remove", "rmi")),
    "image save": (
        "image.save",
        "Save one or more images to a tar archive (streamed to STDOUT by default)",
        ("save",),
    ),
    "image squash": ("image.squash", "Merge the layers of an image above a base into one", ()),
    "image tag": (
        "image.tag",
        "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
        ("tag",),
    ),
    "image unmount": ("image.unmount", "Undo image mount", ("image umount",)),
    "image wasted": ("image.wasted", "Show what an image's layers hide of each other", ()),
    "buildx imagetools create": (
        "buildx.imagetools_create",
        "Create a new image based on source images",
        (),
    ),
    "buildx imagetools inspect": (
        "buildx.imagetools_inspect",
        "Show details of an image in the registry",
        (),
    ),
    "manifest annotate": (
        "manifest.annotate",
        "Add additional information to a local image manifest",
        (),
    ),
    "manifest create": (
        "manifest.create",
        "Create a local manifest list for annotating and pushing to a registry",
        (),
    ),
    "manifest inspect": (
        "manifest.inspect",
        "Display an image manifest, or manifest list",
        (),
    ),
    "manifest push": ("manifest.push", "Push a manifest list to a repository", ()),
    "manifest rm": (
        "manifest.rm",
        "Delete one or more manifest lists from local storage",
        (),
    ),
    "network connect": ("network.connect", "Connect a container to a network", ()),
    "network create": ("network.create", "Create a network", ()),
    "network disconnect": ("network.disconnect", "Disconnect a container from a network", ()),
    "network explain": ("network.explain", "Show from where a port of a container is reached", ()),
    "network inspect": (
        "network.inspect",
        "Display detailed information on one or more networks",
        (),
    ),
    "network ls": ("network.ls", "List networks", ("network list",)),
    "network prune": ("network.prune", "Remove all unused networks", ()),
    "network rm": ("network.rm", "Remove one or more networks", ("network remove",)),
    "registry gc": ("registry.gc", "Remove what nothing in a registry leads to", ()),
    "registry serve": ("registry.serve", "Serve a registry of one's own", ()),
    "system df": ("system.df", "Show disk usage", ()),
    "system dial-stdio": (
        "system.dial_stdio",
        "Proxy the stdio stream to the daemon connection",
        (),
    ),
    "system events": ("system.events", "Get real time events from the server", ("events",)),
    "system info": ("system.info", "Display system-wide information", ("info",)),
    "system prune": ("system.prune", "Remove unused data", ()),
    "volume cp": ("volume.cp", "Make a volume with the files of another", ()),
    "volume create": ("volume.create", "Create a volume", ()),
    "volume diff": ("volume.diff", "Show how the files of two volumes differ", ()),
    "volume export": ("volume.export", "Write the files of a volume as a tar archive", ()),
    "volume import": ("volume.import_", "Unpack a tar archive into a volume", ()),
    "volume inspect": (
        "volume.inspect",
        "Display detailed information on one or more volumes",
        (),
    ),
    "volume ls": ("volume.ls", "List volumes", ("volume list",)),
    "volume mv": ("volume.mv", "Rename a volume", ("volume rename",)),
    "volume prune": ("volume.prune", "Remove unused local volumes", ()),
    "volume restore": ("volume.restore", "Replace a volume's files by a snapshot's", ()),
    "volume rm": ("volume.rm", "Remove one or more volumes", ("volume remove",)),
    "volume snapshot": ("volume.snapshot", "Keep what a volume holds now as another one", ()),
    "completion": ("system.completion", "Print a completion script for a shell", ()),
    "help": ("system.help", "Show help for a command", ()),
    "inspect": ("system.inspect", "Return low-level information on Docker objects", ()),
    "login": ("system.login", "Authenticate to a registry", ()),
    "logout": ("system.logout", "Log out from a registry", ()),
    "search": ("image.search", "Search Docker Hub, or another registry, for images", ()),
    "version": ("system.version", "Show the Boxship version information", ()),
}

GROUPS: dict[str, str] = {
    "buildx": "Build tools",
    "container": "Manage containers",
    "context": "Manage contexts",
    "image": "Manage images",
    "manifest": "Manage Docker image manifests and manifest lists",
    "network": "Manage networks",
    "registry": "Manage registries",
    "system": "Manage Boxship",
    "volume": "Manage volumes",
}

SUBGROUPS: dict[str, str] = {"buildx imagetools": "Commands to work on images in a registry"}
"""Groups within groups."""

COMMON = ("run", "exec", "ps", "pull", "push", "images", "login", "logout", "version", "info")
"""Commands that the top-level help lists first."""

HIDDEN = frozenset(("system dial-stdio",))
"""Commands that help and completion do not list."""


def find(words: list[str]) -> tuple[str, int]:
    """The table's key that words begin with, and how many words it took; ("", 0) for none."""
    for count in (3, 2, 1):
        spelled = " ".join(words[:count])
        if len(words) < count:
            continue
        if spelled in COMMANDS:
            return spelled, count
        for key, (_, _, aliases) in COMMANDS.items():
            if spelled in aliases:
                return key, count
    return "", 0


def spellings(key: str) -> tuple[str, ...]:
    """All ways to write a command, the table's own first."""
    return (key, *COMMANDS[key][2])
