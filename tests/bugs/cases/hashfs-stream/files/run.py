import pathlib
import sys
import tempfile

from hashfs import HashFS


def main(kilobytes):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "film")
        with path.open("wb") as file:
            for number in range(kilobytes):
                file.write(b"%01024d" % number)
        store = HashFS(pathlib.Path(folder, "store"))
        print(store.put(str(path)).id)


if __name__ == "__main__":
    main(int(sys.argv[1]))
