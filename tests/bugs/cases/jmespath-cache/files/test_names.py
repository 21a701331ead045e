import jmespath

ROWS = [{"price": 3, "name": "nut"}, {"price": 4, "name": "bolt"}]


def test_names():
    assert jmespath.search("[*].name", ROWS) == ["nut", "bolt"]


def test_every_column():
    for number in range(126):
        assert jmespath.search(f"column_{number}", {f"column_{number}": number}) == number


def test_first():
    assert jmespath.search("[0].name", [ROWS[0]]) == "nut"


def test_total():
    assert jmespath.search("sum([*].price)", ROWS) == 7
