import sys

from tornado.httputil import parse_cookie

count = int(sys.argv[1])
value = '\\"' * count
print(len(parse_cookie(f'a="{value}"')["a"]))
