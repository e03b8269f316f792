"""Every text of the troubleshooting page is what a user really sees.

Each error is provoked here. Its text, with the test's ports and paths replaced by those of the
page, must stand below a heading; and every text that stands there must be provoked.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist._pb import keep_alive_pb2
from aiocapdist.quota import FileQuota, RedisQuota
from aiocapdist.quota._file import store
from aiocapdist.simulator import Fault, Faults, Simulator

from ..quota.redis.servers import REASON, binary, running
from ..support.damage import with_last_byte_altered
from ..support.internals import forget_warnings
from ..support.ports import kept_port
from ..support.scripted_server import ScriptedServer
from ..support.transports import Transport, rsa_pem, server_tls
from ..support.waiting import until
from .pages import DOCS

PAGE = DOCS / "troubleshooting.md"
TEXTS = re.findall(r"^### .+\n\n```text\n(.+)\n```$", PAGE.read_text("utf-8"), re.M)

Provoke = Callable[[Path], Awaitable[object]]
PROVOKED: dict[str, Provoke] = {}


def text(start: str) -> Callable[[Provoke], Provoke]:
    """Register what provokes the one text that starts like this."""

    def register(provoke: Provoke) -> Provoke:
        (whole,) = [each for each in TEXTS if each.startswith(start)]
        assert whole not in PROVOKED
        PROVOKED[whole] = provoke
        return provoke

    return register


def as_on_the_page(text: str, home: Path) -> str:
    """Replace ports and folders by those of the page."""
    text = text.replace(str(home), "/home/me")
    text = re.sub(r"(127\.0\.0\.1|is)(:| )(\d{4,5})\b", _usual_port, text)
    text = re.sub(r"nothing for (?:3\d|4[01])\.\d s", "nothing for 41.1 s", text)
    return re.sub(r"about (?:2\d|30)\.\d s", "about 30.0 s", text)


_WEBSOCKET_PORTS: set[int] = set()
_REDIS_PORTS: set[int] = set()


def _usual_port(match: re.Match[str]) -> str:
    port = int(match[3])
    port = 33333 if port in _WEBSOCKET_PORTS else 6379 if port in _REDIS_PORTS else 11111
    return f"{match[1]}{match[2]}{port}"


@pytest.mark.parametrize("shown", TEXTS, ids=lambda shown: shown[:60])
def test_each_text_is_what_a_user_sees(
    shown: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forget_warnings()
    for ports in (_WEBSOCKET_PORTS, _REDIS_PORTS):
        ports.clear()  # another server may have the port of one that has ended
    provoke = PROVOKED[shown]

    async def see() -> str:
        try:
            async with asyncio.timeout(20):
                await provoke(tmp_path)
        except Exception as error:
            return str(error)
        raise AssertionError("nothing was raised")

    with caplog.at_level(logging.WARNING, "aiocapdist"):
        seen = [as_on_the_page(asyncio.run(see()), tmp_path)]
    seen += [as_on_the_page(record.getMessage(), tmp_path) for record in caplog.records]
    assert shown in seen


def test_every_text_stands_once_and_is_provoked() -> None:
    assert len(TEXTS) == len(set(TEXTS))
    assert set(PROVOKED) == set(TEXTS)


async def connect(*where: Any, **options: Any) -> None:
    async with aiocapdist.connect(*where, **options):
        pass


async def ask(client: aiocapdist.Client, code: str = "HK.00700", **options: Any) -> None:
    await client.capital_distribution(code, **options)


# ---- codes


@text("invalid code 'hk.00700'")
async def lower_case(home: Path) -> None:
    aiocapdist.Security.parse("hk.00700")


@text("invalid code '00700'")
async def no_market(home: Path) -> None:
    aiocapdist.Security.parse("00700")


# ---- connecting


@text("cannot connect to OpenD at 127.0.0.1:11111: the connection was refused")
async def refused(home: Path) -> None:
    with kept_port() as port:
        await connect("127.0.0.1", port)


@text("cannot connect to OpenD at opend.invalid:11111")
async def no_such_host(home: Path) -> None:
    await connect("opend.invalid")


@text("cannot connect to OpenD at 127.0.0.1:11111: the handshake failed: no reply")
async def silence(home: Path) -> None:
    async def hush(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hush, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await connect("127.0.0.1", port, connect_timeout=0.8)


@text("cannot connect to OpenD at 127.0.0.1:11111: the handshake failed: the peer speaks")
async def another_protocol(home: Path) -> None:
    async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(http, "127.0.0.1", 0) as server:
        await connect("127.0.0.1", server.sockets[0].getsockname()[1])


# ---- encryption


@text(
    "cannot connect to OpenD at 127.0.0.1:11111: the handshake failed: OpenD closed the "
    "connection; check that OpenD has"
)
async def another_key(home: Path) -> None:
    async with Simulator(rsa_key=rsa_pem()) as opend:
        await connect("127.0.0.1", opend.port, rsa_key=rsa_pem(number=1))


@text(
    "cannot connect to OpenD at 127.0.0.1:11111: the handshake failed: OpenD closed the "
    "connection; check that this is"
)
async def opend_encrypts(home: Path) -> None:
    async with Simulator(rsa_key=rsa_pem()) as opend:
        await connect("127.0.0.1", opend.port)


@text("unusable rsa_key: the file /home/me/key.pem cannot be read")
async def no_key_file(home: Path) -> None:
    await connect(rsa_key=home / "key.pem")


@text("unusable rsa_key: the file /home/me/key.pem holds no usable key: it holds no private key")
async def public_key(home: Path) -> None:
    (home / "key.pem").write_text("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n")
    await connect(rsa_key=home / "key.pem")


@text("the RSA key file /home/me/key.pem can be read by others")
async def readable_key(home: Path) -> None:
    (home / "key.pem").write_bytes(rsa_pem())
    (home / "key.pem").chmod(0o644)
    async with Simulator() as opend:
        await connect("127.0.0.1", opend.port, rsa_key=home / "key.pem")


@text("the connection to opend.invalid is not encrypted")
async def in_the_clear(home: Path) -> None:
    await connect("opend.invalid")


# ---- WebSocket


@text("cannot connect to OpenD at 127.0.0.1:33333: OpenD refused: wrong key")
async def wrong_websocket_key(home: Path) -> None:
    async with Simulator(websocket=True, websocket_key="right") as opend:
        _WEBSOCKET_PORTS.add(opend.websocket_port)
        url = f"ws://127.0.0.1:{opend.websocket_port}"
        await connect(url, websocket_key="wrong")


@text("cannot connect to OpenD at 127.0.0.1:33333: its certificate is not trusted")
async def unknown_certificate(home: Path) -> None:
    async with Simulator(websocket=True, ssl_context=server_tls()) as opend:
        _WEBSOCKET_PORTS.add(opend.websocket_port)
        await connect(f"wss://127.0.0.1:{opend.websocket_port}")


@text("cannot connect to OpenD at 127.0.0.1:33333: the handshake failed")
async def tls_is_on(home: Path) -> None:
    async with Simulator(websocket=True, ssl_context=server_tls()) as opend:
        _WEBSOCKET_PORTS.add(opend.websocket_port)
        await connect(f"ws://127.0.0.1:{opend.websocket_port}")


@text("connection to OpenD lost: OpenD behind its WebSocket service is gone")
async def behind_the_door(home: Path) -> None:
    async with Simulator(websocket=True, latency=30.0) as opend:
        url = f"ws://127.0.0.1:{opend.websocket_port}"
        async with aiocapdist.connect(url, reconnect=False) as client:
            asking = asyncio.create_task(ask(client))
            await until(lambda: client.status.calls == 1)
            opend.push(2, b"")
            await asking


# ---- calls


@text("connection to OpenD lost: OpenD closed the connection")
async def lost(home: Path) -> None:
    async with (
        Simulator(faults=Faults(script=[Fault.CLOSE])) as opend,
        aiocapdist.connect(port=opend.port, attempts=1) as client,
    ):
        await ask(client)


@text("connection to OpenD lost: a message could not be decrypted")
async def altered(home: Path) -> None:
    transport = Transport("tcp", "aes-cbc")
    async with (
        transport.simulator(faults=Faults(script=[Fault.BAD_DIGEST])) as opend,
        transport.connect(opend, attempts=1) as client,
    ):
        await ask(client)


@text("no reply to request 3212 about HK.00700")
async def no_reply(home: Path) -> None:
    async with (
        Simulator(faults=Faults(script=[Fault.DROP])) as opend,
        aiocapdist.connect(port=opend.port, attempts=1, request_timeout=0.1) as client,
    ):
        await ask(client)


@text("HK.99999: OpenD answered -1")
async def unknown(home: Path) -> None:
    async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
        await ask(client, "HK.99999")


@text("US..DJI: OpenD answered -1")
async def unsupported(home: Path) -> None:
    async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
        await ask(client, "US..DJI")


@text("HK.00700: OpenD answered -1: NN_ProtoRet_TimeOut")
async def backend(home: Path) -> None:
    async with (
        Simulator(faults=Faults({Fault.GATEWAY_ERROR: 1.0})) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):
        await ask(client)


@text("the reply about HK.00700 reports success but holds no figures")
async def no_figures(home: Path) -> None:
    async with ScriptedServer() as server, server.connect() as client:
        peer = await server.accept()
        asking = asyncio.create_task(ask(client))
        asked = await peer.next()
        await peer.reply(asked, keep_alive_pb2.Response(retType=0))
        await asking


@text("OpenD answered -1: 获取资金分布频率太高")
async def too_frequent(home: Path) -> None:
    async with (
        Simulator(faults=Faults({Fault.REFUSE: 1.0})) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):
        message = keep_alive_pb2.Request(c2s=keep_alive_pb2.C2S(time=0))
        await client.request(4000, message, keep_alive_pb2.Response)


@text("the quota allows this call in about 30.0 s")
async def too_long(home: Path) -> None:
    quota = aiocapdist.Quota(1, 30.0)
    async with Simulator() as opend, aiocapdist.connect(port=opend.port, quota=quota) as client:
        await ask(client)
        await ask(client, "HK.00005", max_wait=5)


# ---- a shared quota


async def connect_by(quota: aiocapdist.Quota) -> None:
    async with Simulator() as opend:
        await connect("127.0.0.1", opend.port, quota=quota)


@text("the quota at /home/me/capdist.quota cannot be used: it is for 30 calls")
async def other_numbers(home: Path) -> None:
    """While tokens are in use: a ledger that is free takes over other numbers."""
    async with (
        Simulator() as opend,
        aiocapdist.connect(port=opend.port, quota=FileQuota(home / "capdist.quota")) as client,
    ):
        await client.capital_distribution("HK.00700")
        await connect_by(FileQuota(home / "capdist.quota", 20))


@text("the quota at /home/me/watchlist.txt")
async def no_ledger(home: Path) -> None:
    (home / "watchlist.txt").write_text("HK.00700\n" * 10)
    await connect_by(FileQuota(home / "watchlist.txt"))


@text("the quota at /home/me/none/capdist.quota")
async def no_folder(home: Path) -> None:
    await connect_by(FileQuota(home / "none" / "capdist.quota"))


@text("the quota at /home/me/capdist.quota cannot be used: another program")
async def locked_for_long(home: Path) -> None:
    import fcntl

    await connect_by(FileQuota(home / "capdist.quota"))
    with (home / "capdist.quota").open() as locked, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(locked, fcntl.LOCK_EX)
        patch.setattr(store, "BETWEEN_CHECKS", 0.0)
        await connect_by(FileQuota(home / "capdist.quota"))


@text("the ledger /home/me/capdist.quota is damaged")
async def damaged(home: Path) -> None:
    path = home / "capdist.quota"
    await connect_by(FileQuota(path))
    path.write_bytes(with_last_byte_altered(path.read_bytes()))
    await connect_by(FileQuota(path))
    raise LookupError("connecting succeeds; the log tells")


@asynccontextmanager
async def redis(*options: str) -> AsyncIterator[str]:
    """Return the URL of a server on a port of its own."""
    if binary() is None:
        pytest.skip(REASON)
    with kept_port() as port, running(*options, port=port) as server:
        _REDIS_PORTS.add(port)
        server.warm("key")
        yield f"redis://127.0.0.1:{port}/0"


@text("the quota at redis://127.0.0.1:6379/0 cannot be used: it rejects the user or the password")
async def no_password(home: Path) -> None:
    async with redis() as url:
        await connect_by(RedisQuota(url.replace("//", "//:wrong@"), "key"))


@text("the quota at redis://127.0.0.1:6379/0 cannot be used: other programs use this key")
async def other_terms(home: Path) -> None:
    async with redis() as url, Simulator() as opend:
        quota = RedisQuota(url, "key")
        async with aiocapdist.connect(port=opend.port, quota=quota) as client:
            await ask(client)
            await connect_by(RedisQuota(url, "key", 20))


@text("the quota at redis://127.0.0.1:6379/0 cannot be used: redis-py")
async def on_trio(home: Path) -> None:
    def run() -> None:
        anyio.run(connect_by, RedisQuota("redis://127.0.0.1:6379/0"), backend="trio")

    _REDIS_PORTS.add(6379)
    await asyncio.to_thread(run)


@text("the quota at redis://127.0.0.1:6379/0: recent use is not known")
async def new_key(home: Path) -> None:
    async with redis() as url, Simulator() as opend:
        quota = RedisQuota(url, "another")
        async with aiocapdist.connect(port=opend.port, quota=quota) as client:
            async for event in client.events():
                if isinstance(event, aiocapdist.QuotaDegraded):
                    raise LookupError(event.reason)


@text("the client is closed")
async def closed(home: Path) -> None:
    async with Simulator() as opend:
        async with aiocapdist.connect(port=opend.port) as client:
            pass
        await ask(client)
