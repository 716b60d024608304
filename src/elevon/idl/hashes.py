"""The canonical hash of a message.

It owns what equal content means for identity: type and fields, never the order in which a map was filled. Versions,
cache keys and change warnings are built on it, so a change of its result is a change of every stored version.
"""

import hashlib

from elevon.idl.messages import Message


def digest_of(*messages: Message) -> str:
    """SHA-256 over the types and the content of the messages, as hexadecimal text.

    The same for equal content in every process; unknown fields count, because they may mean something to others.
    """
    digest = hashlib.sha256()
    for message in messages:
        name = message.DESCRIPTOR.full_name.encode()
        content = message.SerializeToString(deterministic=True)
        # Lengths keep two neighbouring parts from being read as one other part.
        digest.update(len(name).to_bytes(8, "big") + name + len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()
