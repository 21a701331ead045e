import markdown


def html(*lines):
    return markdown.markdown("\n".join(lines), extensions=["admonition"])


def test_text():
    assert "<p>text</p>" in html("!!! note", "    text")


def test_two_paragraphs():
    assert "<p>more</p>\n</div>" in html("!!! note", "    text", "", "    more")


def test_code_first():
    got = html("!!! note", "    text", "", "        code", "", "    more")
    assert got.index("code") < got.index("more") < got.index("</div>")


def test_code_as_first_block():
    got = html("!!! note", "", "        indented", "        code", "", "    text")
    assert "admonition" in got
    assert "<pre>" in got and "<p>text</p>" in got
