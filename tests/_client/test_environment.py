"""Environment variables say what ``connect()`` is not told; arguments win."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import InvalidKey, Quota, RedisQuota
from aiocapdist.simulator import Simulator

from ..quota.redis.servers import needs_redis, running
from ..support.internals import opend_of
from ..support.transports import rsa_pem

NOWHERE = "redis://nobody.invalid"
HERE = "127.0.0.1:11111"


@pytest.mark.parametrize(
    ("arguments", "variables", "meant"),
    [
        ({}, {}, HERE),
        ({}, {"AIOCAPDIST_ADDRESS": "a"}, "a:11111"),
        ({}, {"AIOCAPDIST_ADDRESS": "ws://a"}, "a:33333"),
        ({}, {"AIOCAPDIST_ADDRESS": "a:5", "FUTU_OPEND_HOST": "b", "FUTU_OPEND_PORT": "7"}, "a:5"),
        ({}, {"FUTU_OPEND_HOST": "b", "FUTU_OPEND_PORT": "7"}, "b:7"),
        ({}, {"FUTU_OPEND_HOST": "b"}, "b:11111"),
        ({}, {"FUTU_OPEND_PORT": "7"}, "127.0.0.1:7"),
        ({}, {"AIOCAPDIST_ADDRESS": "", "FUTU_OPEND_HOST": "", "FUTU_OPEND_PORT": ""}, HERE),
        ({"address": "c"}, {"AIOCAPDIST_ADDRESS": "a:5", "FUTU_OPEND_PORT": "7"}, "c:11111"),
        ({"host": "c"}, {"AIOCAPDIST_ADDRESS": "a:5", "FUTU_OPEND_PORT": "7"}, "c:11111"),
        ({"port": 9}, {"AIOCAPDIST_ADDRESS": "a:5", "FUTU_OPEND_HOST": "b"}, "127.0.0.1:9"),
        ({"host": "c", "port": 9}, {"FUTU_OPEND_HOST": "b"}, "c:9"),
        ({"host": "c:9"}, {}, "c:9"),
        ({"port": 9}, {"FUTU_OPEND_PORT": "nonsense"}, "127.0.0.1:9"),
    ],
    ids=str,
)
def test_where_opend_is(
    arguments: dict[str, Any],
    variables: dict[str, str],
    meant: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert opend_of(aiocapdist.connect(**arguments)) == meant


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"AIOCAPDIST_ADDRESS": "http://a"},
            "AIOCAPDIST_ADDRESS: invalid address 'http://a': unknown scheme 'http'",
        ),
        (
            {"AIOCAPDIST_ADDRESS": "tcp://user:sentinel@a/b"},
            "AIOCAPDIST_ADDRESS: invalid address 'a/b': it has parts beyond host and port",
        ),
        ({"FUTU_OPEND_HOST": "a b"}, "FUTU_OPEND_HOST: invalid address 'a b': it names no host"),
        (
            {"FUTU_OPEND_PORT": "eleven"},
            "FUTU_OPEND_PORT must be a number from 1 to 65535, not 'eleven'",
        ),
        ({"FUTU_OPEND_PORT": "0"}, "FUTU_OPEND_PORT must be a number from 1 to 65535, not '0'"),
        ({"FUTU_OPEND_PORT": "٣"}, "FUTU_OPEND_PORT must be a number from 1 to 65535"),
        (
            {"FUTU_OPEND_HOST": "a:5", "FUTU_OPEND_PORT": "6"},
            "FUTU_OPEND_HOST: address 'a:5' says port 5, and port=6 was given too",
        ),
        (
            {"AIOCAPDIST_REDIS": "http://user:sentinel@a"},
            "AIOCAPDIST_REDIS: url is the address of a Redis server: redis://host:6379/0",
        ),
    ],
    ids=str,
)
def test_a_wrong_value_is_told_with_its_variable(
    variables: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="^(AIOCAPDIST|FUTU)") as error:
        aiocapdist.connect()
    assert str(error.value).startswith(told)
    assert "sentinel" not in str(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__


def test_address_and_host_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="address and host both say where OpenD is: leave out one"):
        aiocapdist.connect("a", host="b")
    with pytest.raises(TypeError, match="host is a string, not int"):
        aiocapdist.connect(host=5)  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(rsa_pem())
    key.chmod(0o600)
    with anyio.fail_after(10):
        async with Simulator(rsa_key=rsa_pem(), websocket=True, websocket_key="sesame") as opend:
            monkeypatch.setenv("AIOCAPDIST_RSA_KEY", str(key))
            monkeypatch.setenv("AIOCAPDIST_WEBSOCKET_KEY", "sesame")
            monkeypatch.setenv("FUTU_OPEND_PORT", str(opend.port))
            async with aiocapdist.connect() as client:
                assert (client.status.transport, client.status.encrypted) == ("tcp", True)
            address = f"ws://127.0.0.1:{opend.websocket_port}"
            monkeypatch.setenv("AIOCAPDIST_ADDRESS", address)
            async with aiocapdist.connect() as client:
                assert client.status.transport == "ws"
                assert (await client.capital_distribution("HK.00700")).code == "HK.00700"


@pytest.mark.anyio
async def test_arguments_win_over_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOCAPDIST_RSA_KEY", "/no/such/file")
    monkeypatch.setenv("AIOCAPDIST_WEBSOCKET_KEY", "wrong")
    with anyio.fail_after(10):
        async with Simulator(rsa_key=rsa_pem(), websocket=True, websocket_key="right") as opend:
            async with aiocapdist.connect(port=opend.port, rsa_key=rsa_pem()) as client:
                assert client.status.encrypted
            address = f"ws://127.0.0.1:{opend.websocket_port}"
            async with aiocapdist.connect(address, websocket_key="right") as client:
                assert client.status.state == "ready"


@pytest.mark.anyio
async def test_a_key_that_cannot_be_used_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIOCAPDIST_RSA_KEY", "/no/such/file")
    with anyio.fail_after(10):
        with pytest.raises(InvalidKey, match="AIOCAPDIST_RSA_KEY: the file /no/such/file cannot"):
            async with aiocapdist.connect("192.0.2.1"):
                pass
        with pytest.raises(InvalidKey, match="unusable rsa_key: the file /no/such/other cannot"):
            async with aiocapdist.connect("192.0.2.1", rsa_key="/no/such/other"):
                pass


@pytest.mark.anyio
async def test_what_is_not_an_address_has_nothing_to_do_with_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIOCAPDIST_RSA_KEY", "/no/such/file")
    monkeypatch.setenv("AIOCAPDIST_REDIS", NOWHERE)
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            assert type(client.quota) is Quota


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@needs_redis
async def test_clients_share_the_quota_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running() as server:
        monkeypatch.setenv("AIOCAPDIST_REDIS", server.url)
        with anyio.fail_after(20):
            async with (
                Simulator() as opend,
                aiocapdist.connect(port=opend.port) as one,
                aiocapdist.connect(port=opend.port) as two,
                aiocapdist.connect(port=opend.port, quota=Quota(5)) as own,
            ):
                assert isinstance(one.quota, RedisQuota)
                assert one.quota is two.quota
                assert one.quota.where == RedisQuota(server.url).where
                assert own.quota.limit == 5


def test_the_variables_are_read_when_connect_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOCAPDIST_ADDRESS", "a")
    connecting = aiocapdist.connect()
    monkeypatch.setenv("AIOCAPDIST_ADDRESS", "b")
    assert opend_of(connecting) == "a:11111"
