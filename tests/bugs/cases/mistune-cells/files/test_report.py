import mistune

markdown = mistune.create_markdown(plugins=["table"])


def cells(*rows):
    return markdown("\n".join(rows)).count("<td")


def test_full_rows():
    assert cells("| a | b |", "|---|---|", "| 1 | 2 |", "| 3 | 4 |") == 4


def test_no_table():
    assert cells("a | b") == 0


def test_short_row():
    assert cells("| a | b |", "|---|---|", "| 1 |") == 2
