from lark import Lark

GRAMMAR = r"""
start: item+
item: word | pair
word: /[a-z]+/
pair: word word
"""
parser = Lark(GRAMMAR, parser="earley", ambiguity="explicit", lexer="dynamic_complete")
print(parser.parse("abc"))
