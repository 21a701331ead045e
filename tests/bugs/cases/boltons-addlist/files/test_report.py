from boltons.dictutils import OrderedMultiDict


def added(values):
    made = OrderedMultiDict()
    made.addlist("a", values)
    return made


def test_list():
    assert added([1, 2]).items(multi=True) == [("a", 1), ("a", 2)]


def test_one():
    assert added([1])["a"] == 1


def test_generator():
    assert added(n for n in (1, 2)).getlist("a") == [1, 2]
