from transitions import Machine


class Lamp:
    def __init__(self, works=True):
        self.works = works

    def has_power(self):
        return self.works


def machine(*lamps):
    made = Machine(model=list(lamps), states=["off", "on"], initial="off")
    made.add_transition("switch", "off", "on", conditions="has_power")
    return made


def test_one():
    lamp = Lamp()
    assert machine(lamp).dispatch("switch")
    assert lamp.state == "on"


def test_broken_last():
    good, broken = Lamp(), Lamp(works=False)
    assert not machine(good, broken).dispatch("switch")
    assert good.state == "on"


def test_broken_first():
    broken, good = Lamp(works=False), Lamp()
    machine(broken, good).dispatch("switch")
    assert good.state == "on"
