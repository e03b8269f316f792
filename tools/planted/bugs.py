"""Known bugs of other clients, each as replacements in this library's sources."""

from __future__ import annotations

from typing import NamedTuple

KNOWN = "tests/promises/test_known_bugs.py"


class Edit(NamedTuple):
    """One replacement. ``old`` stands exactly once in the file."""

    path: str
    old: str
    new: str


class Bug(NamedTuple):
    """A bug, whose it is, and the tests that must fail with it."""

    story: str
    edits: tuple[Edit, ...]
    rejected_by: tuple[str, ...]


BUGS = {
    "buffer-kept": Bug(
        "The vendor's SDK: the receive buffer outlives the connection, so that half a frame of the "
        "old connection stands before the first bytes of the new one.",
        (
            Edit(
                "src/aiocapdist/_connection/endpoint.py",
                "        return Endpoint(connector, make_codec, key is not None)\n",
                "        codec = make_codec()\n"
                "        return Endpoint(connector, lambda: codec, key is not None)\n",
            ),
        ),
        (KNOWN,),
    ),
    "left-pending": Bug(
        "FutuApiAsync: when the connection is lost, calls that wait for a reply are not told.",
        (
            Edit(
                "src/aiocapdist/_connection/connection.py",
                "            _request_of(flight).lost(flight, cause)\n",
                "            assert flight.serial\n",
            ),
        ),
        ("tests/_connection/test_losing.py",),
    ),
    "reader-starved": Bug(
        "redis-rs 1955: while a write waits for a peer that does not read, nothing is read either. "
        "A peer that waits for us to read then waits for ever.",
        (
            Edit(
                "src/aiocapdist/_transports/stream.py",
                "        self._scope = anyio.CancelScope()\n",
                "        self._scope = anyio.CancelScope()\n        self._turn = anyio.Lock()\n",
            ),
            Edit(
                "src/aiocapdist/_transports/stream.py",
                "                receive([await self._stream.receive(READ_SIZE)])\n",
                "                data = await self._stream.receive(READ_SIZE)\n"
                "                async with self._turn:\n"
                "                    receive([data])\n",
            ),
            Edit(
                "src/aiocapdist/_transports/stream.py",
                '                    await self._stream.send(b"".join(data))\n',
                "                    async with self._turn:\n"
                '                        await self._stream.send(b"".join(data))\n',
            ),
        ),
        (KNOWN,),
    ),
    "reply-to-the-next-caller": Bug(
        "redis-py 4.5.1 (CVE-2023-28858): a cancelled call left its reply in the connection, and "
        "the next caller read it. Here, the next request gets the cancelled one's serial.",
        (
            Edit(
                "src/aiocapdist/_protocol/session.py",
                "        self._add_tombstone(flight)\n        return True\n",
                "        self._serials = serials_after(flight.serial - 1)\n        return True\n",
            ),
        ),
        (KNOWN, "tests/_protocol/test_session_cancel.py"),
    ),
    "serial-guessed": Bug(
        "nats.go: a reply that matched no request was given to the only request in flight.",
        (
            Edit(
                "src/aiocapdist/_protocol/session.py",
                "                flight = in_flight.get(serial)\n",
                "                flight = in_flight.get(serial)\n"
                "                if flight is None and len(in_flight) == 1:\n"
                "                    flight = next(iter(in_flight.values()))\n"
                "                    serial = flight.serial\n",
            ),
        ),
        ("tests/_protocol/test_session_replies.py",),
    ),
    "shielded-wait": Bug(
        "redis-py 4.5.3: its first fix of the bug above shielded the call from cancellation, so "
        "that cancelling hung while the server was silent.",
        (
            Edit(
                "src/aiocapdist/_requests/request.py",
                "        try:\n            await waiter\n",
                "        try:\n"
                "            with anyio.CancelScope(shield=True):\n"
                "                await waiter\n",
            ),
        ),
        (KNOWN,),
    ),
    "token-expires-from-sending": Bug(
        "Most limiters, aiolimiter among them: a token's period begins when the request is sent, "
        "though the server may count the request as late as its reply.",
        (
            Edit(
                "src/aiocapdist/_requests/request.py",
                "            flight.route.quota.replied(at)\n            self._finish()\n",
                "            flight.route.quota.replied(flight.sent_at)\n"
                "            self._finish()\n",
            ),
        ),
        ("tests/virtual/test_quota_in_time.py",),
    ),
    "token-free-at-cancel": Bug(
        "Limiters around a call, as `async with limiter:`: a cancelled call gives its token back "
        "although the request was sent and is counted.",
        (
            Edit(
                "src/aiocapdist/_requests/request.py",
                "        elif not flight.route.link.cancel(flight):\n"
                "            unused = flight.route.quota\n",
                "        else:\n"
                "            flight.route.link.cancel(flight)\n"
                "            unused = flight.route.quota\n",
            ),
        ),
        ("tests/_client/test_cancelling.py",),
    ),
}

# Mistakes that this library's own queue could make, and that once went unnoticed.
OWN_BUGS = {
    "load-ignored": Bug(
        "A single call goes to the first gateway that is connected, however much it has to do.",
        (
            Edit(
                "src/aiocapdist/_requests/routes.py",
                "        if len(routes) < 2:\n",
                "        if routes:\n",
            ),
        ),
        ("tests/_requests/test_queue.py", "tests/_client/test_group.py"),
    ),
    "not-put-back": Bug(
        "If sending raises, the request is dropped instead of put back.",
        (
            Edit(
                "src/aiocapdist/_requests/queue.py",
                "            self.put_back(request)  # a fault of ours must not cost a caller the "
                "answer\n            raise\n",
                "            raise\n",
            ),
        ),
        ("tests/_requests/test_queue.py",),
    ),
    "token-kept": Bug(
        "If sending raises, the token stays held for good.",
        (
            Edit(
                "src/aiocapdist/_requests/queue.py",
                "                    route.quota.release()\n                    raise\n",
                "                    raise\n",
            ),
        ),
        ("tests/_requests/test_queue.py",),
    ),
    "granted-kept": Bug(
        "If sending raises, the tokens granted with it stay held for good.",
        (
            Edit(
                "src/aiocapdist/_requests/queue.py",
                "            place.quota.release(left)\n            raise\n",
                "            raise\n",
            ),
        ),
        ("tests/_requests/test_queue.py",),
    ),
    "places-kept": Bug(
        "A queue that has become empty stays in the quota's line.",
        (
            Edit(
                "src/aiocapdist/_requests/queue.py",
                "        if not self._has_pending():\n            self._leave_all()\n",
                "        return\n",
            ),
        ),
        ("tests/_requests/test_queue.py",),
    ),
    "backoff-deaf": Bug(
        "The backoff ignores that a connection answered requests: only one that lived for ten "
        "seconds was a good one, so a link that breaks every nine is punished.",
        (
            Edit(
                "src/aiocapdist/_protocol/backoff.py",
                "        good = answered or seconds >= STABLE\n",
                "        good = seconds >= STABLE\n",
            ),
        ),
        ("tests/_protocol/test_backoff.py", "tests/promises/test_bad_link.py"),
    ),
    "fork-inherits-lock": Bug(
        "A forked child inherits the ledger's open file, and with it a lock that its parent holds.",
        (
            Edit(
                "src/aiocapdist/quota/_file/ledger_file.py",
                'the child\'s as well."""\n        self.close()\n',
                'the child\'s as well."""\n',
            ),
        ),
        ("tests/quota/file/test_ledger_file.py",),
    ),
    "fork-inherits-keeper": Bug(
        "A forked child inherits the quota's clients, its keeper task among them, which nobody "
        "runs there: the child's own client waits for ever.",
        (
            Edit(
                "src/aiocapdist/quota/_core/scheduler.py",
                "        self.store.after_fork(self._clock())\n        self._drop_clients()\n",
                "        self.store.after_fork(self._clock())\n",
            ),
        ),
        ("tests/quota/test_loops.py",),
    ),
    "ledger-starts-free": Bug(
        "A ledger that was deleted while it was used is made anew with all its tokens free.",
        (
            Edit(
                "src/aiocapdist/quota/_file/ledger_file.py",
                "            contents.cold_until = boot_clock() + self._cold\n"
                "        if self._contents is not None:\n"
                "            contents.merge(self._contents)\n",
                "            pass\n",
            ),
        ),
        ("tests/promises/test_ledger_swapped.py", "tests/quota/file/test_ledger_file.py"),
    ),
    "last-attempts-together": Bug(
        "Last attempts are made together: a request at which OpenD hangs up each time takes those "
        "in flight beside it along.",
        (
            Edit(
                "src/aiocapdist/_requests/request.py",
                "            self.queue.hub.last_attempts.put_back(self)\n",
                "            self.queue.put_back(self)\n",
            ),
        ),
        ("tests/_requests/test_last_attempts.py",),
    ),
    "closing-stops": Bug(
        "Closing stops at its first exception, so that a Ctrl-C leaves the rest undone.",
        (
            Edit(
                "src/aiocapdist/_connection/hub.py",
                "            first = first or error\n",
                "            raise error\n",
            ),
            Edit(
                "src/aiocapdist/_connection/hub.py",
                "            self.stop()  # completes what an interrupt left undone\n",
                "",
            ),
        ),
        ("tests/promises/test_interrupted_closing.py",),
    ),
}
