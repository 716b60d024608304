"""The canonical hash."""

from elevon.idl import hashes, literals
from elevon.idl.messages import LiteralMap, TaskTemplate


def test_the_order_in_which_a_map_was_filled_does_not_count():
    items = {f"key {number}": literals.integer(number) for number in range(50)}
    backwards = dict(reversed(items.items()))
    assert hashes.digest_of(literals.literal_map(items)) == hashes.digest_of(literals.literal_map(backwards))


def test_content_counts():
    assert hashes.digest_of(literals.integer(1)) != hashes.digest_of(literals.integer(2))


def test_the_type_counts():
    assert hashes.digest_of(LiteralMap()) != hashes.digest_of(TaskTemplate())


def test_the_order_and_the_borders_of_messages_count():
    one, two = literals.string("a"), literals.string("b")
    assert hashes.digest_of(one, two) != hashes.digest_of(two, one)
    assert hashes.digest_of(one) != hashes.digest_of(one, LiteralMap())


def test_the_hash_never_changes():
    message = literals.literal_map({"b": literals.string("x"), "a": literals.integer(1)})
    assert hashes.digest_of(message) == "eab35b4cd1104b78874a7e5735ec8a8396d7ad53a4efff253c44e33674455193"
