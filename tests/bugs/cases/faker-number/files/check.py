from faker import Faker

fake = Faker()
print(max(fake.random_number(fix_len=True) for _ in range(500)))
