import sys

from tornado.ioloop import IOLoop


def job(number):
    loop = IOLoop(make_current=False)
    loop.add_callback(loop.stop)
    loop.start()
    loop.close()


def main(jobs):
    for number in range(jobs):
        job(number)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
