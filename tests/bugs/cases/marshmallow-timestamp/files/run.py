from marshmallow import Schema, ValidationError, fields

schema = Schema.from_dict({"at": fields.DateTime(format="timestamp")})()
for at in (0, 1600000000, "soon", 10**20):
    try:
        print(schema.load({"at": at}))
    except ValidationError as error:
        print(at, "refused:", error.messages)
