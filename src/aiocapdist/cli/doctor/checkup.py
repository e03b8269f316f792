"""All checks, in order, each finding reported as it comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import anyio

from ..._client.client import Client
from ..._client.connect import Connecting
from ..._connection.address import Address, parse_address
from ..._connection.environment import ADDRESS, HOST, PORT, variable
from ...errors import AiocapdistError, ConnectError
from ...models import GlobalState
from ...quota import Quota
from ..language import tr
from ..options import ConnectionOptions, QuotaOptions
from . import figures, opend_state, reaching
from . import findings as check
from .findings import Finding
from .masking import Masker
from .quota import check_quota

_ORDER = (
    check.NAME,
    check.PORT,
    check.LISTENER,
    check.HANDSHAKE,
    check.KEY,
    check.VERSION,
    check.LOGIN,
    check.RIGHTS,
    check.MARKETS,
    check.CLOCK,
    check.FIGURE,
    check.FRESHNESS,
    check.QUOTA,
)
WhileConnected = Callable[[Client], Awaitable[None]]


class Checkup:
    """The checks of one OpenD; ``add`` is called with each finding.

    ``code`` is the security whose figures are asked for; None chooses one. ``timeout`` is in
    seconds, for each step. ``rate`` is the limit of OpenD, as calls and seconds, if it is not
    the usual one: then calls are counted here alone. ``utc_now`` is this machine's clock.
    """

    def __init__(
        self,
        connection: ConnectionOptions,
        quota: QuotaOptions,
        *,
        add: Callable[[Finding], None],
        masker: Masker,
        code: str | None = None,
        timeout: float = 10.0,
        rate: tuple[int, float] | None = None,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connection = connection
        self._quota_options = quota
        self._add = add
        self._masker = masker
        self._code = code
        self._timeout = timeout
        self._quota = None if rate is None else Quota(*rate)
        self._utc_now = utc_now
        self._address: Address = parse_address(connection.opend, None)
        self.findings: list[Finding] = []

    async def run(self, while_connected: WhileConnected | None = None) -> None:
        """Run all checks; then ``while_connected``, unless one failed.

        Raises ValueError for options that exclude each other, before anything is checked.
        """
        # First, since a quota that cannot be used must not be spent past; shown last.
        standing = await check_quota(self._quota_options, self._connection.opend)
        if self._quota is not None:
            standing = Finding(
                check.QUOTA, "skipped", tr("this run counts its calls alone: --rate")
            )
        self._hide(self._address.host, "<host>")
        try:
            if await self._reach():
                await self._connect(standing, while_connected)
        except AiocapdistError as error:
            text, advice = reaching.text_of(error)
            missing = next(name for name in _ORDER if name not in self._reported)
            self.report(Finding(missing, "failed", text, advice or tr("run it again")))
        self._skip_up_to(check.QUOTA)
        if check.QUOTA not in self._reported:
            self.report(standing)

    def connect(self, address: str | None = None) -> Connecting:
        """Return another connection with the same options and quota, to this address if given.

        Raises ValueError for a wrong address.
        """
        options = self._connection
        if address is not None:
            self._hide(parse_address(address, None).host, "<second host>")
            options = ConnectionOptions(
                address=address, rsa_key=options.rsa_key, websocket_key=options.websocket_key
            )
        return options.connect(
            self._quota,
            reconnect=False,
            attempts=1,
            connect_timeout=self._timeout,
            request_timeout=self._timeout,
        )

    def _hide(self, host: str, placeholder: str) -> None:
        self._masker.hide(host, placeholder)
        self._masker.hide(quote(host, safe=""), placeholder)  # in the name of the quota's file

    @property
    def _reported(self) -> set[str]:
        return {finding.check for finding in self.findings}

    def report(self, finding: Finding) -> None:
        """Take in a finding."""
        self.findings.append(finding)
        self._add(finding)

    def _skip_up_to(self, last: str) -> None:
        for name in _ORDER[: _ORDER.index(last)]:
            if name not in self._reported:
                self.report(Finding(name, "skipped", tr("not checked: an earlier check failed")))

    async def _reach(self) -> bool:
        name, addresses = await reaching.check_name(self._address, self._timeout)
        self._masker.hide_addresses(addresses)
        self.report(replace(name, text=name.text + _origin(self._connection)))
        if not addresses:
            return False
        port = await reaching.check_port(self._address, addresses, self._timeout)
        self.report(port)
        return port.state != "failed"

    async def _connect(self, quota: Finding, while_connected: WhileConnected | None) -> None:
        key = await self._key()
        if key.state == "failed":
            self.report(Finding(check.LISTENER, "skipped", tr("not asked: the key cannot be used")))
            self.report(
                Finding(check.HANDSHAKE, "skipped", tr("not tried: the key cannot be used"))
            )
            self.report(key)
            return
        usable = quota.state != "failed"
        if usable and self._quota is None:
            self._quota = self._quota_options.make_quota(self._connection.opend)
        began = anyio.current_time()
        try:
            with reaching.captured_warnings() as warnings:
                async with self.connect() as client:
                    self._masker.hide(client.status.login_user_id, "<user id>")
                    self.report(reaching.check_listener())
                    seconds = anyio.current_time() - began
                    shown = [] if self._connection.rsa_key else warnings
                    self.report(reaching.check_handshake(client, seconds, shown))
                    self.report(reaching.after_handshake(key))
                    await self._check_opend(client, spend=usable)
                    self._skip_up_to(check.QUOTA)
                    self.report(quota)
                    if while_connected is not None:
                        await self._go_on(client, while_connected)
        except ConnectError as error:
            for finding in await reaching.explain_failure(error, self._address):
                self.report(finding)
            self.report(key)

    async def _go_on(self, client: Client, while_connected: WhileConnected) -> None:
        if all(finding.state != "failed" for finding in self.findings):
            await while_connected(client)
        else:
            self.report(Finding(check.PROBE, "skipped", tr("not begun, since a check failed")))

    async def _key(self) -> Finding:
        address, options = self._address, self._connection
        if options.rsa_key is not None and address.scheme == "tcp":
            return await reaching.check_rsa_key(options.rsa_key)
        return reaching.check_no_rsa_key(address, options.websocket_key)

    async def _check_opend(self, client: Client, *, spend: bool) -> None:
        asked = self._utc_now()
        state = await client.global_state(timeout=self._timeout)
        answered = self._utc_now()
        info = await opend_state.ask_user_info(client, self._timeout)
        self.report(opend_state.check_version(state, info))
        self.report(opend_state.check_login(state))
        self.report(opend_state.check_rights(info))
        self.report(opend_state.check_markets(state))
        self.report(opend_state.check_clock(state, asked, answered))
        if not spend:
            text = tr("not asked: without the quota it might be one call too many")
            self.report(Finding(check.FIGURE, "skipped", text))
            return
        code = self._code or figures.choose_code(state, opend_state.rights_of(info))
        await self._check_figure(client, code, state, self._utc_now() - answered)

    async def _check_figure(
        self, client: Client, code: str, state: GlobalState, since_state: timedelta
    ) -> None:
        began = self._utc_now()
        figure, value = await figures.check_figure(client, code, self._timeout)
        self.report(figure)
        if value is not None:
            now = state.server_time + since_state + (self._utc_now() - began)
            self.report(figures.check_freshness(value, state, now, code))


def _origin(options: ConnectionOptions) -> str:
    """Say which environment variables the address is from, if it is from any."""
    if not options.is_default:
        return ""
    names = (ADDRESS,) if variable(ADDRESS) else (HOST, PORT)
    used = tr(" and ").join(name for name in names if variable(name))
    return tr("; from {names}", names=used) if used else ""
