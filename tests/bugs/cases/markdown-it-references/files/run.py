import sys

from markdown_it import MarkdownIt

count = int(sys.argv[1])
text = "\n".join(f"[name{n}]: /url/{n}" for n in range(count))
print(len(MarkdownIt().render(text + f"\n\nsee [name{count - 1}]")))
