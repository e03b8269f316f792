"""Every transport of OpenD, as the simulator serves it, with the keys and certificates for it.

Keys are generated once per run, when first needed: 4096 bits take a while, and a key in the
repository would be one that everybody has.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import trustme
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import aiocapdist
from aiocapdist._client.connect import Connecting
from aiocapdist.simulator import Simulator
from aiocapdist.simulator._market_data import figures

WEBSOCKET_KEY = "open sesame"


def rsa_key(bits: int = 1024, number: int = 0) -> RSAPrivateKey:
    """Return a private key, the same each time; another ``number`` gives another key."""
    return _generated(bits, number)


@cache
def _generated(bits: int, number: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


def rsa_pem(bits: int = 1024, number: int = 0) -> bytes:
    """Return the same key as PKCS #1 PEM text, the form that OpenD reads."""
    key = rsa_key(bits, number)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@cache
def certificate_authority() -> trustme.CA:
    """The authority that signs our servers' certificates; no client trusts it by default."""
    return trustme.CA()


def server_tls(*names: str) -> ssl.SSLContext:
    """Return a server's TLS context, with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    names = names or ("127.0.0.1", "localhost")
    certificate_authority().issue_cert(*names).configure_cert(context)
    return context


@cache
def client_tls() -> ssl.SSLContext:
    """Return a client's TLS context with the default checks that trusts our authority."""
    context = ssl.create_default_context()
    certificate_authority().configure_trust(context)
    return context


@cache
def _usual_server_tls() -> ssl.SSLContext:
    return server_tls()


@dataclass(frozen=True)
class Transport:
    """One way to reach OpenD: how the simulator offers it, and how a client uses it."""

    name: Literal["tcp", "ws", "wss", "memory"]
    cipher: str | None = None
    encrypted: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "encrypted", self.cipher is not None or self.name == "wss")

    def __str__(self) -> str:
        return f"{self.name} {self.cipher}" if self.cipher else self.name

    @property
    def handshake_proto_id(self) -> int:
        """Proto id of the handshake: InitWebSocket or InitConnect."""
        return 1 if self.name in ("ws", "wss") else 1001

    def simulator(self, **options: Any) -> Simulator:
        """Return a simulator that serves this transport."""
        if self.cipher:
            options["rsa_key"] = rsa_pem()
        if self.handshake_proto_id == 1:
            options.update(websocket=True, websocket_key=WEBSOCKET_KEY)
        if self.name == "wss":
            options["ssl_context"] = _usual_server_tls()
        return Simulator(**options)

    def connect(self, opend: Simulator, **options: Any) -> Connecting:
        """Call ``aiocapdist.connect`` over this transport."""
        if self.name == "memory":
            return aiocapdist.connect(opend.memory, **options)
        if self.cipher:
            options.update(rsa_key=rsa_pem(), cipher=self.cipher)
        if self.handshake_proto_id == 1:
            options["websocket_key"] = WEBSOCKET_KEY
        if self.name == "wss":
            options["ssl_context"] = client_tls()
        port = opend.websocket_port if self.handshake_proto_id == 1 else opend.port
        return aiocapdist.connect(f"{self.name}://127.0.0.1:{port}", **options)


TRANSPORTS = [
    Transport("tcp"),
    Transport("tcp", "aes-cbc"),
    Transport("tcp", "ftaes-ecb"),
    Transport("ws"),
    Transport("wss"),
    Transport("memory"),
]


# ---- what is asked and answered

NOW = 1_700_012_000.0  # minutes after the opening in Hong Kong: flows of the day are short
SEED = 7


def fixed_simulator(transport: Transport, **options: object) -> Simulator:
    """Return a simulator with this transport whose figures never change."""
    return transport.simulator(**{"seed": SEED, "now": lambda: NOW, **options})


def amounts(figures: aiocapdist.CapitalDistribution) -> tuple[float | None, ...]:
    """Return the eight amounts of one answer."""
    return (
        figures.capital_in_super,
        figures.capital_in_big,
        figures.capital_in_mid,
        figures.capital_in_small,
        figures.capital_out_super,
        figures.capital_out_big,
        figures.capital_out_mid,
        figures.capital_out_small,
    )


def expected_amounts(code: str) -> tuple[float, ...]:
    """Return the amounts that a fixed simulator gives for this code."""
    return tuple(figures(code, SEED, NOW)[:8])


def asked_codes(opend: Simulator) -> list[str | None]:
    """Return the codes that the simulator was asked about, in order."""
    return [request.code for request in opend.requests if request.proto_id == 3212]
