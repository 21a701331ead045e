import sys

from webargs import core, fields

schema = {"name": fields.Str(required=True), "age": fields.Int()}


def handle(number):
    parsed = core.argmap2schema(schema)(strict=True).load({"name": "a", "age": str(number)})
    return parsed.data["age"]


def main(requests):
    for number in range(requests):
        handle(number)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
