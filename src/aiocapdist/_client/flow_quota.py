"""The quota of capital flow calls where none is given."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ..quota import Quota

_siblings: WeakKeyDictionary[Quota, Quota] = WeakKeyDictionary()


def flow_quota_of(quota: Quota) -> Quota:
    """Return the quota of capital flow calls of the account that ``quota`` counts for.

    It is the same for all clients that share ``quota``.
    """
    sibling = _siblings.get(quota)
    if sibling is None:
        sibling = Quota(quota.limit, quota.period, reserve=quota.reserve, margin=quota.margin)
        _siblings[quota] = sibling
    return sibling
