from boltons.setutils import IndexedSet


def updated(*others):
    made = IndexedSet([1])
    made.update(*others)
    return list(made)


def test_one():
    assert updated([2, 3]) == [1, 2, 3]


def test_none():
    assert updated() == [1]


def test_two():
    assert updated((2, 3), (3, 4)) == [1, 2, 3, 4]
