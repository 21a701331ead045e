from boltons.iterutils import frange, xfrange


def test_ascending():
    assert list(xfrange(1, 3, step=0.75)) == [1.0, 1.75, 2.5]


def test_descending_list():
    assert frange(3, 1, step=-1) == [3.0, 2.0]


def test_descending():
    assert list(xfrange(3, 1, step=-1)) == [3.0, 2.0]
