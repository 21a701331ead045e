import io

from boltons.jsonutils import JSONLIterator

lines = [f'{{"n": {n}}}' for n in range(100)] + ['{"text": "' + "x" * 5000 + '"}']
log = io.StringIO("\n".join(lines))
for where in (0.1, 0.5, 0.9):
    log.seek(0)
    print(where, sum(1 for _ in JSONLIterator(log, rel_seek=where, ignore_errors=True)), flush=True)
