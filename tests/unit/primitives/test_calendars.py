"""A calendar gives what is due, earliest first, in the order in which it was added."""

from elevon.primitives.calendars import Calendar


def test_nothing_is_due_before_its_instant() -> None:
    calendar: Calendar[str] = Calendar()
    assert calendar.next_at is None
    calendar.add(["later"], 20)
    calendar.add(["soon"], 10)
    assert calendar.next_at == 10
    assert calendar.take(9.9, limit=5) == (9.9, [])
    assert calendar.take(30, limit=5) == (10, ["soon"])
    assert calendar.take(30, limit=5) == (20, ["later"])
    assert calendar.next_at is None


def test_what_is_beyond_the_limit_stays_due() -> None:
    calendar: Calendar[int] = Calendar()
    calendar.add(range(5), 10)
    assert calendar.take(10, limit=3) == (10, [0, 1, 2])
    assert calendar.next_at == 10
    calendar.add([5], 10)
    assert calendar.take(10, limit=9) == (10, [3, 4, 5])
