"""Functions in DuckDB's own language.

It owns their text. A macro whose name begins with `_` is no function of Hive's; the others have Hive's names. Which of
several bodies is taken, DuckDB decides by the types of what is given; the last one is for all others.
"""

from typing import Final

_SUBSTRING_INDEX: Final = (
    "CREATE MACRO substring_index(a, b, n) AS array_to_string("
    "CASE WHEN n >= 0 THEN list_slice(string_split(a, b), 1, n) ELSE list_slice(string_split(a, b), n, -1) END, b)"
)
_WIDTH_BUCKET: Final = (
    "CREATE MACRO width_bucket(a, low, high, n) AS "
    "CASE WHEN a < low THEN 0 WHEN a >= high THEN n + 1 ELSE CAST(floor((a - low) * n / (high - low)) AS INT) + 1 END"
)
_ADD_MONTHS: Final = (
    "CREATE MACRO _add_months(a, n) AS CAST(CAST("
    "CASE WHEN a = last_day(a) THEN last_day(a + to_months(n)) ELSE a + to_months(n) END AS DATE) AS VARCHAR)"
)
_SIZE: Final = (
    "CREATE MACRO _size(a MAP(VARCHAR, VARCHAR)) AS CAST(coalesce(cardinality(a), -1) AS INT), "
    "(a) AS CAST(coalesce(len(a), -1) AS INT)"
)
_MASK: Final = (
    "CREATE MACRO mask(a) AS regexp_replace(regexp_replace(regexp_replace("
    "a, '[A-Z]', 'X', 'g'), '[a-z]', 'x', 'g'), '[0-9]', 'n', 'g')"
)

_DIGITS: Final = "'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'"
_CONV: Final = (
    "CREATE MACRO conv(a, base, wanted) AS to_base(CAST(list_reduce(list_prepend(CAST(0 AS HUGEINT), list_transform("
    f"string_split(regexp_extract(upper(a), '^[' || left({_DIGITS}, base) || ']+'), ''), "
    f"lambda digit: CAST(strpos({_DIGITS}, digit) - 1 AS HUGEINT))), "
    "lambda made, digit: made * base + digit) AS BIGINT), wanted)"
)
"""Digits as far as they are some; numbers below 0 or above 2**63 - 1 are an error of DuckDB's."""

_STR_TO_MAP: Final = (
    "CREATE MACRO str_to_map(a, outer_sign, inner_sign) AS map_from_entries(list_transform("
    "string_split_regex(a, outer_sign), lambda pair: struct_pack("
    "k := string_split_regex(pair, inner_sign)[1], "
    "v := nullif(array_to_string(string_split_regex(pair, inner_sign)[2:], inner_sign), ''))))"
)
_URL: Final = (
    r"'^(\w[\w+.-]*)://(?:([^/?#@]*)@)?(\[[^\]]*\]|[^/?#:]*)(?::\d+)?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$'"
)
_URL_PART: Final = (
    "CREATE MACRO _url_part(a, part) AS nullif(CASE part "
    f"WHEN 'PROTOCOL' THEN regexp_extract(a, {_URL}, 1) WHEN 'USERINFO' THEN regexp_extract(a, {_URL}, 2) "
    f"WHEN 'HOST' THEN regexp_extract(a, {_URL}, 3) WHEN 'PATH' THEN regexp_extract(a, {_URL}, 4) "
    f"WHEN 'QUERY' THEN regexp_extract(a, {_URL}, 5) WHEN 'REF' THEN regexp_extract(a, {_URL}, 6) "
    r"WHEN 'AUTHORITY' THEN regexp_extract(a, '^\w[\w+.-]*://([^/?#]*)', 1) "
    r"WHEN 'FILE' THEN regexp_extract(a, '^\w[\w+.-]*://[^/?#]*([^#]*)', 1) END, '')"
)
_URL_PARAMETER: Final = (
    "CREATE MACRO _url_parameter(a, name) AS nullif(regexp_extract("
    "_url_part(a, 'QUERY'), '(?:^|&)' || regexp_escape(name) || '=([^&]*)', 1), '')"
)

_NUMBER: Final = "CREATE MACRO _number(a VARCHAR) AS TRY_CAST(a AS DOUBLE), (a) AS a"
"""What Hive computes with: a text is the number that it says."""

_CUT: Final = (
    "CREATE MACRO _cut(a BIGINT) AS a, (a BOOLEAN) AS CAST(a AS INT), (a TIMESTAMP) AS floor(epoch(a)), "
    "(a) AS trunc(TRY_CAST(a AS DECIMAL(38, 9)))"
)
"""What becomes an integer: Hive cuts what is behind the point, DuckDB rounds."""

_BESIDE: Final = (
    "CREATE MACRO _beside(a VARCHAR, b VARCHAR) AS a, (a VARCHAR, b DOUBLE) AS TRY_CAST(a AS DOUBLE), "
    "(a VARCHAR, b DATE) AS TRY_CAST(a AS DATE), (a VARCHAR, b TIMESTAMP) AS TRY_CAST(a AS TIMESTAMP), "
    "(a DATE, b TIMESTAMP) AS a, (a, b) AS a"
)
"""`a` as Hive compares it with a `b`: a text is a number beside a number, and a date beside a date."""

MACROS: Final = (
    "CREATE MACRO positive(a) AS a",
    "CREATE MACRO negative(a) AS -a",
    "CREATE MACRO e() AS exp(1)",
    "CREATE MACRO pmod(a, b) AS ((a % b) + b) % b",
    "CREATE MACRO bround(a) AS round_even(a, 0), (a, n) AS round_even(a, n)",
    "CREATE MACRO shiftleft(a, n) AS a << n",
    "CREATE MACRO shiftright(a, n) AS a >> n",
    _WIDTH_BUCKET,
    "CREATE MACRO rlike(a, b) AS regexp_matches(a, b)",
    "CREATE MACRO find_in_set(a, b) AS coalesce(list_position(string_split(b, ','), a), 0)",
    _SUBSTRING_INDEX,
    "CREATE MACRO format_number(a, n) AS format('{:,.' || n || 'f}', CAST(a AS DOUBLE))",
    _MASK,
    "CREATE MACRO from_utc_timestamp(a, zone) AS timezone(zone, timezone('UTC', TRY_CAST(a AS TIMESTAMP)))",
    "CREATE MACRO to_utc_timestamp(a, zone) AS timezone('UTC', timezone(zone, TRY_CAST(a AS TIMESTAMP)))",
    _ADD_MONTHS,
    _CONV,
    _STR_TO_MAP,
    _URL_PART,
    _URL_PARAMETER,
    _SIZE,
    _NUMBER,
    _CUT,
    _BESIDE,
)
"""For each connection."""
