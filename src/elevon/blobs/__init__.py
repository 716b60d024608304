"""Files by URI. One adapter of `ports.BlobStore` for each kind of place; the URI's scheme says which.

This room owns how bytes become durable at a place. It must never know what they mean.
"""

from elevon.blobs.local_files import LocalBlobStore

__all__ = ["LocalBlobStore"]
