import sys
from pathlib import Path

import sqlparse

statement = sqlparse.parse(Path(sys.argv[1]).read_text().strip())[0]
print("tokens", len(list(statement.flatten())))
print("the column's name is", statement.tokens[-1].get_name())
