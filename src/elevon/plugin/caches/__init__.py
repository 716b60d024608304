"""Caches of what services know, kept fresh in the background.

This room owns `AutoRefreshCache` and what it is made of: the items (`entries`), when each is due (`refreshes`), the
calls that ask for news (`syncs`). It must never be a truth: whatever it loses comes back from custom state.
"""

from elevon.plugin.caches.caches import AutoRefreshCache, OpenCaches
from elevon.plugin.caches.items import Item, Sync, SyncAction, SyncResponse
from elevon.plugin.caches.options import CacheOptions, CreateBatches, RateLimiter, pages_of

__all__ = [
    "AutoRefreshCache",
    "CacheOptions",
    "CreateBatches",
    "Item",
    "OpenCaches",
    "RateLimiter",
    "Sync",
    "SyncAction",
    "SyncResponse",
    "pages_of",
]
