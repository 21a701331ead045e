import tomlkit


def there_and_back(data):
    return tomlkit.parse(tomlkit.dumps(data)).unwrap()


def test_table():
    assert there_and_back({"a": {"b": 1}}) == {"a": {"b": 1}}


def test_table_in_an_array():
    assert there_and_back({"a": [{"b": 1}, {"b": 2}]}) == {"a": [{"b": 1}, {"b": 2}]}


def test_nested_in_a_nested_array():
    data = {"a": [[{"b": {"c": 1}}]]}
    assert there_and_back(data) == data
