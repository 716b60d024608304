"""The main job: which airport is the loneliest of the world?

A pipeline over a real public data set, the airports of the package `airportsdata`: a read that fails at first and is
repeated, a subworkflow for each region of the world in parallel, a durable pause beside them, a branch, and a report.
`make demo` runs it, kills it and resumes it; `elevon run examples/airports.py airports` just runs it.
"""

import csv
import importlib.resources
import json
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from elevon import File, current_context, if_, task, workflow
from elevon.tasktypes.sleep.task import Sleep

# The first halves of the time zones that airports of scheduled flights are in, but for three near the poles.
REGIONS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
EARTH_RADIUS_KM = 6371.0
NAME_WIDTH = 18
KM_PER_DEGREE = EARTH_RADIUS_KM * math.pi / 180


@dataclass
class Airport:
    """An airport of scheduled flights; `region` is the first half of its time zone, as in Pacific/Easter."""

    code: str
    name: str
    country: str
    region: str
    height_m: float
    latitude: float
    longitude: float


@dataclass
class Lonely:
    """An airport and the way to its nearest neighbour."""

    airport: Airport
    neighbour: Airport
    distance_km: float


@dataclass
class Survey:
    """What is worth knowing of a region."""

    region: str
    airport_count: int
    highest: Airport
    loneliest: Lonely


@task(retries=2)
def read_airports() -> File:
    """Read the data set, and keep what has an IATA code. The first attempt fails, as downloads do."""
    if current_context().attempt == 0:
        raise ConnectionError("the registry of airports does not answer")
    with (importlib.resources.files("airportsdata") / "airports.csv").open(encoding="utf-8") as rows:
        airports = [_airport(row) for row in csv.DictReader(rows) if row["iata"]]
    return _write(airports)


@task
def select(airports: File, region: str) -> File:
    """The airports of one region."""
    return _write([airport for airport in _read(airports) if airport.region == region])


@task
def find_highest(airports: File) -> Airport:
    """The airport with the thinnest air."""
    return max(_read(airports), key=lambda airport: airport.height_m)


@task
def find_loneliest(airports: File, world: File) -> Lonely:
    """The airport whose nearest neighbour, anywhere in the world, is the farthest."""
    everywhere = sorted(_read(world), key=lambda airport: airport.latitude)
    first, *others = _read(airports)
    loneliest = _neighbours(first, everywhere, 1)[0]
    for airport in others:
        if not _has_neighbour(airport, everywhere, loneliest.distance_km):
            loneliest = _neighbours(airport, everywhere, 1)[0]
    return loneliest


@task
def sum_up(region: str, airports: File, highest: Airport, loneliest: Lonely) -> Survey:
    """Put the findings of a region together."""
    return Survey(region, len(_read(airports)), highest, loneliest)


@workflow
def survey(world: File, region: str) -> Survey:
    """Survey one region."""
    airports = select(airports=world, region=region)
    highest, loneliest = find_highest(airports=airports), find_loneliest(airports=airports, world=world)
    return sum_up(region=region, airports=airports, highest=highest, loneliest=loneliest)


@task
def compare(surveys: list[Survey]) -> Lonely:
    """The loneliest of all."""
    return max((found.loneliest for found in surveys), key=lambda lonely: lonely.distance_km)


@task
def list_ways_out(lonely: Lonely, world: File) -> list[str]:
    """Where one can go from there."""
    everywhere = sorted(_read(world), key=lambda airport: airport.latitude)
    ways = _neighbours(lonely.airport, everywhere, 3)
    return [f"{way.distance_km:>7,.0f} km  {_place(way.neighbour)}" for way in ways]


@task
def say_near(lonely: Lonely) -> list[str]:
    """It is not that lonely."""
    return [f"nobody is farther than {lonely.distance_km:,.0f} km from the next airport"]


@task
def write_report(surveys: list[Survey], lonely: Lonely, ways: list[str]) -> str:
    """What a reader wants to know."""
    header = f"{'region':<10}{'airports':>9}{'highest':>10}{'':<21}{'loneliest':>10}"
    rows = [
        f"{found.region:<10}{found.airport_count:>9,}"
        f"{_cell(found.highest, f'{found.highest.height_m:,.0f} m'):<31}"
        f"{_cell(found.loneliest.airport, f'{found.loneliest.distance_km:,.0f} km')}"
        for found in sorted(surveys, key=lambda found: -found.loneliest.distance_km)
    ]
    total = sum(found.airport_count for found in surveys)
    verdict = f"The loneliest of {total:,} airports: {_place(lonely.airport)}. The ways out:"
    return "\n".join([header, *rows, "", verdict, *ways])


pause = Sleep("pause", timedelta(seconds=3))


@workflow
def airports(remote_km: float = 500.0) -> str:
    """Find the loneliest airport of the world.

    Args:
        remote_km: From which distance on the ways out are listed.
    """
    world = read_airports()
    surveys = [
        survey.with_overrides(node_name=region.lower())(world=world, region=region) for region in REGIONS
    ]
    paused = pause.with_overrides(node_name="pause", after=[world])()
    lonely = compare(surveys=surveys)
    ways = if_(lonely.distance_km >= remote_km, lambda: list_ways_out(lonely=lonely, world=world)).else_(
        lambda: say_near(lonely=lonely)
    )
    return write_report.with_overrides(after=[paused])(surveys=surveys, lonely=lonely, ways=ways)


def _airport(row: dict[str, str]) -> Airport:
    return Airport(
        code=row["iata"],
        name=row["name"],
        country=row["country"],
        region=row["tz"].partition("/")[0],
        height_m=float(row["elevation"]) * 0.3048,
        latitude=float(row["lat"]),
        longitude=float(row["lon"]),
    )


def _neighbours(airport: Airport, everywhere: Sequence[Airport], count: int) -> list[Lonely]:
    """The nearest others, nearest first, from airports in the order of their latitudes."""
    within_km = 250.0
    while True:
        others = _band(airport, everywhere, within_km)
        found = sorted((_distance_km(airport, other), other.code, other) for other in others)[:count]
        if len(others) == len(everywhere) - 1 or (len(found) == count and found[-1][0] <= within_km):
            return [Lonely(airport, other, distance_km) for distance_km, _, other in found]
        within_km *= 2


def _has_neighbour(airport: Airport, everywhere: Sequence[Airport], within_km: float) -> bool:
    """Whether another one is that near; stops at the first."""
    others = _band(airport, everywhere, within_km)
    return any(_distance_km(airport, other) <= within_km for other in others)


def _band(airport: Airport, everywhere: Sequence[Airport], within_km: float) -> list[Airport]:
    """The others whose latitude alone does not put them farther away."""
    width = within_km / KM_PER_DEGREE
    start = bisect_left(everywhere, airport.latitude - width, key=lambda other: other.latitude)
    stop = bisect_left(everywhere, airport.latitude + width, key=lambda other: other.latitude)
    return [other for other in everywhere[start:stop] if other.code != airport.code]


def _distance_km(here: Airport, there: Airport) -> float:
    """Along the great circle, by the haversine formula."""
    first, second = math.radians(here.latitude), math.radians(there.latitude)
    width = math.radians(there.longitude - here.longitude)
    chord = (
        math.sin((second - first) / 2) ** 2 + math.cos(first) * math.cos(second) * math.sin(width / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(chord))


def _write(airports: Sequence[Airport]) -> File:
    path = current_context().scratch_dir / "airports.json"
    path.write_text(json.dumps([asdict(airport) for airport in airports]), encoding="utf-8")
    return File(path)


def _read(file: File) -> list[Airport]:
    with file.open() as text:
        return [Airport(**fields) for fields in json.load(text)]


def _place(airport: Airport) -> str:
    return f"{airport.name} ({airport.code}, {airport.country})"


def _cell(airport: Airport, measure: str) -> str:
    name = airport.name.removesuffix(" Airport").removesuffix(" International")
    return f"{measure:>10}  {name if len(name) <= NAME_WIDTH else f'{name[: NAME_WIDTH - 1]}…'}"
