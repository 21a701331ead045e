from werkzeug.http import parse_content_range_header

for value in ("bytes 0-9/100", "bytes */100", "bytes 5-2/9", "bytes */-1"):
    print(value, parse_content_range_header(value))
