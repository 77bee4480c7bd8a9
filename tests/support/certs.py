"""Certificates for tests: one authority, and servers and clients that it vouches for."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_YEAR = datetime.timedelta(days=365)


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in memory and as PEM files."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    cert_path: Path
    key_path: Path


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._authority = self._make("test authority", None, ())

    @property
    def root(self) -> Certificate:
        """The authority's own certificate; ``cert_path`` is what clients trust."""
        return self._authority

    def server(self, name: str = "127.0.0.1", *, client: bool = False) -> Certificate:
        """A certificate for the server (or, with client, for the client) of that name."""
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        return self._make(name, self._authority, (purpose,))

    def _make(
        self, name: str, issuer: Certificate | None, purposes: tuple[x509.ObjectIdentifier, ...]
    ) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _YEAR)
            .not_valid_after(now + _YEAR)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True)
        )
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
            builder = builder.add_extension(_alternative_names(name), False)
        certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
        return self._write(name, certificate, key)

    def _write(
        self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> Certificate:
        stem = name.replace(" ", "-")
        cert_path, key_path = self.directory / f"{stem}.pem", self.directory / f"{stem}-key.pem"
        cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        key_path.chmod(0o600)
        return Certificate(certificate, key, cert_path, key_path)


def _alternative_names(name: str) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    try:
        names.append(x509.IPAddress(ipaddress.ip_address(name)))
    except ValueError:
        names.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(names)
