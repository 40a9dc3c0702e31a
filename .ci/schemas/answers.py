"""Answers to a schema: a right one, and wrong ones."""

import copy
import json

TEXT = 'شرکت در سال ۱۳۷۰ تأسیس شد: "quoted" \\ line\nbreak, Côte'


def right(schema, length=2):
    """An answer with as many entries in each list."""
    if "enum" in schema:
        return schema["enum"][-1]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        return {name: right(inner, length) for name, inner in schema["properties"].items()}
    if kind == "array":
        return [right(schema["items"], length) for _ in range(length)]
    return {"string": TEXT, "boolean": True, "integer": 12, "number": 1.5, "null": None}[kind]


def spoil(answer, change):
    """The answer with the innermost first object changed."""
    answer = copy.deepcopy(answer)
    place = answer
    while True:
        below = [
            value[0] if isinstance(value, list) and value else value
            for value in place.values()
            if isinstance(value, (dict, list))
        ]
        below = [value for value in below if isinstance(value, dict)]
        if not below:
            change(place)
            return answer
        place = below[0]


def rename(place):
    name = next(iter(place))
    value = place.pop(name)
    place.update({name + "_of": value})


def drop(place):
    place.pop(next(iter(place)))


def add(place):
    place["note"] = "x"


def examples(schema):
    """Pairs of a text and whether it is an answer, each with a name."""
    answer = right(schema)
    text = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return [
        ("a right answer", text(answer), True),
        ("an empty answer", text(right(schema, 0)), True),
        ("an unknown field name", text(spoil(answer, rename)), False),
        ("a missing property", text(spoil(answer, drop)), False),
        ("one property more", text(spoil(answer, add)), False),
        ("prose", "Here is what the pages say: " + text(answer), False),
        ("half an answer", text(answer)[: len(text(answer)) // 2], False),
    ]
