import sys

import idna

size = int(sys.argv[1])
label = "\u0628" + "\u200c" * size + "\u0628"
try:
    idna.check_label(label)
except idna.IDNAError as error:
    print(type(error).__name__)
