"""Prices with a currency that is set for all."""

SETTINGS = {"currency": "EUR", "digits": 2}
LAST_SHOWN = []
RATES = {}


def use_currency(name):
    SETTINGS["currency"] = name


def rate_of(name):
    if name not in RATES:
        RATES[name] = {"EUR": 1.0, "USD": 1.1}[name]
    return RATES[name]


def show(amount):
    text = f"{amount * rate_of(SETTINGS['currency']):.{SETTINGS['digits']}f} {SETTINGS['currency']}"
    LAST_SHOWN.append(text)
    return text
