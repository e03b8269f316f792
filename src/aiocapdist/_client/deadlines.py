"""Bounds on how long a call may wait."""

from __future__ import annotations

import math

import anyio

from .._requests.queue import RequestQueue
from .._requests.request import Request, T
from ..errors import QuotaWaitTooLong
from .observers import Observers


async def submit(
    request: Request[T],
    queue: RequestQueue,
    timeout: float | None,
    observers: Observers | None = None,
) -> T:
    """Submit a request that no other call shares, wait for it, and notify the observers."""
    try:
        try:
            queue.submit(request)
        except BaseException:
            request.cancel_if_unwanted()
            raise
        return request.result() if request.done else await wait_for(request, timeout)
    finally:
        if observers:
            observers.done(request)


async def wait_for(request: Request[T], timeout: float | None, max_wait: float | None = None) -> T:
    """Wait for a request that is not done, for ``timeout`` seconds at most.

    ``max_wait`` limits the time that it is queued. Raises RequestTimeout, QuotaWaitTooLong.
    """
    if max_wait is not None and request.flight is None:
        return await _wait_queued(request, timeout, max_wait)
    if timeout is None:
        return await request.wait()
    return await _wait(request, timeout, None)


async def _wait_queued(request: Request[T], timeout: float | None, max_wait: float) -> T:
    eta = request.queue.eta(request)
    if math.isfinite(eta) and eta > max_wait:
        request.cancel_if_unwanted()
        raise QuotaWaitTooLong(eta, max_wait)
    queue = request.queue
    with anyio.CancelScope(deadline=queue.hub.clock() + max_wait) as scope:
        return await _wait(request, timeout, scope)
    trouble = None if queue.is_offline else queue.trouble
    if trouble is not None:
        raise QuotaWaitTooLong(math.inf, max_wait, trouble.reason)
    raise QuotaWaitTooLong(eta, max_wait)


async def _wait(
    request: Request[T], timeout: float | None, while_queued: anyio.CancelScope | None
) -> T:
    if timeout is None:
        return await request.wait(while_queued)
    from .._requests.interruption import Interruption  # most calls have no timeout

    interruption = Interruption()
    with anyio.CancelScope(deadline=request.queue.hub.clock() + timeout):
        return await request.wait(while_queued, interruption.note)
    raise interruption.error(request.proto_id, timeout, request.code)
