from jinja2 import Environment

TEMPLATE = """{% set title, author, pages, price = book %}
{{ title }} by {{ author }}: {{ pages }} pages, {{ price }}
"""
print(Environment().compile(TEMPLATE, raw=True))
