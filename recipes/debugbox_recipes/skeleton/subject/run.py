"""A program with a planted fault: an order without a price."""

ORDERS = [{"name": "apples", "price": 2}, {"name": "pears"}]


def price_of(order):
    return order["price"]


def total(orders):
    return sum(price_of(order) for order in orders)


print(total(ORDERS))
