"""`katydid._json` gives what the standard library gives: value for value, error for error."""

import json
import random
from typing import Any

import pytest

from katydid import _json
from katydid._json import dumps

TEXTS = [
    "-0", "-0.0", "1e400", "-1e400", "NaN", "-Infinity", "Infinity", "1E5", "1e-400", "0.1",
    "1.7976931348623157e308", "2.2250738585072011e-308", "9007199254740993", "18446744073709551616",
    "123456789012345678901234567890", "-9223372036854775809", '"\\ud800"', '"\\ud83d\\ude00"', '"\\u00e9é"',
    '{"a":1,"a":2}', '{"b":{"a":[]},"a":null}', " [true, false] ", "\ufeff[1]", "01", "1.", ".5", "-", "tru", "",
    '"', '"\t"', '"\x00"', "[1,]", "[1,2", '{"a":}', "1 2", "[" * 150 + "]" * 150, "[" * 5000 + "]" * 5000, "1" * 5000,
]  # fmt: skip


def loads(text: bytes) -> Any:
    """As the clients call it."""
    return _json.loads(text, lambda: json.loads(text))


def outcome(parse: Any, text: Any) -> Any:
    try:
        return shape(parse(text))
    except Exception as error:
        return type(error), str(error)


def shape(value: Any) -> Any:
    """What == leaves out: types, the order of keys, the sign of zero, NaN."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value), repr(value)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:20])
@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_odd_texts(text: str, coding: str) -> None:
    assert outcome(loads, text.encode(coding)) == outcome(json.loads, text.encode(coding))


def test_bytes_that_are_no_text() -> None:
    for text in (b'"\xff"', b"\xff\xfe", b'{"a": "\xc3"}'):
        assert outcome(loads, text) == outcome(json.loads, text)


def test_any_float() -> None:
    random.seed(1)
    for _ in range(20_000):
        value = random.choice((random.random(), random.uniform(-1e300, 1e300)))
        value *= 10.0 ** random.randint(-300, 8)
        text = random.choice(("%r", "%.25g", "%.17e")) % value
        assert repr(loads(text.encode())) == repr(json.loads(text))


def random_value(depth: int) -> Any:
    kind = random.randrange(7 if depth else 5)
    if kind == 5:
        return [random_value(depth - 1) for _ in range(random.randrange(5))]
    if kind == 6:
        return {random_text(): random_value(depth - 1) for _ in range(random.randrange(5))}
    return (None, True, random.randint(-(2**70), 2**70), random.random(), random_text())[kind]


def random_text() -> str:
    return "".join(chr(random.choice((34, 92, 10, 97, 233, 8364, 128512))) for _ in range(5))


def test_any_value_there_and_back() -> None:
    random.seed(2)
    for _ in range(2_000):
        value = random_value(4)
        assert dumps(value) == json.dumps(value, allow_nan=False).encode()
        assert shape(loads(dumps(value))) == shape(value)


def test_what_json_does_not_have() -> None:
    with pytest.raises(ValueError):
        dumps(float("nan"))
    with pytest.raises(TypeError):
        dumps(object())
