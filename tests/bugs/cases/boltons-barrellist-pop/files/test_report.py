from boltons.listutils import BarrelList


def barrel():
    made = BarrelList(range(4))
    made.lists = [[0, 1], [2, 3]]
    return made


def test_pop_the_last():
    assert barrel().pop() == 3


def test_pop_by_index():
    assert barrel().pop(1) == 1


def test_pop_after_removing_by_index():
    made = barrel()
    made.pop(3)
    made.pop(2)
    assert made.pop() == 1
