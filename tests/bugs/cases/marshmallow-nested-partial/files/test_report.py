import pytest
from marshmallow import Schema, ValidationError, fields


class Pet(Schema):
    name = fields.Str(required=True)
    age = fields.Int(required=True)


def owner(**options):
    return Schema.from_dict({"pet": fields.Nested(Pet(**options))})()


def test_complete():
    assert owner().load({"pet": {"name": "a", "age": 1}}) == {"pet": {"name": "a", "age": 1}}


def test_incomplete():
    with pytest.raises(ValidationError):
        owner().load({"pet": {"name": "a"}})


def test_partial():
    assert owner(partial=True).load({"pet": {"name": "a"}}) == {"pet": {"name": "a"}}
