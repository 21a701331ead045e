from faker import Faker


def test_member_numbers():
    fake = Faker()
    numbers = [fake.random_number(fix_len=True) for _ in range(5)]
    assert all(number >= 0 for number in numbers)


def test_names():
    assert Faker().name()
