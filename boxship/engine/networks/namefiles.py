"""Which names and name servers a container gets, from what it asked for and where it runs."""

from collections.abc import Iterator
from pathlib import Path

from boxship.engine.networks import files
from boxship.engine.networks.context import NetworkContext
from boxship.engine.networks.network import DEFAULT_NETWORK
from boxship.engine.networks.planning import gateway_endpoint
from boxship.engine.networks.sandbox import Endpoint, Sandbox, SandboxSpec
from boxship.errors import InvalidParameterError
from boxship.ids import short_id

_HOST_GATEWAY = "host-gateway"
_SYSTEMD_STUB = "127.0.0.53"


class NameFiles:
    """Writes the name files of containers."""

    def __init__(self, context: NetworkContext, etc: Path, resolved: Path) -> None:
        """``etc`` holds the host's own files; ``resolved`` is what systemd-resolved writes."""
        self._context = context
        self._etc = etc
        self._resolved = resolved

    def write(self, spec: SandboxSpec, sandbox: Sandbox) -> None:
        """Write all three files. Raises InvalidParameterError for a bad extra host."""
        directory = spec.files_dir
        directory.mkdir(parents=True, exist_ok=True)
        files.write(directory / "hosts", self._hosts(spec, sandbox))
        files.write(directory / "hostname", f"{spec.hostname}\n")
        files.write(directory / "resolv.conf", self.resolv_conf(spec, sandbox).render())

    def upstream(self, spec: SandboxSpec) -> tuple[str, ...]:
        """Return the servers to which the engine's own DNS server forwards for a container."""
        return self._wanted(spec).nameservers or files.FALLBACK_NAMESERVERS

    def host_gateway(self) -> str:
        """Return the address that ``host-gateway`` stands for."""
        bridge = self._context.named(DEFAULT_NETWORK)
        configured = self._context.config.host_gateway_ip
        return configured or (bridge.pools[0].gateway if bridge and bridge.pools else "")

    def resolv_conf(self, spec: SandboxSpec, sandbox: Sandbox) -> files.ResolvConf:
        """Return what the container's resolv.conf says."""
        wanted = self._wanted(spec)
        if spec.mode == "host":
            return wanted
        if any(endpoint.dns_names for endpoint in sandbox.endpoints):
            return files.with_embedded_dns(wanted)
        return files.without_loopback(wanted)

    def _wanted(self, spec: SandboxSpec) -> files.ResolvConf:
        config = self._context.config
        base = files.override(
            self._host_resolv_conf(spec.mode), config.dns, config.dns_search, config.dns_options
        )
        return files.override(base, spec.dns, spec.dns_search, spec.dns_options)

    def _host_resolv_conf(self, mode: str) -> files.ResolvConf:
        host = files.parse_resolv_conf(_read(self._etc / "resolv.conf"))
        if mode != "host" and host.nameservers == (_SYSTEMD_STUB,):
            # The stub is out of a container's reach; resolved writes down what is behind it.
            behind = files.parse_resolv_conf(_read(self._resolved))
            return behind if behind.nameservers else host
        return host

    def _hosts(self, spec: SandboxSpec, sandbox: Sandbox) -> str:
        entries = [self._extra_host(text) for text in spec.extra_hosts]
        if spec.mode == "host":
            return _read(self._etc / "hosts") + "".join(f"{ip}\t{name}\n" for ip, name in entries)
        entries += [entry for e in sandbox.endpoints for entry in self._links(e)]
        return files.render_hosts(entries, _own_names(spec, sandbox))

    def _extra_host(self, text: str) -> tuple[str, str]:
        name, _, address = text.partition(":" if "=" not in text else "=")
        address = address.strip("[]")
        if not name or not address:
            raise InvalidParameterError(f'bad format for add-host: "{text}"')
        return (self.host_gateway() if address == _HOST_GATEWAY else address), name

    def _links(self, endpoint: Endpoint) -> Iterator[tuple[str, str]]:
        """Yield hosts entries for ``--link`` on the default bridge, which has no DNS."""
        if endpoint.dns_names:
            return
        for link in endpoint.links:
            target, _, alias = link.partition(":")
            for stored in self._context.sandboxes.values():
                spec = stored.spec
                if target not in (spec.container_name, spec.container_id):
                    continue
                names = dict.fromkeys((alias or target, spec.hostname, spec.container_name))
                for other in stored.sandbox.endpoints:
                    if other.network_id == endpoint.network_id and other.ipv4:
                        yield other.ipv4, " ".join(names)


def _own_names(spec: SandboxSpec, sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    """Yield the container's own entries; the gateway's network first."""
    names = spec.hostname or short_id(spec.container_id)
    if spec.domainname:
        names = f"{names}.{spec.domainname} {names}"
    first = gateway_endpoint(sandbox.endpoints)
    for endpoint in sorted(sandbox.endpoints, key=lambda e: e is not first):
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address:
                yield address, names


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
