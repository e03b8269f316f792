"""Every door of OpenD, as the simulator opens them, and the keys and certificates for it.

Keys are of our own making and made once in a run, when first asked for: 4096 bits take a
while, and a key in the repository would be one that everybody has.
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
from aiocapdist.simulator._figures import figures

WEBSOCKET_KEY = "open sesame"


def rsa_key(bits: int = 1024, number: int = 0) -> RSAPrivateKey:
    """A private key, the same each time; another ``number`` is another key."""
    return _generated(bits, number)


@cache
def _generated(bits: int, number: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


def rsa_pem(bits: int = 1024, number: int = 0) -> bytes:
    """The same key as a text in PKCS #1 form, as OpenD wants it."""
    key = rsa_key(bits, number)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@cache
def authority() -> trustme.CA:
    """Who vouches for our servers, and is trusted by nobody who was not told."""
    return trustme.CA()


def server_tls(*names: str) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
    return context


@cache
def client_tls() -> ssl.SSLContext:
    """A client's side that trusts our authority, and verifies as it does by default."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@cache
def _usual_server_tls() -> ssl.SSLContext:
    return server_tls()


@dataclass(frozen=True)
class OpenDoor:
    """One way in: how to open it in a simulator, and how to come in through it."""

    name: Literal["tcp", "ws", "wss", "memory"]
    cipher: str | None = None
    seals: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seals", self.cipher is not None or self.name == "wss")

    def __str__(self) -> str:
        return f"{self.name} {self.cipher}" if self.cipher else self.name

    @property
    def greeting(self) -> int:
        """The proto id that lets a client in here."""
        return 1 if self.name in ("ws", "wss") else 1001

    def opend(self, **options: Any) -> Simulator:
        """A simulator with this door."""
        if self.cipher:
            options["rsa_key"] = rsa_pem()
        if self.greeting == 1:
            options.update(websocket=True, websocket_key=WEBSOCKET_KEY)
        if self.name == "wss":
            options["ssl_context"] = _usual_server_tls()
        return Simulator(**options)

    def connect(self, opend: Simulator, **options: Any) -> Connecting:
        """``aiocapdist.connect`` through this door."""
        if self.name == "memory":
            return aiocapdist.connect(opend.memory, **options)
        if self.cipher:
            options.update(rsa_key=rsa_pem(), cipher=self.cipher)
        if self.greeting == 1:
            options["websocket_key"] = WEBSOCKET_KEY
        if self.name == "wss":
            options["ssl_context"] = client_tls()
        port = opend.websocket_port if self.greeting == 1 else opend.port
        return aiocapdist.connect(f"{self.name}://127.0.0.1:{port}", **options)


DOORS = [
    OpenDoor("tcp"),
    OpenDoor("tcp", "aes-cbc"),
    OpenDoor("tcp", "ftaes-ecb"),
    OpenDoor("ws"),
    OpenDoor("wss"),
    OpenDoor("memory"),
]


# ---- what comes through them

NOW = 1_700_000_000.0
SEED = 7


def opend_at(door: OpenDoor, **options: object) -> Simulator:
    """A simulator with this door whose figures stand still."""
    return door.opend(**{"seed": SEED, "now": lambda: NOW, **options})


def amounts(got: aiocapdist.CapitalDistribution) -> tuple[float | None, ...]:
    """All eight of them."""
    return (
        *(got.capital_in_super, got.capital_in_big, got.capital_in_mid, got.capital_in_small),
        *(got.capital_out_super, got.capital_out_big, got.capital_out_mid, got.capital_out_small),
    )


def made(code: str) -> tuple[float, ...]:
    """What such a simulator has to say about a code, without asking it."""
    return tuple(figures(code, SEED, NOW)[:8])


def asked(opend: Simulator) -> list[str | None]:
    """The codes that it was asked about, in order."""
    return [request.code for request in opend.requests if request.proto_id == 3212]
