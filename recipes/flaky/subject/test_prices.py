import prices


def test_rate():
    assert prices.rate_of("EUR") == 1.0


def test_show_remembers():
    prices.show(1)
    assert prices.LAST_SHOWN[-1].startswith("1.")


def test_dollars():
    prices.use_currency("USD")
    assert prices.show(10) == "11.00 USD"


def test_digits():
    assert prices.SETTINGS["digits"] == 2


def test_euros():
    assert prices.show(3) == "3.00 EUR"


def test_remembers_nothing_else():
    assert isinstance(prices.LAST_SHOWN, list)
